# SPDX-License-Identifier: Apache-2.0
"""Where reading stands, in memory that outlives the process: a memory file in the manager's store.

Owns the file's form and that it is never half written: there are two places for the state, and one
word says which of them holds. A process that is killed at any moment leaves the state of its last
commit. In front stands a text, which says what the descriptors kept beside it are.
"""

import json
import mmap
import os
import struct
from typing import Any, NamedTuple, Self

from execaudit.errors import ExecauditError

_MAGIC = b"execaudit ledger 1\n"
_TEXT_AT = 4096
_TEXT_BYTES = 60 << 10
_WORDS_AT = _TEXT_AT + _TEXT_BYTES
_ACTIVE, _WRITING, _WORDS = 4, 5, 6  # words of the first page: place in force, batch, size
_FIXED = 64
_HELD_MOST = 1024
_STREAM = 4


class Standing(NamedTuple):
    """The state at one moment. Times are CLOCK_BOOTTIME nanoseconds."""

    time_ns: int
    is_stopped: bool  # the last commit of a process that ended in order
    position: int  # in the ring; what is before was accounted for and handed to the sinks
    totals: tuple[int, ...]  # of the run, in the order of `meters.totals`
    undelivered: tuple[int, ...]  # by sink: taken, but neither written nor told of as lost
    misses: dict[int, int]
    streams: list[tuple[int, int, int, int]]
    held: list[tuple[int, int]]  # (key, seq) of events behind `position` that are held back


class Ledger:
    """A memory file behind a descriptor, which is the ledger's own."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        self._words = memoryview(self._map).cast("Q")
        self._size = self._words[_WORDS]
        self._active = self._words[_ACTIVE] & 1

    @classmethod
    def create(cls, description: dict[str, Any], streams: int) -> Self:
        """Make one for at most so many streams. Raises ExecauditError."""
        text = json.dumps(description).encode()
        words = _FIXED + _STREAM * streams + 2 * _HELD_MOST
        try:
            fd = os.memfd_create("execaudit-ledger", os.MFD_CLOEXEC)
            os.ftruncate(fd, _WORDS_AT + 2 * 8 * words)
            os.pwrite(fd, text[: _TEXT_BYTES - 1] + b"\0", _TEXT_AT)
            os.pwrite(fd, struct.pack("@Q", words), 8 * _WORDS)
            os.pwrite(fd, _MAGIC, 0)
        except OSError as error:
            raise ExecauditError(f"Failed to make a ledger in memory: {error.strerror}") from error
        return cls(fd)

    @classmethod
    def open(cls, fd: int) -> Self | None:
        """The ledger of another process; None if that is none, or of another version.

        The descriptor stays the caller's then.
        """
        try:
            if os.pread(fd, len(_MAGIC), 0) != _MAGIC:
                return None
            (words,) = struct.unpack("@Q", os.pread(fd, 8, 8 * _WORDS))
            if os.fstat(fd).st_size != _WORDS_AT + 2 * 8 * words:
                return None
            return cls(fd)
        except (OSError, ValueError, struct.error):
            return None

    def description(self) -> dict[str, Any]:
        """The text it was made with; empty if there is none."""
        try:
            text = json.loads(os.pread(self.fd, _TEXT_BYTES, _TEXT_AT).partition(b"\0")[0])
        except ValueError:
            return {}
        return text if isinstance(text, dict) else {}

    def begin(self, position: int) -> None:
        """Say that what lies before `position` is about to be handed to the sinks."""
        self._words[_WRITING] = position

    def commit(self, standing: Standing) -> None:
        """Put a state in force. Raises ValueError where it is larger than was planned for."""
        held = standing.held[:_HELD_MOST]
        flat = [
            standing.time_ns,
            standing.is_stopped,
            standing.position,
            *_sized(standing.totals),
            *_sized(standing.undelivered),
            *_sized([word for pair in standing.misses.items() for word in pair]),
            len(standing.streams),
            *[word for stream in standing.streams for word in stream],
            len(held),
            *[word for mark in held for word in mark],
        ]
        if len(flat) > self._size:
            raise ValueError(len(flat))
        place = self._active ^ 1
        at = _WORDS_AT + place * 8 * self._size
        self._map[at : at + 8 * len(flat)] = struct.pack(f"@{len(flat)}Q", *flat)
        self._words[_ACTIVE] = place
        self._active = place

    def read(self) -> Standing:
        """The state in force. Raises ValueError where it is none."""
        at = _WORDS_AT // 8 + self._active * self._size
        words = self._words[at : at + self._size].tolist()
        if not words[0]:
            raise ValueError("never committed")
        where = 3

        def take(width: int) -> list[Any]:
            nonlocal where
            count, where = words[where], where + 1
            part = words[where : where + count * width]
            if len(part) != count * width:
                raise ValueError("it is cut")
            where += count * width
            if width == 1:
                return part
            return [tuple(part[at : at + width]) for at in range(0, len(part), width)]

        totals, undelivered, misses = take(1), take(1), take(1)
        return Standing(
            words[0], bool(words[1]), words[2], tuple(totals), tuple(undelivered),
            dict(zip(misses[::2], misses[1::2], strict=True)), take(_STREAM), take(2),
        )  # fmt: skip

    @property
    def writing(self) -> int:
        """End of the last batch that was begun."""
        return int(self._words[_WRITING])

    def close(self) -> None:
        """Let go of mapping and descriptor."""
        self._words.release()
        self._map.close()
        os.close(self.fd)


def _sized(words: Any) -> list[int]:
    return [len(words), *words]
