# SPDX-License-Identifier: Apache-2.0
"""The ring reader over memory laid out as the kernel's (kernel/bpf/ringbuf.c)."""

import mmap
import os
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.kernel import ring as ring_module
from execaudit.kernel.ring import Ring

PAGE = mmap.PAGESIZE
SIZE = PAGE
BUSY, DISCARDED = 1 << 31, 1 << 30


class Kernel:
    """Writes records as the kernel does, into a file instead of a map."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.fd = os.memfd_create("ring", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, 2 * PAGE + 2 * size)

    def close(self) -> None:
        os.close(self.fd)

    @property
    def consumed(self) -> int:
        return self._position(0)

    @property
    def produced(self) -> int:
        return self._position(PAGE)

    def start_at(self, position: int) -> None:
        """Pretend that this much has been written and read before."""
        for offset in (0, PAGE):
            os.pwrite(self.fd, struct.pack("@Q", position), offset)

    def write(self, data: bytes, flags: int = 0) -> int:
        """Reserve and submit a record; its position. The data lie twice, as mapped there."""
        at = self.produced
        room = (len(data) + 8 + 7) & ~7
        assert at + room - self.consumed <= self.size, "full"
        raw = struct.pack("@II", len(data) | flags, 0) + data
        for index, byte in enumerate(raw):
            offset = 2 * PAGE + (at + index) % self.size
            for copy in (offset, offset + self.size):
                os.pwrite(self.fd, bytes([byte]), copy)
        os.pwrite(self.fd, struct.pack("@Q", at + room), PAGE)
        return at

    def commit(self, at: int, size: int, flags: int = 0) -> None:
        """Finish a record that was written busy."""
        for copy in (0, self.size):
            offset = 2 * PAGE + at % self.size + copy
            os.pwrite(self.fd, struct.pack("@I", size | flags), offset)

    def fill(self, at: int, data: bytes) -> None:
        """Write the data of a record again."""
        for copy in (0, self.size):
            os.pwrite(self.fd, data, 2 * PAGE + at % self.size + 8 + copy)

    def _position(self, offset: int) -> int:
        (value,) = struct.unpack("@Q", os.pread(self.fd, 8, offset))
        return int(value)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    one = Kernel()
    yield one
    one.close()


@pytest.fixture
def ring(kernel: Kernel) -> Iterator[Ring]:
    one = Ring(kernel.fd, kernel.size)
    yield one
    one.close()


def read(ring: Ring, *sizes: int, **limit: Any) -> list[bytes]:
    buf, offsets = ring.read(**limit)
    assert len(offsets) == len(sizes)
    return [buf[at : at + size] for at, size in zip(offsets, sizes, strict=True)]


def test_empty_ring_gives_nothing(ring: Ring) -> None:
    assert ring.read() == (b"", [])
    assert ring.pending() == 0


def test_records_come_out_in_order_and_their_room_is_free(kernel: Kernel, ring: Ring) -> None:
    for data in (b"one", b"", b"twelve bytes"):
        kernel.write(data)

    assert ring.pending() == 16 + 8 + 24
    assert read(ring, 3, 0, 12) == [b"one", b"", b"twelve bytes"]
    assert kernel.consumed == kernel.produced == 48
    assert ring.read() == (b"", [])


def test_every_record_begins_at_a_multiple_of_eight(kernel: Kernel, ring: Ring) -> None:
    for size in range(1, 18):
        kernel.write(b"x" * size)

    _, offsets = ring.read()

    assert [at % 8 for at in offsets] == [0] * 17


def test_record_under_way_ends_the_batch_and_is_read_when_finished(
    kernel: Kernel, ring: Ring
) -> None:
    kernel.write(b"one")
    at = kernel.write(b"two", BUSY)
    kernel.write(b"three")

    assert read(ring, 3) == [b"one"]
    assert kernel.consumed == at
    assert ring.read() == (b"", [])
    kernel.commit(at, 3)
    assert read(ring, 3, 5) == [b"two", b"three"]


def test_discarded_records_are_skipped_and_freed(kernel: Kernel, ring: Ring) -> None:
    kernel.write(b"gone", DISCARDED)
    kernel.write(b"one")
    kernel.write(b"gone too", DISCARDED)

    assert read(ring, 3) == [b"one"]
    assert kernel.consumed == kernel.produced


def test_batch_of_discarded_records_only_is_told_from_an_empty_ring(
    kernel: Kernel, ring: Ring
) -> None:
    kernel.write(b"gone", DISCARDED)

    buf, offsets = ring.read()

    assert buf
    assert offsets == []
    assert ring.read() == (b"", [])


@pytest.mark.parametrize("start", [SIZE - 8, SIZE - 16, 7 * SIZE - 24, (1 << 40) * SIZE - 8])
def test_record_across_the_end_of_the_ring_is_whole(kernel: Kernel, ring: Ring, start: int) -> None:
    kernel.start_at(start)
    ring.position = start
    data = bytes(range(200))
    kernel.write(data)
    kernel.write(b"next")

    assert read(ring, 200, 4) == [data, b"next"]


def test_full_ring_is_read_whole(kernel: Kernel, ring: Ring) -> None:
    kernel.start_at(SIZE // 2)
    ring.position = SIZE // 2
    kernel.write(b"x" * (SIZE - 8))

    assert read(ring, SIZE - 8) == [b"x" * (SIZE - 8)]


def test_limit_ends_a_batch_behind_the_record_that_reaches_it(kernel: Kernel, ring: Ring) -> None:
    for _ in range(10):
        kernel.write(b"x" * 92)  # 100 bytes, 104 in the ring

    assert len(ring.read(limit=100)[1]) == 1
    assert len(ring.read(limit=105)[1]) == 2
    assert len(ring.read(limit=1)[1]) == 1
    assert len(ring.read(limit=100_000)[1]) == 6


def test_batch_is_a_copy_that_later_records_do_not_change(kernel: Kernel, ring: Ring) -> None:
    kernel.write(b"a" * (SIZE - 8))
    buf, (at,) = ring.read()

    kernel.write(b"b" * (SIZE - 8))

    assert buf[at:] == b"a" * (SIZE - 8)
    assert read(ring, SIZE - 8) == [b"b" * (SIZE - 8)]


def test_what_was_taken_stays_until_it_is_freed(kernel: Kernel, ring: Ring) -> None:
    kernel.write(b"one")
    kernel.write(b"two")

    assert len(ring.take()[1]) == 2
    assert (kernel.consumed, ring.pending(), ring.take()) == (0, 0, (b"", []))
    again = Ring(kernel.fd, kernel.size)
    assert again.count(ring.position) == 2
    assert len(again.take()[1]) == 2
    again.close()
    ring.free(16)
    assert kernel.consumed == 16


def test_last_record_is_kept_so_that_what_follows_it_wakes_nobody(
    kernel: Kernel, ring: Ring
) -> None:
    kernel.write(b"one")
    kernel.write(b"two")
    ring.keeps_last = True
    ring.take()
    ring.free(ring.position)

    assert kernel.consumed == 16
    assert ring.is_holding
    assert ring.is_sound()
    assert not ring.has_more()

    ring.keeps_last = False
    ring.free(ring.position)
    assert kernel.consumed == 32
    assert not ring.is_holding


def test_large_record_is_not_kept(kernel: Kernel, ring: Ring) -> None:
    kernel.write(b"x" * (kernel.size // 4))
    ring.keeps_last = True
    ring.take()
    ring.free(ring.position)

    assert not ring.is_holding


def test_kept_record_is_none_that_comes_a_second_time(kernel: Kernel) -> None:
    kernel.write(b"one")
    kernel.write(b"two")
    again = Ring(kernel.fd, kernel.size)
    again.position = 16  # says the checkpoint

    assert again.count(32) == 1
    again.close()


@pytest.mark.parametrize("moved", [8, 1 << 40])
def test_position_moved_by_others_is_noticed_and_nothing_is_made_up(
    kernel: Kernel, ring: Ring, moved: int
) -> None:
    for _ in range(3):
        kernel.write(b"\xff" * 120)
    assert ring.is_sound()

    os.pwrite(kernel.fd, struct.pack("@Q", moved), 0)

    assert not ring.is_sound()
    ring.position = moved
    assert ring.take() == (b"", [])


def test_closed_ring_leaves_the_descriptor_open(kernel: Kernel) -> None:
    one = Ring(kernel.fd, kernel.size)

    one.close()

    os.fstat(kernel.fd)


def test_data_cannot_be_written_through_the_mapping(ring: Ring) -> None:
    with pytest.raises(TypeError):
        ring._data[0] = 1


@given(
    start=st.integers(0, 1 << 50).map(lambda value: value * 8),
    steps=st.lists(
        st.tuples(
            st.binary(max_size=300), st.sampled_from(["sent", "sent", "discarded"]), st.booleans()
        ),
        max_size=12,
    ),
    limit=st.integers(1, 2000),
)
def test_everything_sent_comes_out_once_and_in_order(
    start: int, steps: list[tuple[bytes, str, bool]], limit: int
) -> None:
    kernel = Kernel()
    kernel.start_at(start)
    ring = Ring(kernel.fd, kernel.size)
    sent: list[bytes] = []
    received: list[bytes] = []

    def drain() -> None:
        while True:
            buf, offsets = ring.read(limit)
            if not buf:
                return
            for at in offsets:
                (size,) = struct.unpack_from("@I", buf, at - 8)
                received.append(buf[at : at + size])

    try:
        for data, fate, is_drained in steps:
            if kernel.produced + len(data) + 16 - kernel.consumed > SIZE:
                drain()
            kernel.write(data, DISCARDED if fate == "discarded" else 0)
            if fate == "sent":
                sent.append(data)
            if is_drained:
                drain()
        drain()
    finally:
        ring.close()
        kernel.close()

    assert received == sent


def test_headers_and_data_are_read_behind_barriers_where_loads_are_not_ordered(
    kernel: Kernel, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds what was there before until a barrier, as on a machine that loads early."""
    monkeypatch.setattr(ring_module, "_ORDERS_ACCESSES", False)
    at = kernel.write(b"stale", BUSY)

    def finish() -> None:
        kernel.commit(at, 5)

    def fill() -> None:
        kernel.fill(at, b"fresh")

    def note() -> None:
        seen.append(kernel.consumed)

    reached = [finish, fill, note]
    seen: list[int] = []

    def barrier(*_: object) -> tuple[list[int], list[int], list[int]]:
        reached.pop(0)()
        return [], [], []

    monkeypatch.setattr("execaudit.kernel.ring.select.select", barrier)
    data, (offset,) = ring.take()
    ring.free(ring.position)
    assert data[offset : offset + 5] == b"fresh"
    assert not reached
    assert seen == [0], "the room was given back before a barrier"
    assert kernel.consumed == ring.position


def test_nothing_is_called_where_loads_are_ordered_or_nothing_came(
    kernel: Kernel, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr("execaudit.kernel.ring.select.select", lambda *a: calls.append(a))
    monkeypatch.setattr(ring_module, "_ORDERS_ACCESSES", False)
    ring.take()
    monkeypatch.setattr(ring_module, "_ORDERS_ACCESSES", True)
    kernel.write(b"some")
    ring.read()
    assert calls == []
