# SPDX-License-Identifier: Apache-2.0
"""When a log is sealed. The new key is stored only after the seal is on the disk.

Owns the pace of seals, and the order log, fdatasync, key state. `evidence.chain` makes the seal,
`rotating_file` owns the file.
"""

import contextlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from execaudit.background import Background
from execaudit.config.seal import Seal
from execaudit.errors import ExecauditError
from execaudit.evidence.chain import Chain
from execaudit.evidence.key_state import KeyState
from execaudit.evidence.resume import resume
from execaudit.evidence.seal import Fields, read_seal
from execaudit.formats.content import COMPRESSED, open_content
from execaudit.formats.zstd_file import open_zstd
from execaudit.sinks.clock import Clock
from execaudit.sinks.line_file import LineFile
from execaudit.sinks.notices import WARNING, Notices
from execaudit.sinks.rotation import SUFFIXES, Generation, Series

_HEAD_BYTES = 256 << 10
_GZIP_WBITS = 31
_STOP_PATIENCE_S = 2.0
_MOST_SYNCS = 32  # each holds a descriptor while a disk hangs


class Sealing:
    """Seals the file that a sink writes.

    Attributes:
        chain: the chain of its seals.
        settings: the section [seal].
        encode: returns the line of a seal.

    """

    def __init__(
        self,
        chain: Chain,
        settings: Seal,
        encode: Callable[[Fields], bytes],
        series: Series,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self.chain = chain
        self.settings = settings
        self.encode = encode
        self._series = series
        self._clock = clock
        self._notices = notices
        self._file: LineFile | None = None
        self._size = self._appended = 0  # of the file; of the last write
        self._syncing = Background("seal", _MOST_SYNCS)
        self._first_s: float | None = None  # when the first line that is not sealed was seen
        self._sealed_s = clock.steady_s()
        self._is_failing = False
        self._failed_syncs = 0

    # -- the file -----------------------------------------------------------------------------

    def resume(self, file: LineFile) -> None:
        """Go on with a file that an earlier run wrote."""
        try:
            with contextlib.ExitStack() as stack:
                problem = resume(self.chain, file.path, file.fd, lambda: self._open_before(stack))
        except (OSError, EOFError, zlib.error, ExecauditError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            self.chain.start_apart()
        if problem:
            self._notices.add(
                WARNING, f"'{file.path}' does not go on where it was sealed: {problem}"
            )
        self._follow(file)

    def _open_before(self, stack: contextlib.ExitStack) -> int | None:
        """Open the previous file; of a compressed one, a plain copy without a name."""
        before = self._series.newest_other()
        if before is None:
            return None
        if not before.endswith(COMPRESSED):
            return stack.enter_context(open(before, "rb")).fileno()
        import shutil  # noqa: PLC0415 - once after a crash, if ever
        import tempfile  # noqa: PLC0415

        folder = self._series.directory or "."
        copy = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
        with open_content(before) as text:
            shutil.copyfileobj(text, copy)
        copy.flush()
        return copy.fileno()

    def begin_file(self, file: LineFile, reason: str = "") -> None:
        """Go on in another file; `reason` says why, if others moved the old one."""
        self._follow(file)
        if reason:
            self.seal(reason)
        self.seal("begin")

    def _follow(self, file: LineFile) -> None:
        self._file = file
        file.note_written = self._note_written
        self._size = file.size()

    def _note_written(self, data: bytes) -> None:
        self.chain.update(data)
        self._count(data)

    def _count(self, data: bytes) -> None:
        self._appended = len(data)
        self._size += len(data)

    def look_for_loss(self, size: int) -> None:
        """Write a seal that says so, if somebody else shortened the file to `size` bytes."""
        if size >= self._size:
            return
        self.chain.mark(shortened={"from": self._size, "to": size})
        self._size = size
        # Emptied before our last write, the file has just that write.
        self.seal("emptied" if size in (0, self._appended) else "shortened")
        self.seal("begin")

    # -- one seal -----------------------------------------------------------------------------

    def seal(self, reason: str, name: str = "") -> None:
        """Write a seal; `name` is the name that the file is about to get.

        If it cannot be written, the next seal covers these lines too.
        """
        file = self._file
        if file is None:
            return
        try:
            file.finish_line()
        except OSError:
            return
        fields = self.chain.next_seal(reason, name or self._series.base)
        line = self.encode(fields)
        done, _ = file.append(line, self._count)  # no line that the next seal covers
        if not done:
            return
        self.chain.sealed(fields, line)
        self._first_s = None
        self._sealed_s = self._clock.steady_s()
        self._save(file.fd)

    def _save(self, fd: int, then: Callable[[], None] | None = None) -> bool:
        """Sync the seal, then write the key state; call `then` in any case; in the background.

        Return False, and do nothing, where too many syncs wait already.
        """
        return self._sync_later(fd, self.chain.file.state.copy(), then)

    def sync(self, fd: int) -> None:
        """Sync a file that is left to others, before the next seal; in the background."""
        try:
            self._sync_later(fd)
        except OSError as error:
            self._complain(error)

    def _sync_later(
        self, fd: int, state: KeyState | None = None, then: Callable[[], None] | None = None
    ) -> bool:
        own = os.dup(fd)

        def job() -> None:
            try:
                self._sync(own)
                if state is not None:
                    self.chain.file.write(state)
                    self._is_failing = False
            except OSError as error:
                self._complain(error)
            with contextlib.suppress(OSError):  # late writes of some file systems: synced above
                os.close(own)
            if then is not None:
                then()

        if self._syncing.submit(job):
            return True
        os.close(own)
        return False

    def _sync(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError:
            self._failed_syncs += 1
            raise

    def _complain(self, error: OSError) -> None:
        """Report that a seal is not on the disk: the key that made it stays until one is."""
        if not self._is_failing:
            self._is_failing = True
            self._notices.add(
                WARNING,
                f"Failed to sync a seal, or write '{self.chain.file.path}': {error.strerror}, keys"
                " of older seals stay on this host until it works",
            )

    # -- when ---------------------------------------------------------------------------------

    def due_s(self, now_s: float) -> float:
        """Return when the next seal is due, by CLOCK_MONOTONIC."""
        if not self.chain.lines:
            return self._sealed_s + self.settings.idle_interval
        if self._first_s is None:
            self._first_s = now_s
        return self._first_s + self.settings.interval

    # -- retention ----------------------------------------------------------------------------

    def announce_removal(
        self,
        expired: list[Generation],
        kept: list[Generation],
        remove: Callable[[bool], None],
        *,
        is_urgent: bool,
    ) -> bool:
        """Remove files after a seal that names them is on the disk; at once if that is urgent.

        Return False, and remove nothing, where too many syncs wait already.
        """
        file, failed = self._file, self._failed_syncs
        names = [one.name for one in expired if not one.is_torn]
        if names:  # torn lines are in no seal
            stems = [self._series.full_path(one.stem) for one in kept if not one.is_torn]
            first = map(first_seal, [*stems, self._series.path])
            self.chain.note_removed(names, next(filter(None, first), None))
        if file is None or is_urgent:
            self._save_now(file)
            remove(True)
        else:
            self.seal("retention")
            # A sync that failed reported what is lost; the next one succeeds without it.
            return self._save(file.fd, lambda: remove(self._failed_syncs == failed))
        return True

    def _save_now(self, file: LineFile | None) -> None:
        """Sync the log, if it is open, and write the key state, which notes a removal."""
        try:
            if file is not None:
                os.fdatasync(file.fd)
            self.chain.file.write(self.chain.file.state)
        except OSError as error:
            self._complain(error)

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows about seals."""
        state = self.chain.file.state
        return {"seal_chain": state.chain, "seal_epoch": state.epoch}

    # -- the end ------------------------------------------------------------------------------

    def release(self) -> Chain:
        """Stop sealing this file; return the chain, for another one."""
        if self._file is not None:
            self._file.note_written = None
            self._file = None
        self._syncing.stop(_STOP_PATIENCE_S, finish=True)
        return self.chain

    def close(self) -> None:
        """Finish pending syncs, release the key state."""
        self.release().close()


def first_seal(stem: str) -> tuple[str, int] | None:
    """Return chain and epoch of the first seal near a file's beginning; None if there is none.

    `stem` is its path without the suffix of compression, which may take place meanwhile.
    """
    for suffix in SUFFIXES:  # the plain file goes after the compressed one has come
        with contextlib.suppress(OSError, EOFError, zlib.error, ExecauditError):
            seals = map(read_seal, _read_head(stem + suffix).split(b"\n"))
            return next(((str(seal.get("chain")), seal["epoch"]) for seal in seals if seal), None)
    return None


def _read_head(path: str) -> bytes:
    if path.endswith(".zst"):
        with open_zstd(path) as text:
            return text.read(_HEAD_BYTES)
    with Path(path).open("rb") as file:
        data = file.read(_HEAD_BYTES)
    if path.endswith(".gz"):
        return zlib.decompressobj(_GZIP_WBITS).decompress(data, _HEAD_BYTES)
    return data
