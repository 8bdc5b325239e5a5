# SPDX-License-Identifier: Apache-2.0
"""Names of the users of this host, for records that never wait long for them.

Owns /etc/passwd, read again when it has changed, and a thread that asks the Name Service Switch for
users that are not in it (LDAP, sssd, systemd's dynamic users), which may take seconds. A record
whose user is not known in time lacks the name; when the name comes, `version` changes.
"""

import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import queue

    from execaudit.background import Background

_FILE = Path("/etc/passwd")
_FILE_BYTES = 1 << 20  # a larger one is left to NSS: all its names would stay in memory
_NAMES_LIMIT = 4096
_QUEUE = 256
_WAIT_S = 0.05  # for all answers of a minute together
_AGAIN_S = 60.0  # dynamic users come and go, and directories begin to answer


def repair(name: str) -> str:
    """Return text with U+FFFD for lone surrogates, which stand for bytes that are not UTF-8."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _ask_nss(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


class Users:
    """Names of users. `ask` gives the name of a uid or raises KeyError; it is called in a thread.

    Attributes:
        names: answers of `name` by uid; None for a uid without a name.
        version: another number when an answer has changed.

    """

    def __init__(self, ask: Callable[[int], str] = _ask_nss, path: Path = _FILE) -> None:
        self.names: dict[int, str | None] = {}
        self.version = 0
        self._ask = ask
        self._path = str(path)
        self._state: tuple[int, ...] = ()
        self._local: dict[int, str] = {}
        self._thread: Background | None = None
        self._answers: queue.SimpleQueue[tuple[int, str | None]]
        self._asked: set[int] = set()  # without an answer so far
        self._nameless: set[int] = set()  # records have gone without their names
        self._is_full = False
        self._patience_s = _WAIT_S
        self._again_at = 0.0
        self._read_local()

    def name(self, uid: int) -> str | None:
        """Return the name of a uid; None if it has none, or none that is known in time."""
        if uid in self.names:
            return self.names[uid]
        if len(self.names) >= _NAMES_LIMIT:
            self.names.clear()
        if uid in self._local:
            self.names[uid] = self._local[uid]
        elif uid not in self._asked:
            if self._send(uid):
                self._wait(uid)
            else:
                self._is_full = True
        if uid not in self.names and len(self._nameless) < _NAMES_LIMIT:
            self._nameless.add(uid)
        return self.names.get(uid)

    def refresh(self) -> None:
        """Take over what has changed. Call it between two batches: `version` may change."""
        self._read_local()
        while self._asked and not self._answers.empty():
            self._take(*self._answers.get())
        if self._is_full and len(self._asked) < _QUEUE // 2:
            self._is_full = False
            self.version += 1  # uids that had no room are asked for again
        now_s = time.monotonic()
        if now_s >= self._again_at:
            self._again_at = now_s + _AGAIN_S
            self._patience_s = _WAIT_S
            for uid in [uid for uid in self.names if uid not in self._local][:_QUEUE]:
                self._send(uid)

    # -- /etc/passwd ---------------------------------------------------------------------------

    def _read_local(self) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - once per batch
            state = (status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns)
            if state == self._state:
                return
            self._state = state
            self._local = self._parse() if status.st_size <= _FILE_BYTES else {}
        except OSError:
            self._state, self._local = (), {}
        for uid, name in self._local.items():
            if uid in self._nameless or self.names.get(uid, name) != name:
                self._set(uid, name)
        self._again_at = 0.0  # users who were in the file may be elsewhere now, or nowhere

    def _parse(self) -> dict[int, str]:
        """Return names by uid, the first name of each. Format: passwd(5)."""
        found: dict[int, str] = {}
        with open(self._path, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                name, *rest = line.split(":", 3)
                # "+" and "-" are for compat mode, which NSS knows.
                is_name = len(rest) == 3 and name and name[0] not in "+-#"
                if is_name and rest[1].isascii() and rest[1].isdigit():
                    found.setdefault(int(rest[1]), repair(name))
        return found

    # -- NSS -------------------------------------------------------------------------------------

    def _send(self, uid: int) -> bool:
        """Ask for a uid in the thread; return False where too many wait already."""
        if uid in self._asked:
            return True
        if len(self._asked) >= _QUEUE:
            return False
        try:
            if self._thread is None:
                import queue  # noqa: PLC0415 - on most hosts nobody has to be asked

                from execaudit.background import Background  # noqa: PLC0415 - the same

                self._answers = queue.SimpleQueue()
                self._thread = Background("users")
            self._thread.submit(lambda: self._answers.put((uid, self._find(uid))))
        except (ImportError, OSError, RuntimeError):  # no more files or threads
            return False
        self._asked.add(uid)
        return True

    def _find(self, uid: int) -> str | None:
        try:
            return repair(self._ask(uid))
        except (KeyError, OSError, ValueError, OverflowError):  # the last: (uid_t) -1
            return None

    def _wait(self, uid: int) -> None:
        """Wait for the answer about a uid, as long as there is patience left."""
        from queue import Empty  # noqa: PLC0415 - on most hosts nobody has to be asked

        while self._patience_s > 0 and uid in self._asked:
            began_s = time.monotonic()
            try:
                answer = self._answers.get(timeout=self._patience_s)
            except Empty:
                self._patience_s = 0.0
                return
            self._patience_s -= time.monotonic() - began_s
            self._take(*answer)

    def _take(self, uid: int, name: str | None) -> None:
        self._asked.discard(uid)
        if uid not in self._local:
            self._set(uid, name)

    def _set(self, uid: int, name: str | None) -> None:
        is_known = uid in self.names
        was = self.names.pop(uid, None)
        self.names[uid] = name  # at the end: those that were not asked for lately come first
        if (is_known and was != name) or (uid in self._nameless and name is not None):
            self.version += 1
        self._nameless.discard(uid)
