# SPDX-License-Identifier: Apache-2.0
"""Entries that wait, in order, within a bound of memory. Most of them are compressed.

Owns the memory that they take. Entries of one host repeat each other: a block shrinks to a
twentieth or less, and compressing costs a third of encoding. A bound of some megabytes therefore
holds a burst of tens of thousands. Entries that wait only briefly are not compressed.
"""

import zlib
from array import array
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

_ENTRY_OVERHEAD = 64  # what Python takes for each entry beside its bytes
_BLOCK_BYTES = 256 << 10
_BLOCKS = 8  # a block is at most an eighth of the bound: one is unpacked at a time
_PLAIN = 4  # a quarter of the bound may wait uncompressed
_LEVEL = 1


class _Packed(NamedTuple):
    """A block of entries: their bytes one after the other, compressed, and their lengths."""

    data: bytes
    lengths: bytes

    @property
    def size(self) -> int:
        return len(self.data) + len(self.lengths) + 2 * _ENTRY_OVERHEAD

    def unpack(self) -> list[bytes]:
        joined, entries, begin = zlib.decompress(self.data), [], 0
        for length in array("I", self.lengths):
            entries.append(joined[begin : begin + length])
            begin += length
        return entries


class Backlog:
    """Entries in the order of arrival. `len` counts them, `bytes` is the memory that they take."""

    def __init__(self) -> None:
        self.bytes = 0
        self._count = 0
        self._head: list[bytes] = []
        self._blocks: deque[list[bytes] | _Packed] = deque()
        self._tail: list[bytes] = []
        self._tail_bytes = 0

    def __len__(self) -> int:
        return self._count

    def add(self, entries: list[bytes], limit: int) -> int:
        """Take entries while all that waits stays within `limit` bytes; return how many it took."""
        block = min(_BLOCK_BYTES, limit // _BLOCKS)
        for at, entry in enumerate(entries):
            size = len(entry) + _ENTRY_OVERHEAD
            if self.bytes + size + block > limit and self._tail:
                self._close_tail(is_packed=True)
            if self.bytes + size + block > limit:
                return at
            self._tail.append(entry)
            self._tail_bytes += size
            self.bytes += size
            self._count += 1
            if self._tail_bytes >= block:
                self._close_tail(is_packed=self.bytes > limit // _PLAIN)
        return len(entries)

    def _close_tail(self, *, is_packed: bool) -> None:
        entries, self._tail = self._tail, []
        if is_packed:
            lengths = array("I", map(len, entries)).tobytes()
            packed = _Packed(zlib.compress(b"".join(entries), _LEVEL), lengths)
            self.bytes += packed.size - self._tail_bytes
            self._blocks.append(packed)
        else:
            self._blocks.append(entries)
        self._tail_bytes = 0

    def head(self) -> list[bytes]:
        """Return the oldest entries, a block at most; they stay until `drop`."""
        if not self._head and self._blocks:
            block = self._blocks.popleft()
            if isinstance(block, _Packed):
                self._head = block.unpack()
                self.bytes += _plain_size(self._head) - block.size
            else:
                self._head = block
        elif not self._head:
            self._head, self._tail, self._tail_bytes = self._tail, [], 0
        return self._head

    def drop(self, count: int) -> None:
        """Remove the first entries of the `head`."""
        self.bytes -= _plain_size(self._head[:count])
        self._count -= count
        self._head = self._head[count:]

    def take_all(self) -> Iterator[list[bytes]]:
        """Remove all entries, oldest first, some at a time."""
        while self._count:
            entries = self.head()
            self.drop(len(entries))
            yield entries


def _plain_size(entries: list[bytes]) -> int:
    return sum(map(len, entries)) + _ENTRY_OVERHEAD * len(entries)
