# SPDX-License-Identifier: Apache-2.0
"""The checkpoint: how far reading is, in a memory file that outlives the process.

Owns the file's form and that it is never half written: there are two halves for the state, and one
word says which of them is valid. A process that is killed at any moment leaves the state of its
last commit. A text in front describes the descriptors stored beside the file.
"""

import json
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

from execaudit.errors import ExecauditError

_MAGIC = b"execaudit checkpoint 1\n"
_TEXT_AT = 4096
_TEXT_BYTES = 60 << 10
_STATE_AT = _TEXT_AT + _TEXT_BYTES
# Indexes of 8-byte words in the first page.
_VALID_HALF, _BATCH_END, _HALF_WORDS = 4, 5, 6
_FIXED_WORDS = 64
_HELD_BACK_MOST = 1024
_STREAM_WORDS = 4


class Totals(NamedTuple):
    """What happened to all events of a run, as in a `stop` record."""

    seen: int
    dropped: int
    limited: int
    collapsed: int
    lost: int
    undecodable: int


class Checkpoint(NamedTuple):
    """The state at one moment. Times are CLOCK_BOOTTIME nanoseconds.

    Attributes:
        time_ns: when it was committed.
        is_stopped: it is the last one of a process that ended in order.
        position: in the ring; what is before it was accounted for and handed to the sinks.
        totals: counts of the run.
        kernel_dropped: `Capture.dropped` when the run began.
        undelivered: by sink: records taken, but neither written nor reported as lost.
        misses: runs that the kernel skipped, by hook.
        streams: (key, seq, time_ns, lost) of each stream.
        held_back: (key, seq) of events behind `position` that wait for what follows.

    """

    time_ns: int
    is_stopped: bool
    position: int
    totals: Totals
    kernel_dropped: int
    undelivered: dict[str, int]
    misses: dict[int, int]
    streams: Sequence[tuple[int, int, int, int]]
    held_back: Sequence[tuple[int, int]]


class CheckpointFile:
    """A memory file behind a descriptor, which is its own.

    Attributes:
        fd: the descriptor.
        description: what the file was created with.

    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.description, self._sinks = _read_text(fd)
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        self._words = memoryview(self._map).cast("Q")
        self._size = self._words[_HALF_WORDS]
        self._valid = self._words[_VALID_HALF] & 1

    @classmethod
    def create(cls, description: dict[str, Any], sinks: Sequence[str], streams: int) -> Self:
        """Make one for these sinks and at most so many streams. Raises ExecauditError."""
        text = json.dumps({"description": description, "sinks": list(sinks)}).encode()
        words = _FIXED_WORDS + _STREAM_WORDS * streams + 2 * _HELD_BACK_MOST
        try:
            fd = os.memfd_create("execaudit-checkpoint", os.MFD_CLOEXEC)
            os.ftruncate(fd, _STATE_AT + 2 * 8 * words)
            os.pwrite(fd, text[: _TEXT_BYTES - 1] + b"\0", _TEXT_AT)
            os.pwrite(fd, struct.pack("@Q", words), 8 * _HALF_WORDS)
            os.pwrite(fd, _MAGIC, 0)
        except OSError as error:
            raise ExecauditError(f"Failed to make a memory file: {error.strerror}") from error
        return cls(fd)

    @classmethod
    def open(cls, fd: int) -> Self | None:
        """Open the file of another process; None if it is none, or of another version.

        In that case the descriptor stays the caller's.
        """
        try:
            if os.pread(fd, len(_MAGIC), 0) != _MAGIC:
                return None
            (words,) = struct.unpack("@Q", os.pread(fd, 8, 8 * _HALF_WORDS))
            if os.fstat(fd).st_size != _STATE_AT + 2 * 8 * words:
                return None
            return cls(fd)
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return None

    def begin_batch(self, position: int) -> None:
        """Note that what lies before `position` is about to be handed to the sinks."""
        self._words[_BATCH_END] = position

    @property
    def batch_end(self) -> int:
        """End of the last batch that was begun."""
        return int(self._words[_BATCH_END])

    def commit(self, checkpoint: Checkpoint) -> None:
        """Make a state the valid one. Raises ValueError where it is larger than was planned."""
        held_back = checkpoint.held_back[:_HELD_BACK_MOST]
        words = [
            checkpoint.time_ns,
            checkpoint.is_stopped,
            checkpoint.position,
            *checkpoint.totals,
            checkpoint.kernel_dropped,
            *[checkpoint.undelivered.get(sink, 0) for sink in self._sinks],
            len(checkpoint.misses),
            *[word for pair in checkpoint.misses.items() for word in pair],
            len(checkpoint.streams),
            *[word for stream in checkpoint.streams for word in stream],
            len(held_back),
            *[word for mark in held_back for word in mark],
        ]
        if len(words) > self._size:
            raise ValueError(len(words))
        half = self._valid ^ 1
        at = _STATE_AT + half * 8 * self._size
        self._map[at : at + 8 * len(words)] = struct.pack(f"@{len(words)}Q", *words)
        self._words[_VALID_HALF] = half
        self._valid = half

    def read(self) -> Checkpoint:
        """Return the valid state. Raises ValueError where there is none."""
        at = _STATE_AT // 8 + self._valid * self._size
        words = iter(self._words[at : at + self._size].tolist())
        time_ns = next(words)
        if not time_ns:
            raise ValueError("never committed")
        try:
            return Checkpoint(
                time_ns,
                bool(next(words)),
                next(words),
                Totals(*_take(words, len(Totals._fields))),
                next(words),
                dict(zip(self._sinks, _take(words, len(self._sinks)), strict=True)),
                dict(_take_tuples(words, 2)),
                _take_tuples(words, _STREAM_WORDS),
                _take_tuples(words, 2),
            )
        except (StopIteration, TypeError) as error:
            raise ValueError("it is cut") from error

    def close(self) -> None:
        """Release mapping and descriptor."""
        self._words.release()
        self._map.close()
        os.close(self.fd)


def _read_text(fd: int) -> tuple[dict[str, Any], list[str]]:
    """Return the description and the names of the sinks. Raises ValueError, KeyError, TypeError."""
    text = json.loads(os.pread(fd, _TEXT_BYTES, _TEXT_AT).partition(b"\0")[0])
    return dict(text["description"]), list(text["sinks"])


def _take(words: Iterator[int], count: int) -> list[int]:
    return [next(words) for _ in range(count)]


def _take_tuples(words: Iterator[int], width: int) -> list[Any]:
    return [tuple(_take(words, width)) for _ in range(next(words))]
