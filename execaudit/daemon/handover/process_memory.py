# SPDX-License-Identifier: Apache-2.0
"""What the rules know of processes, in a memory file that outlives the daemon.

Owns the file, which is never half written: news are appended to the valid part; if there is no room
for them, everything is written to the other half. A process that is killed at any moment leaves
what its last commit knew. `rules.remembered` owns the content.
"""

import contextlib
import mmap
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from execaudit.daemon import systemd
from execaudit.daemon.log import log
from execaudit.errors import ExecauditError
from execaudit.sinks.notices import WARNING

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

NAME = "processes"
"""The name of the file in the service manager's store."""

_MAGIC = b"execaudit processes 1\n"
_STATE_AT = 4096
_HALF_BYTES = 8 << 20  # 65,536 programs with paths of 90 bytes; memory is taken as it is filled
_FILE_BYTES = _STATE_AT + 2 * _HALF_BYTES
# Indexes of 8-byte words in the first page; the length of each half stands behind the first.
_VALID_HALF, _LENGTH = 4, 5


class ProcessFile:
    """A memory file and its descriptor, which it owns."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _FILE_BYTES)
        self._words = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls) -> Self:
        """Make an empty file. Raises ExecauditError."""
        try:
            fd = os.memfd_create("execaudit-processes", os.MFD_CLOEXEC)
            os.ftruncate(fd, _FILE_BYTES)
            os.pwrite(fd, _MAGIC, 0)
        except OSError as error:
            raise ExecauditError(f"Failed to make a memory file: {error.strerror}") from error
        return cls(fd)

    @classmethod
    def open(cls, fd: int) -> Self | None:
        """Open the file of another process; if it is none, close the descriptor and return None."""
        with contextlib.suppress(OSError, ValueError):
            if os.pread(fd, len(_MAGIC), 0) == _MAGIC and os.fstat(fd).st_size == _FILE_BYTES:
                return cls(fd)
        os.close(fd)
        return None

    def read(self) -> bytes:
        """Return the valid part."""
        half = self._words[_VALID_HALF] & 1
        at = _STATE_AT + half * _HALF_BYTES
        return self._map[at : at + min(self._words[_LENGTH + half], _HALF_BYTES)]

    def append(self, data: bytes) -> bool:
        """Append to the valid part; return False if there is no room."""
        half = self._words[_VALID_HALF] & 1
        length = self._words[_LENGTH + half]
        if length + len(data) > _HALF_BYTES:
            return False
        at = _STATE_AT + half * _HALF_BYTES + length
        self._map[at : at + len(data)] = data
        self._words[_LENGTH + half] = length + len(data)
        return True

    def replace(self, entries: Iterable[bytes]) -> None:
        """Write everything again: the first of `entries` and the last ones, up to half the room.

        The rest of the room is for news.
        """
        first, *others = entries
        room = _HALF_BYTES // 2 - len(first)
        begin = len(others)
        while begin and room >= len(others[begin - 1]):
            begin -= 1
            room -= len(others[begin])
        data = b"".join([first, *others[begin:]])[:_HALF_BYTES]
        valid = self._words[_VALID_HALF] & 1
        half = valid ^ 1
        at = _STATE_AT + half * _HALF_BYTES
        self._map[at : at + len(data)] = data
        self._words[_LENGTH + half] = len(data)
        self._words[_VALID_HALF] = half
        with contextlib.suppress(OSError):  # the kernel gets the old half's memory back
            self._map.madvise(mmap.MADV_REMOVE, _STATE_AT + valid * _HALF_BYTES, _HALF_BYTES)

    def close(self) -> None:
        """Release mapping and descriptor."""
        self._words.release()
        self._map.close()
        os.close(self.fd)


class ProcessMemory:
    """Keeps a file in step with the rules in force, if there is a manager to store it."""

    def __init__(self, file: ProcessFile | None = None) -> None:
        self._file = file
        self._rules: RuleSet | None = None
        self._is_possible = systemd.has_manager()

    @classmethod
    def from_descriptor(cls, fd: int | None) -> Self:
        """Return one that goes on with the file the manager had stored, or with none."""
        file = ProcessFile.open(fd) if fd is not None else None
        if fd is not None and file is None:
            systemd.remove_descriptor(NAME)
        return cls(file)

    def restore(self, rules: "RuleSet | None", *, is_traced: bool) -> None:
        """Give rules what the previous process knew; see `restore_remembered`."""
        if self._file is None or rules is None or not rules.remembers:
            return
        from execaudit.rules.remembered import restore_remembered  # noqa: PLC0415 - as the rules

        try:
            restore_remembered(rules, self._file.read(), is_traced=is_traced)
        except (ValueError, IndexError) as error:
            log(WARNING, f"Failed to read what the rules knew of processes: {error}")

    def follow(self, rules: "RuleSet | None") -> None:
        """Write what the rules have learned since the last call."""
        if rules is None or not rules.remembers or not self._is_possible:
            return
        if rules is self._rules and self._file is not None:
            news = rules.take_news()
            if not news or self._file.append(news):
                return
        from execaudit.rules.remembered import render_remembered  # noqa: PLC0415 - as the rules

        self._file = self._file or self._create()
        if self._file is not None:
            self._rules = rules
            rules.keep_news()
            self._file.replace(render_remembered(rules))

    def _create(self) -> ProcessFile | None:
        try:
            file = ProcessFile.create()
        except ExecauditError as error:
            log(WARNING, f"{error}, a restart will forget what runs")
            self._is_possible = False
            return None
        systemd.store_descriptor(NAME, file.fd)
        return file

    def close(self) -> None:
        """Release the file; the manager's copy stays."""
        if self._file is not None:
            self._file.close()
            self._file = None
