# SPDX-License-Identifier: Apache-2.0
"""Chunks of long blocks, which come before the record that they belong to.

Owns the layout of a chunk, and the bounded table of chunks that wait. A stream is known by its key,
processor << 3 | hook; the record that chunks belong to comes next in their stream.
"""

import struct
from dataclasses import dataclass, field

from execaudit.wire import record
from execaudit.wire.blocks import Chunk

_CHUNK = struct.Struct(record.CHUNK.format[: -len("16384s")]).unpack_from
_SIZE = struct.Struct("@I").unpack_from
_DATA_AT = record.CHUNK.offset("data")
_CHUNKS_LIMIT = 4096  # 64 MiB; the longest record has about 130


def split_chunk(buf: bytes, at: int) -> Chunk | None:
    """Return the chunk in the KIND_CHUNK record at `at`; None where its lengths disagree."""
    if len(buf) - at < _DATA_AT:
        return None
    _, area, offset, wanted, got = _CHUNK(buf, at)
    (size,) = _SIZE(buf, at)
    if (
        size not in record.CHUNK_SIZES
        or size > len(buf) - at
        or area not in (record.AREA_ARGV, record.AREA_ENV)
        or not 0 < wanted <= size - _DATA_AT
        or got not in (0, wanted)
        or offset + wanted > 1 << 32
    ):
        return None
    start = at + _DATA_AT
    return Chunk(area, offset, wanted, buf[start : start + got])


@dataclass(slots=True)
class _Waiting:
    """The chunks of one record; `position` is where the batch with the first of them begins."""

    seq: int
    position: int
    chunks: list[Chunk] = field(default_factory=list)


class ChunkTable:
    """Chunks that wait, by stream. `count` is how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: dict[int, _Waiting] = {}  # longest waiting first

    @property
    def waits_from(self) -> int | None:
        """Position of the first batch with a chunk that waits; None without any."""
        return next((each.position for each in self._waiting.values()), None)

    def keep(self, stream: int, seq: int, chunk: Chunk, position: int) -> None:
        """Keep a chunk of the record `seq`; chunks of another record of its stream are dropped."""
        waiting = self._waiting.get(stream)
        if waiting is None or waiting.seq != seq:
            self.take(stream)
            waiting = self._waiting[stream] = _Waiting(seq, position)
        waiting.chunks.append(chunk)
        self.count += 1
        while self.count > _CHUNKS_LIMIT:
            self.take(next(iter(self._waiting)))

    def take(self, stream: int, seq: int | None = None) -> list[Chunk]:
        """Remove the chunks of a stream; return them if they belong to the record `seq`."""
        waiting = self._waiting.pop(stream, None)
        if waiting is None:
            return []
        self.count -= len(waiting.chunks)
        return waiting.chunks if waiting.seq == seq else []

    def drop(self, stream: int, seq: int) -> None:
        """Remove the chunks of a stream where they wait for a record up to `seq`."""
        waiting = self._waiting.get(stream)
        if waiting is not None and waiting.seq <= seq:
            self.take(stream)
