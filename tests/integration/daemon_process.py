# SPDX-License-Identifier: Apache-2.0
"""Runs `execaudit daemon` with a configuration of the test's own and reads what it writes.

Owns the daemon's process, its directory and its notification socket. It must not judge records.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.launching import launch
from tests.integration.requirements import CHECKOUT, DEADLINE_S, PYTHON, give_up
from tests.integration.shapes import see_lines
from tests.integration.tracing import Record

_CANNOT_TRACE = (3, 4)
_LOOK_S = 0.01
_MARK_AGAIN_S = 2.0


def wait_until(condition: Callable[[], bool], what: Callable[[], str] = str) -> None:
    """Wait for something that tells nobody when it happens."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"deadline passed: {what()}"
        time.sleep(_LOOK_S)


def to_toml(sections: Mapping[str, Mapping[str, object]]) -> str:
    """A configuration file; values of TOML that JSON writes alike."""
    lines: list[str] = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in section.items()]
    return "\n".join([*lines, ""])


# As the service manager starts a process: what it kept from 3 up, named in the environment.
_START_WITH_KEPT = """
import fcntl, os, sys
count = int(sys.argv[1])
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[2 : 2 + count]]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
os.closerange(3 + count, 1000)
os.environ |= {"LISTEN_FDS": str(count), "LISTEN_PID": str(os.getpid())}
os.execvp(sys.argv[2 + count], sys.argv[2 + count :])
"""


class DescriptorStore:
    """What a manager with FileDescriptorStoreMax= keeps of a service."""

    def __init__(self, most: int = 64) -> None:
        self.kept: list[tuple[str, int]] = []
        self._most = most

    def take(self, message: str, fds: list[int]) -> None:
        """Do what a message with these descriptors asks for."""
        lines = dict(line.partition("=")[::2] for line in message.split("\n"))
        if lines.get("FDSTORE") == "1":
            assert lines["FDPOLL"] == "0"
            room = self._most - len(self.kept)
            self.kept += [(lines["FDNAME"], fd) for fd in fds[:room]]
            fds = fds[room:]
        elif lines.get("FDSTOREREMOVE") == "1":
            fds += [fd for name, fd in self.kept if name == lines["FDNAME"]]
            self.kept = [(name, fd) for name, fd in self.kept if fd not in fds]
        for fd in fds:
            os.close(fd)

    def close(self) -> None:
        """As when a service has been stopped."""
        for _, fd in self.kept:
            os.close(fd)
        self.kept = []


class Daemon:
    """One `execaudit daemon`. A context manager: leaving it kills what is left.

    `place` is a directory of its own. `sections` are added to a configuration that writes to a file
    there and nowhere else.
    """

    def __init__(
        self,
        place: Path,
        engine: str,
        sections: Mapping[str, Mapping[str, object]] | None = None,
        rules: str = "",
        *,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        store: DescriptorStore | None = None,
    ) -> None:
        self.place = place
        self.engine = engine
        self.config = place / "execaudit.toml"
        self.log = place / "log" / "execaudit.jsonl"
        self.status_file = place / "status.json"
        self.log.parent.mkdir(exist_ok=True)
        self._command = command
        self.store = store
        self._environment = dict(environment or {})
        self._stderr = place / "stderr"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket_path = place / f"notify-{uuid.uuid4().hex[:8]}"
        self._socket.bind(str(self._socket_path))
        self.notices: list[str] = []
        self._looked_at = 0
        # A manager that takes everything at once.
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self.process: subprocess.Popen[bytes] | None = None
        self.configure(sections or {}, rules)

    def configure(self, sections: Mapping[str, Mapping[str, object]], rules: str = "") -> None:
        """Write the configuration; nobody is told."""
        base: dict[str, dict[str, object]] = {
            "capture": {"engine": self.engine, "ring_bytes": "64M"},
            "file": {"path": str(self.log), "space_left": 0, "space_low": 0},
            "journal": {"enabled": False},
            "status": {"path": str(self.status_file), "interval": "1s"},
        }
        for name, section in sections.items():
            base[name] = {**base.get(name, {}), **section}
        self.config.write_text(to_toml(base))
        folder = self.place / "rules.d"
        folder.mkdir(exist_ok=True)
        (folder / "10-test.toml").write_text(rules)

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._looked_at = len(self.notices)
        kept = self.store.kept if self.store else []
        numbers = [fd for _, fd in kept]
        before: list[str] = []
        names: dict[str, str] = {}
        if kept:
            before = [PYTHON, "-c", _START_WITH_KEPT, str(len(kept)), *map(str, numbers)]
            names = {"LISTEN_FDNAMES": ":".join(name for name, _ in kept)}
        with self._stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                [
                    *before,
                    *self._command,
                    *[PYTHON, "-m", "execaudit", "daemon", "--config", str(self.config)],
                ],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(self._socket_path),
                    **names,
                    **self._environment,
                },
                pass_fds=numbers,
            )
        self.wait_for_notice("READY=1")

    def __enter__(self) -> "Daemon":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Have what is left cleared away at the end, of a daemon that the test starts itself."""
        try:
            yield
        finally:
            self.__exit__()

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self._socket_path))
        self._listener.join()
        if self.store is not None:
            self.store.close()
        for file in self._all_files():
            see_lines(_whole_lines(file))
        self._socket.close()
        self._socket_path.unlink(missing_ok=True)

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(errors="replace")

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None
        return self.process

    def wait_for_notice(self, wanted: str) -> list[str]:
        """Wait for an assignment to the service manager; returns all since the last wait."""
        before = self._looked_at

        def came() -> bool:
            if self.running.poll() is not None and wanted != "STOPPING=1":
                self._give_up()
            return any(notice.startswith(wanted) for notice in self.notices[before:])

        wait_until(came, lambda: f"no {wanted} in {self.notices[before:]}; stderr: {self.stderr}")
        self._looked_at = len(self.notices)
        return self.notices[before:]

    def _listen(self) -> None:
        while True:
            data, fds, _, _ = socket.recv_fds(self._socket, 65536, 8)
            if not data:
                return
            if self.store is not None:
                self.store.take(data.decode(), fds)
            else:
                for fd in fds:
                    os.close(fd)
            self.notices += data.decode().split("\n")

    def _give_up(self) -> None:
        status = self.running.returncode
        if status in _CANNOT_TRACE:
            give_up(f"execaudit cannot trace: {self.stderr}")
        raise AssertionError(f"execaudit ended with {status}: {self.stderr}")

    def call(self, verb: str, *options: str) -> "subprocess.CompletedProcess[str]":
        """Run another verb of execaudit on this daemon."""
        return subprocess.run(
            [PYTHON, "-m", "execaudit", verb, "--config", str(self.config), *options],
            cwd=CHECKOUT,
            capture_output=True,
            check=False,
            text=True,
        )

    def status(self) -> dict[str, Any]:
        """What `execaudit status --json` prints."""
        answer = self.call("status", "--json")
        assert answer.returncode == 0, answer.stderr
        status: dict[str, Any] = json.loads(answer.stdout)
        return status

    def files(self) -> list[Path]:
        """All generations of the log, oldest first."""
        rotated = sorted(p for p in self.log.parent.iterdir() if p != self.log)
        return [*rotated, *([self.log] if self.log.exists() else [])]

    def _all_files(self) -> list[Path]:
        """What can be read of it, whatever the test has made of the folder."""
        try:
            return [file for file in self.files() if file.is_file() and ".jsonl" in file.name]
        except OSError:
            return []

    def contents(self) -> list[bytes]:
        """What all generations hold, oldest first, read again where one was renamed meanwhile."""
        while True:
            files = self.files()
            with contextlib.suppress(FileNotFoundError):
                contents = [file.read_bytes() for file in files]
                if self.files() == files:
                    return contents

    def records(self) -> list[Record]:
        """Every whole line of every generation; each must be JSON."""
        return [json.loads(line) for data in self.contents() for line in data.split(b"\n")[:-1]]

    def of_type(self, kind: str) -> list[Record]:
        return [r for r in self.records() if r["type"] == kind]

    def settle(self, tiny: Path) -> None:
        """Wait until every event that has happened was written."""
        patience_s = _MARK_AGAIN_S
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            # The last one counts: those before it are events, too.
            mark = f"sentinel-{uuid.uuid4()}".encode()
            launch([str(tiny), mark]).wait()
            again = min(time.monotonic() + patience_s, deadline)
            while time.monotonic() < again:
                if any(mark in data for data in self.contents()):
                    return
                time.sleep(_LOOK_S)
            patience_s *= 2
        raise AssertionError(f"no record of the test's own exec; stderr: {self.stderr}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Record:
        """End it as the service manager does. Returns its last record."""
        self.running.send_signal(number)
        assert self.running.wait(DEADLINE_S) == 0, self.stderr
        return self.records()[-1]

    def kill(self) -> None:
        """End it without a chance to say anything."""
        self.running.kill()
        with contextlib.suppress(ChildProcessError):
            self.running.wait()


def last_words(records: list[Record], program: str) -> list[str]:
    """The last argument of each exec of a program. Others' execs may have arguments like ours."""
    execs = [r for r in records if r["type"] == "exec" and r.get("filename") == program]
    return [r["argv"][-1] for r in execs if r["argv"]]


def _whole_lines(file: Path) -> list[bytes]:
    *lines, _ = file.read_bytes().split(b"\n")
    return lines
