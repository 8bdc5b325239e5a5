# SPDX-License-Identifier: Apache-2.0
"""A bounded set of 64-bit keys, each with the hour when it was last seen.

Owns the table: buckets of 16 keys and their hours, found by bits of the key. If a bucket is full,
the table is doubled; at its largest size, the key of the bucket that was not seen for the longest
time is replaced. Doubling copies the table behind itself: of the two copies of a key one is where
it belongs, and the room of the other counts as free. It opens no file.
"""

import struct
from collections.abc import Callable, Iterator

WAYS = 16
BUCKET = struct.Struct("<16Q16I")  # keys, 0: none; hours since 1970
FIRST_BUCKETS = 1 << 8  # 48 KiB
MOST_BUCKETS = 1 << 17  # 24 MiB: two million keys; a million hardly ever fill a bucket
HOUR_S = 3600
KIND_BITS = 2  # the lowest bits of a key are its kind, and do not choose the bucket

_KEYS = struct.Struct("<16Q").unpack_from
_HOURS_AT = 16 * 8
_HOURS = struct.Struct("<16I").unpack_from
_pack_key = struct.Struct("<Q").pack_into
_pack_hour = struct.Struct("<I").pack_into

Write = Callable[[int, bytes], None]
"""Takes an offset in the table and the new bytes there."""


class Entries:
    """The keys.

    Attributes:
        data: the table; its length is a power of two of buckets.
        forgotten: how many keys were replaced by others.

    """

    def __init__(self, data: bytearray, write: Write) -> None:
        self.data = data
        self.forgotten = 0
        self._write = write

    @property
    def buckets(self) -> int:
        """How many buckets there are."""
        return len(self.data) // BUCKET.size

    def _offset(self, key: int) -> int:
        return (key >> KIND_BITS & self.buckets - 1) * BUCKET.size

    def see(self, key: int, hour: int) -> bool:
        """Note that a key is seen in this hour; return True if it was known."""
        at = self._offset(key)
        keys = _KEYS(self.data, at)
        if key in keys:
            slot = keys.index(key)
            if _HOURS(self.data, at + _HOURS_AT)[slot] != hour:
                self._put(at, slot, key, hour)
            return True
        while (slot := self._free_slot(at, keys)) < 0:
            if not self._grow():
                hours = _HOURS(self.data, at + _HOURS_AT)
                slot = hours.index(min(hours))
                self.forgotten += 1
                break
            at = self._offset(key)
            keys = _KEYS(self.data, at)
        self._put(at, slot, key, hour)
        return False

    def last_seen(self, key: int) -> int | None:
        """Return the hour in which a key was last seen, None if it is not known."""
        at = self._offset(key)
        keys = _KEYS(self.data, at)
        return _HOURS(self.data, at + _HOURS_AT)[keys.index(key)] if key in keys else None

    def _free_slot(self, at: int, keys: tuple[int, ...]) -> int:
        for slot, key in enumerate(keys):
            if not key or self._offset(key) != at:
                return slot
        return -1

    def _put(self, at: int, slot: int, key: int, hour: int) -> None:
        _pack_hour(self.data, at + _HOURS_AT + 4 * slot, hour)
        _pack_key(self.data, at + 8 * slot, key)
        self._write(at, bytes(self.data[at : at + BUCKET.size]))

    def _grow(self) -> bool:
        """Double the table; return False if it has its largest size."""
        if self.buckets >= MOST_BUCKETS:
            return False
        end = len(self.data)
        self.data *= 2
        self._write(end, bytes(self.data[end:]))
        return True

    def items(self) -> Iterator[tuple[int, int]]:
        """Yield every key with its hour."""
        for at in range(0, len(self.data), BUCKET.size):
            hours = _HOURS(self.data, at + _HOURS_AT)
            for key, hour in zip(_KEYS(self.data, at), hours, strict=True):
                if key and self._offset(key) == at:
                    yield key, hour

    def remove(self, keys: set[int]) -> None:
        """Forget keys."""
        for key in keys:
            at = self._offset(key)
            there = _KEYS(self.data, at)
            if key in there:
                self._put(at, there.index(key), 0, 0)
