# SPDX-License-Identifier: Apache-2.0
"""The checkpoint: how far reading is, in a memory file that outlives the process.

Owns the form of the file, which is never half written: it has two halves for the state (its length
in 8 bytes, then JSON), and one word says which half is valid. A process that is killed at any
moment leaves the state of its last commit. A text before the halves describes the descriptors that
are stored with the file.
"""

import json
import mmap
import os
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from execaudit.errors import ExecauditError

_MAGIC = b"execaudit checkpoint 2\n"
_TEXT_AT = 4096
_TEXT_BYTES = 60 << 10
_STATE_AT = _TEXT_AT + _TEXT_BYTES
# Indexes of 8-byte words in the first page.
_VALID_HALF, _BATCH_END, _HALF_BYTES = 4, 5, 6
_FIXED_BYTES = 4096
HELD_BACK_MOST = 1024
"""How many events can be held back: the next process would leave out any other as a duplicate."""

_HELD_BACK_BYTES, _STREAM_BYTES = 32, 80  # a pair and a stream in JSON, of the largest numbers
_LENGTH = struct.Struct("@Q").pack
_encode = json.JSONEncoder(separators=(",", ":")).encode


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

    A stream is known by its key: processor << 3 | hook.
    """

    time_ns: int  # when it was committed
    is_stopped: bool  # it is the last one of a process that ended in order
    position: int  # in the ring; all before it is accounted for, and with the sinks
    totals: Totals
    kernel_dropped: int  # `Capture.dropped` when the run began
    undelivered: dict[str, int]  # by sink: records taken, neither written nor reported as lost
    misses: dict[int, int]  # runs that the kernel skipped, by hook
    streams: Sequence[tuple[int, int, int, int]]  # (key, seq, time_ns, lost)
    held_back: Sequence[tuple[int, int]]  # (key, seq) behind `position` that wait for what follows


def _to_json(checkpoint: Checkpoint) -> bytes:
    """Return the JSON array of the members; every turn makes one, so it is formatted by hand."""
    time_ns, is_stopped, position, totals, kernel_dropped, undelivered, misses = checkpoint[:7]
    streams = ",".join(
        [f"[{key},{seq},{at_ns},{lost}]" for key, seq, at_ns, lost in checkpoint.streams]
    )
    names = ",".join([f'"{name}":{count}' for name, count in undelivered.items()])
    hooks = ",".join([f'"{hook}":{count}' for hook, count in misses.items()])
    pairs = ",".join([f"[{key},{seq}]" for key, seq in checkpoint.held_back])
    return (
        f"[{time_ns},{'true' if is_stopped else 'false'},{position},"
        f"[{'%d,%d,%d,%d,%d,%d' % totals}],{kernel_dropped},"  # noqa: UP031 - of a tuple
        f"{{{names}}},{{{hooks}}},[{streams}],[{pairs}]]"
    ).encode()


class Duplicates:
    """Events that come out of the ring again, although the previous process had delivered them.

    These are all up to `seqs[key]` of each stream, except the (key, seq) in `held_back`.
    """

    def __init__(self, seqs: dict[int, int], held_back: set[tuple[int, int]]) -> None:
        self.count = 0  # records that came again, and were left out
        self._seqs = seqs
        self._held_back = held_back

    def covers(self, key: int, seq: int, *, is_record: bool) -> bool:
        """Return True if an event must be left out. One that was held back passes once."""
        if seq > self._seqs.get(key, 0):
            return False
        if (key, seq) in self._held_back:
            if is_record:
                self._held_back.remove((key, seq))
            return False
        self.count += is_record
        return True

    def take_missing(self) -> int:
        """Return how many of those held back did not come again; call it after reading all."""
        count = len(self._held_back)
        self._held_back.clear()
        return count


class CheckpointFile:
    """A memory file and its descriptor, which it owns. `description` is what `create` got."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        text = os.pread(fd, _TEXT_BYTES, _TEXT_AT).partition(b"\0")[0]
        self.description: dict[str, Any] = json.loads(text)
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        self._words = memoryview(self._map).cast("Q")
        self._size = self._words[_HALF_BYTES]
        self._valid = self._words[_VALID_HALF] & 1

    @classmethod
    def create(cls, description: dict[str, Any], streams: int) -> Self:
        """Make a file for at most `streams` streams. Raises ExecauditError."""
        text = _encode(description).encode()
        size = _FIXED_BYTES + _STREAM_BYTES * streams + _HELD_BACK_BYTES * HELD_BACK_MOST
        try:
            fd = os.memfd_create("execaudit-checkpoint", os.MFD_CLOEXEC)
            os.ftruncate(fd, _STATE_AT + 2 * size)
            os.pwrite(fd, text[: _TEXT_BYTES - 1] + b"\0", _TEXT_AT)
            os.pwrite(fd, struct.pack("@Q", size), 8 * _HALF_BYTES)
            os.pwrite(fd, _MAGIC, 0)
        except OSError as error:
            raise ExecauditError(f"Failed to make a memory file: {error.strerror}") from error
        return cls(fd)

    @classmethod
    def open(cls, fd: int) -> Self | None:
        """Open the file of another process; return None if it is no such file of this version.

        The caller keeps the descriptor then.
        """
        try:
            if os.pread(fd, len(_MAGIC), 0) != _MAGIC:
                return None
            (size,) = struct.unpack("@Q", os.pread(fd, 8, 8 * _HALF_BYTES))
            if os.fstat(fd).st_size != _STATE_AT + 2 * size:
                return None
            return cls(fd)
        except (OSError, ValueError, struct.error):
            return None

    def begin_batch(self, position: int) -> None:
        """Note that all before `position` is about to be given to the sinks."""
        self._words[_BATCH_END] = position

    @property
    def batch_end(self) -> int:
        """End of the last batch that was begun."""
        return int(self._words[_BATCH_END])

    def commit(self, checkpoint: Checkpoint) -> None:
        """Make a state the valid one. Raises ValueError if it is too large for its half."""
        state = _to_json(checkpoint)
        data = _LENGTH(len(state)) + state
        if len(data) > self._size:
            raise ValueError(len(data))
        half = self._valid ^ 1
        at = _STATE_AT + half * self._size
        self._map[at : at + len(data)] = data
        self._words[_VALID_HALF] = self._valid = half

    def read(self) -> Checkpoint:
        """Return the valid state. Raises ValueError if there is none."""
        at = _STATE_AT + self._valid * self._size
        (length,) = struct.unpack_from("@Q", self._map, at)
        if not length:
            raise ValueError("never committed")
        try:
            state = Checkpoint(*json.loads(self._map[at + 8 : at + 8 + length]))
            return state._replace(
                totals=Totals(*state.totals),
                misses={int(hook): count for hook, count in state.misses.items()},
                streams=[(key, seq, time_ns, lost) for key, seq, time_ns, lost in state.streams],
                held_back=[(key, seq) for key, seq in state.held_back],
            )
        except (TypeError, AttributeError) as error:
            raise ValueError("it is of another form") from error

    def close(self) -> None:
        """Release mapping and descriptor."""
        self._words.release()
        self._map.close()
        os.close(self.fd)
