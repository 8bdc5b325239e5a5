# SPDX-License-Identifier: Apache-2.0
"""Reader of a BPF ring buffer through its memory map, one copy per batch.

Owns the positions and the mapping; knows nothing of what the records mean. Works on the map
descriptor of any engine and calls nothing back. The layout is the kernel's
(kernel/bpf/ringbuf.c): a page with the consumer position, a page with the producer position, the
data twice in a row so that a record never wraps. Of these only the first is mapped: every page of a
mapping counts as resident memory, used or not, and a batch that wraps is joined when it is copied.

A position is read with one aligned 8-byte load. Three orders must hold: the position before the
headers of what lies before it; headers that say that a record is finished before its data; data
before the position that frees its room. x86 keeps them by itself. Python has no barrier: on other
machines a system call stands between each two (docs/architecture.md says why that is enough).
"""

import mmap
import os
import select

_BUSY = 1 << 31
_DISCARDED = 1 << 30
_LENGTH = _DISCARDED - 1
_HEADER_BYTES = 8
_KEPT_PART = 64  # of the ring, at most so much is kept
_ORDERS_ACCESSES = os.uname().machine == "x86_64"


class Ring:
    """A ring buffer of `size` bytes (a power of two, at least a page) behind a map descriptor.

    The descriptor stays the caller's. It becomes readable for epoll when records arrive, as long as
    all that was there before is free. `position` is where the next record will be read, in bytes
    since the ring was made. While `keeps_last`, the last record that was read stays in the ring:
    the kernel wakes the reader only when the ring is full beyond a part of it.
    """

    def __init__(self, fd: int, size: int) -> None:
        page = mmap.PAGESIZE
        self.fd = fd
        self.size = size
        self._consumer_map = mmap.mmap(fd, page, mmap.MAP_SHARED, offset=0)
        self._producer_map = mmap.mmap(
            fd, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page
        )
        view = memoryview(self._producer_map)
        self._views = [view, view[:page], view[page:]]
        self._consumer = memoryview(self._consumer_map).cast("Q")
        self._producer = self._views[1].cast("Q")
        self._data = self._views[2]
        self._headers = self._data.cast("I")
        self.position = self._last = self._freed = self._consumer[0]
        self.keeps_last = False
        self._is_nonsense = False

    def pending(self) -> int:
        """Return the bytes that were written and not yet read."""
        return self._producer[0] - self.position

    def has_more(self) -> bool:
        """Return True if there is something to read."""
        return 0 < self._producer[0] - self.position <= self.size and not self._is_nonsense

    def is_readable(self) -> bool:
        """Return True if the next record can be in the ring: nobody moved a position."""
        return 0 <= self._producer[0] - self.position <= self.size and not self._is_nonsense

    def is_sound(self) -> bool:
        """Return True if the reader's position is where we left it, and the ring is readable.

        Whoever may open the map may move that position. Ahead of the writer's it makes the ring
        full, forever; ahead of ours, the kernel writes over what we have not read.
        """
        return self._consumer[0] == self._freed and self.is_readable()

    def read(self, limit: int = 1 << 18) -> tuple[bytes, list[int]]:
        """Take out at most about `limit` bytes of finished records.

        Returns a copy of them and the offset of each record's first byte in it; empty when there
        is nothing. Their room in the ring is free again when this returns.
        """
        batch = self.take(limit)
        self.free(self.position)
        return batch

    def free(self, position: int) -> None:
        """Free the room of what lies before `position` for the kernel; see `keeps_last`."""
        self._order()
        if self.keeps_last and self.position - self._last <= self.size // _KEPT_PART:
            position = min(position, self._last)
        self._consumer[0] = self._freed = position

    @property
    def is_holding(self) -> bool:
        """Return True where something that was read is not free: what follows it wakes nobody."""
        return self._freed != self.position

    def take(self, limit: int = 1 << 18) -> tuple[bytes, list[int]]:
        """Copy as `read` does; what was taken stays in the ring until `free`."""
        begin = at = self.position
        produced = self._producer[0]
        if at >= produced:
            return b"", []
        self._order()
        headers, mask = self._headers, self.size - 1
        end = min(produced, at + limit)
        offsets: list[int] = []
        while at < end:
            header = headers[(at & mask) >> 2]
            if header & _BUSY:
                break
            if not header & _DISCARDED:
                offsets.append(at - begin + _HEADER_BYTES)
            at += ((header & _LENGTH) + _HEADER_BYTES + 7) & ~7
            if at > produced:  # not a header: written over
                self._is_nonsense = True
                return b"", []
        self._order()
        start = begin & mask
        self.position = at
        self._last = begin + offsets[-1] - _HEADER_BYTES if offsets else begin
        end = start + at - begin
        if end <= self.size:
            return bytes(self._data[start:end]), offsets
        return b"".join((self._data[start:], self._data[: end - self.size])), offsets

    def _order(self) -> None:
        """Keep what was read of the ring before what is read or written after this."""
        if not _ORDERS_ACCESSES:
            select.select([self.fd], [], [], 0)

    def count(self, end: int) -> int:
        """Return how many records lie between the next one to read and the position `end`."""
        at, count = self.position, 0
        produced = min(end, self._producer[0])
        self._order()
        while at < produced:
            header = self._headers[(at & (self.size - 1)) >> 2]
            count += not header & (_BUSY | _DISCARDED)
            at += ((header & _LENGTH) + _HEADER_BYTES + 7) & ~7
        return count

    def close(self) -> None:
        """Release the mappings."""
        for view in (self._consumer, self._producer, self._headers, *reversed(self._views)):
            view.release()
        self._consumer_map.close()
        self._producer_map.close()
