# SPDX-License-Identifier: Apache-2.0
"""Reads programs that ran for the first time, for their `program` records.

Owns the thread, its queue and the bound of that. The record of a program that cannot be read, or
that has changed since it ran, says so. No exec waits for anything here.
"""

import os
import stat
import time
from collections import deque
from typing import Any, NamedTuple

from execaudit.background import Background
from execaudit.baseline.keys import Traits, unpack_identity
from execaudit.baseline.packages import find_owners
from execaudit.config.digest import sha256
from execaudit.records.host import Host, wall_text
from execaudit.records.service_records import program_fields
from execaudit.records.text import FieldDict
from execaudit.wire.event import Event

_MOST_WAITING = 1024
_BATCH = 64  # programs for which the databases of packages are read once
_MOST_BYTES = 512 << 20  # of a program: hashing more takes too long
_CHUNK_BYTES = 128 << 10
_PAUSE_S = 0.001  # after each chunk: at most 90 MB/s, a third of a processor
_OF_FILE = ("modified", "sha256")


class Program(NamedTuple):
    """A program to be read.

    Attributes:
        record: the known members of its record.
        path: its file.
        identity: inode, size and change time that it had when it ran; an inode of 0 is any.

    """

    record: FieldDict
    path: bytes
    identity: tuple[int, int, int]


class ProgramReader:
    """Takes programs, and returns their records some time later."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: deque[Program] = deque()
        self._done: deque[FieldDict] = deque()
        self._background = Background("programs")
        self._is_reading = False

    @property
    def is_busy(self) -> bool:
        """True if records will come."""
        return bool(self._is_reading or self._waiting or self._done)

    def add(self, event: Event, traits: Traits, *, is_first: bool) -> None:
        """Read the program of an exec later; the traits must have its identity.

        If too many wait, or it is in another root directory, its record is complete at once.
        """
        ino, size, changed_ns = unpack_identity(traits)
        record = program_fields(self._host, event, (size, changed_ns), is_first=is_first)
        # On overlayfs, stat(2) may return other inodes than its layers have.
        identity = (0 if traits.is_in_layer else ino, size, changed_ns)
        program = Program(record, traits.exe, identity)
        if traits.is_elsewhere or len(self._waiting) >= _MOST_WAITING:
            self._done.append(_without_file(program))
            return
        self._waiting.append(program)
        if not self._is_reading:
            self._is_reading = self._background.submit(self._read_all)

    def take(self) -> list[FieldDict]:
        """Remove and return the complete records."""
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> list[FieldDict]:
        """End; return all records; records of unread programs lack the members of the file."""
        self._background.stop(0.5)
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        return [*self.take(), *map(_without_file, waiting)]

    def _read_all(self) -> None:
        while self._waiting and not self._background.is_stopping:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            found = [_read(program) for program in batch]
            owners = find_owners(
                program.path for program, of_file in zip(batch, found, strict=True) if of_file
            )
            for program, of_file in zip(batch, found, strict=True):
                if not of_file:
                    self._done.append(_without_file(program))
                elif owners is None:
                    self._done.append(_with_unreadable({**program.record, **of_file}, ("package",)))
                else:
                    owner = owners.get(program.path)
                    of_package = {} if owner is None else {"package": owner}
                    self._done.append({**program.record, **of_file, **of_package})
        self._is_reading = False


def _without_file(program: Program) -> FieldDict:
    return _with_unreadable(program.record, (*_OF_FILE, "package"))


def _with_unreadable(record: FieldDict, names: tuple[str, ...]) -> FieldDict:
    return {**record, "unreadable": [*record.get("unreadable", ()), *names]}


def _read(program: Program) -> dict[str, Any]:
    """Return members about the file; {} if it cannot be read or is another one by now."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        fd = os.open(program.path, flags)
    except (OSError, ValueError):
        return {}
    try:
        status = os.fstat(fd)
        if not _is_same(status, program.identity) or status.st_size > _MOST_BYTES:
            return {}
        digest = _hash(fd)
        if not _is_same(os.fstat(fd), program.identity):
            return {}
        return {"modified": wall_text(status.st_mtime_ns), "sha256": digest}
    except OSError:
        return {}
    finally:
        os.close(fd)


def _is_same(status: os.stat_result, identity: tuple[int, int, int]) -> bool:
    ino, size, ctime_ns = identity
    return (
        stat.S_ISREG(status.st_mode)
        and ino in (0, status.st_ino)
        and (status.st_size, status.st_ctime_ns) == (size, ctime_ns)
    )


def _hash(fd: int) -> str:
    digest = sha256()
    while chunk := os.read(fd, _CHUNK_BYTES):
        digest.update(chunk)
        time.sleep(_PAUSE_S)
    return str(digest.hexdigest())
