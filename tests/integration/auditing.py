# SPDX-License-Identifier: Apache-2.0
"""Runs the real auditd beside a test, with rules for execs, and reads what it logged.

Owns the daemon and its log; the benchmark's way of keeping the kernel's audit state is used. The
log's format is that of audit(8), raw. It must not know execaudit's records.
"""

import contextlib
import ctypes
import fcntl
import os
import platform
import re
import selectors
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import audit
from tests.integration.requirements import DEADLINE_S, give_up

AuditEvent = dict[str, list[str]]
"""Lines of one event by type, such as SYSCALL, without the time and serial number."""

_LOCK = Path("/run/lock/execaudit-test-audit")
_LINE = re.compile(rb"type=(\w+) msg=audit\([\d.]+:(\d+)\): (.*)")
_FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')
_IN_MODIFY = 2

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class AuditedExec:
    """What auditd knows of one execve or execveat call. Strings as the bytes they were."""

    pid: int
    ppid: int
    code: int
    argv: tuple[bytes, ...] | None
    filename: bytes
    ids: tuple[int, ...]
    auid: int
    ses: int
    tty: str
    cwd: bytes
    exe: bytes
    comm: bytes


class Auditd:
    """The running daemon; `key` marks the events of this test's rules."""

    def __init__(self, log: Path, key: str) -> None:
        self.log = log
        self.key = key

    def wait_for(self, argument: bytes) -> None:
        """Wait until an exec with this argument has been logged, with all lines of its event."""
        watch = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            assert _libc.inotify_add_watch(watch, os.fsencode(self.log), _IN_MODIFY) >= 0
            with selectors.DefaultSelector() as selector:
                selector.register(watch, selectors.EVENT_READ)
                deadline = time.monotonic() + DEADLINE_S
                while not any(_is_whole(event, argument) for event in self._events()):
                    assert time.monotonic() < deadline, "auditd did not log the last exec"
                    selector.select(1)
                    with contextlib.suppress(BlockingIOError):
                        os.read(watch, 1 << 16)
        finally:
            os.close(watch)

    def execs(self) -> list[AuditedExec]:
        """All execs logged so far."""
        mine = f'key="{self.key}"'
        return [
            _read_exec(event)
            for event in self._events()
            if any(mine in line for line in event.get("SYSCALL", ()))
        ]

    def _events(self) -> list[AuditEvent]:
        events: dict[bytes, AuditEvent] = {}
        for line in self.log.read_bytes().split(b"\n")[:-1]:
            if match := _LINE.match(line):
                kind, text = match[1].decode(), match[3].decode("utf-8", "surrogateescape")
                events.setdefault(match[2], {}).setdefault(kind, []).append(text)
        return list(events.values())


@contextlib.contextmanager
def run_auditd(directory: Path) -> Iterator[Auditd]:
    """Run auditd with everything of its own in `directory`, logging all execs."""
    for program in ("auditd", "auditctl"):
        if not shutil.which(program):
            give_up(f"there is no {program}")
    with _LOCK.open("w") as lock:
        # The kernel has one audit daemon: another run of these tests comes to its end first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if reason := audit.why_not_ours():
            give_up(reason)
        audit.write_configuration(directory, laurel=False)
        with audit.state_kept():
            yield from _run(directory)


def _run(directory: Path) -> Iterator[Auditd]:
    daemon = subprocess.Popen(["auditd", "-n", "-s", "nochange", "-c", str(directory)])
    try:
        _wait(lambda: audit.status()["pid"] == daemon.pid or daemon.poll() is not None)
        assert daemon.poll() is None, f"auditd ended with {daemon.returncode}"
        key = f"execaudit-{uuid.uuid4().hex[:8]}"
        # Among the rules may be a "never,task", as distributions have it, which would mute all.
        audit.auditctl("-D")
        # Rather slow down the storm than lose events; in hundredths of a second.
        audit.auditctl("-b", "16384", "--backlog_wait_time", "60000")
        audit.auditctl("-e", "1")
        for width in ("b64", *(["b32"] if platform.machine() == "x86_64" else [])):
            calls = ["-F", f"arch={width}", "-S", "execve", "-S", "execveat"]
            audit.auditctl("-a", "always,exit", *calls, "-k", key)
        yield Auditd(directory / "audit.log", key)
    finally:
        daemon.terminate()
        daemon.wait()


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "auditd did not start"


def _is_whole(event: AuditEvent, argument: bytes) -> bool:
    """Return True if an event is of an exec with this argument, and its last path is there."""
    if not any(argument.decode() in line for line in event.get("EXECVE", ())):
        return False
    (items,) = re.findall(r"\bitems=(\d+)", event["SYSCALL"][0])
    return len(event.get("PATH", ())) == int(items)


def _read_exec(event: AuditEvent) -> AuditedExec:
    call = dict(_FIELD.findall(event["SYSCALL"][0].split("\x1d")[0]))
    cwd = dict(_FIELD.findall(event["CWD"][0]))
    names = (dict(_FIELD.findall(line.split("\x1d")[0])) for line in event.get("PATH", ()))
    path = next((name for name in names if name["item"] == "0"), {"name": "(null)"})
    code = int(call["exit"])
    kinds = ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid")
    return AuditedExec(
        pid=int(call["pid"]),
        ppid=int(call["ppid"]),
        code=-min(code, 0),
        argv=_arguments(event["EXECVE"]) if code == 0 else None,
        filename=_text(path["name"]),
        ids=tuple(int(call[kind]) for kind in kinds),
        auid=int(call["auid"]),
        ses=int(call["ses"]),
        tty=call["tty"],
        cwd=_text(cwd["cwd"]),
        exe=_text(call["exe"]),
        comm=_text(call["comm"]),
    )


def _arguments(lines: list[str]) -> tuple[bytes, ...]:
    """Arguments of EXECVE lines: aN=VALUE, or aN_len=… and aN[I]=VALUE for a long one."""
    text = " ".join(lines)
    argc = re.search(r"\bargc=(\d+)", text)
    assert argc
    parts: dict[int, bytes] = {}
    for match in re.finditer(r'\ba(\d+)(?:\[\d+\])?=("[^"]*"|\S+)', text):
        parts[int(match[1])] = parts.get(int(match[1]), b"") + _text(match[2])
    return tuple(parts[i] for i in range(int(argc[1])))


def _text(value: str) -> bytes:
    """Undo audit's encoding: quoted, or hexadecimal where that would be ambiguous."""
    if value.startswith('"'):
        return value[1:-1].encode("utf-8", "surrogateescape")
    return b"" if value == "(null)" else bytes.fromhex(value)
