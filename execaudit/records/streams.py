# SPDX-License-Identifier: Apache-2.0
"""A stream: the events of one hook on one processor, numbered from 1.

Owns what is known of one, and the comparison with the kernel's own count. A stream is known by its
key: processor << 3 | hook.
"""

import struct
from dataclasses import dataclass
from typing import Protocol

from execaudit.wire import record
from execaudit.wire.decode import HEAD, Chunk

_CHUNKS_KEPT = 4096  # 64 MiB; the largest record has about 130
_CPUS = 8192  # the most a kernel is built for (NR_CPUS)

SLOT_COUNTERS = struct.Struct("@5Q").unpack_from
"""(seq, lost, lost_pending, lost_first_ns, lost_last_ns) of a struct slot."""


def sound_head(buf: bytes, at: int) -> tuple[int, ...] | None:
    """The header of the event at `at` (struct event_head); None where it can not be one."""
    if len(buf) - at < record.HEAD_BYTES:
        return None
    head = HEAD(buf, at)
    _, kind, version, hook, _, _, _, cpu, _, _ = head
    if version != record.WIRE_VERSION or cpu >= _CPUS or hook >= len(record.HOOKS):
        return None
    return head if record.KIND_EXEC <= kind <= record.KIND_EXIT else None


@dataclass(slots=True)
class Counts:
    """What went through. `seen` = records + `lost`; `shown` + `filtered` = records.

    `undecodable` ones are among the `lost` when settled, except chunks, whose record shows a gap.
    """

    seen: int = 0
    shown: int = 0
    filtered: int = 0
    lost: int = 0
    undecodable: int = 0


@dataclass(slots=True)
class Stream:
    """The newest event that is known, and how many were lost."""

    seq: int = 0
    time_ns: int = 0
    lost: int = 0
    chunk_seq: int = 0
    chunks: list[Chunk] | None = None
    chunks_at: int = 0  # `Pipeline.position` when the first of them came


class Duplicates(Protocol):
    """Which events a process before this one has finished."""

    def covers(self, key: int, seq: int, *, is_record: bool) -> bool:
        """Return True if an event is to be left out."""


class Waiting:
    """Chunks of all streams that wait for their record, which comes next in its stream."""

    def __init__(self) -> None:
        self._count = 0
        self._holders: dict[int, Stream] = {}  # by key, longest waiting first

    @property
    def since(self) -> int | None:
        """`Pipeline.position` when the first of them came; None without any."""
        return next((stream.chunks_at for stream in self._holders.values()), None)

    def keep(self, key: int, stream: Stream, seq: int, chunk: Chunk, position: int) -> None:
        """Keep a chunk of the record `seq`. Those of another, or too old, are given up."""
        if stream.chunk_seq != seq:
            self.take(key)
        if stream.chunks is None:
            stream.chunk_seq = seq
            stream.chunks_at = position
            stream.chunks = []
            self._holders[key] = stream
        stream.chunks.append(chunk)
        self._count += 1
        while self._count > _CHUNKS_KEPT:
            self.take(next(iter(self._holders)))

    def take(self, key: int) -> list[Chunk]:
        """The chunks that wait for a record of this stream; they no longer wait."""
        stream = self._holders.pop(key, None)
        if stream is None or stream.chunks is None:
            return []
        chunks, stream.chunks = stream.chunks, None
        self._count -= len(chunks)
        return chunks


def not_come(
    streams: dict[int, Stream], slots: list[list[bytes]]
) -> list[tuple[int, int, int, int]]:
    """(hook, cpu, count, time of the last known) where the kernel has given out more numbers.

    `slots` are the values of the map "slots" (struct slot) by hook and CPU.
    """
    out: list[tuple[int, int, int, int]] = []
    for hook, per_cpu in enumerate(slots):
        for cpu, raw in enumerate(per_cpu):
            stream = streams.get(cpu << 3 | hook)
            known, at_ns = (stream.seq, stream.time_ns) if stream else (0, 0)
            more = SLOT_COUNTERS(raw)[0] - known
            if more > 0:
                out.append((hook, cpu, more, at_ns))
    return out
