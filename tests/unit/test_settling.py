# SPDX-License-Identifier: Apache-2.0
"""The kernel's counts are read soon after the ring was full, seldom otherwise."""

import math

from execaudit.daemon.settling import Pressure, Settling

RING_BYTES = 4 << 20


def settled(now_s: float) -> Settling:
    settling = Settling(now_s - 1)
    settling.note_settled(now_s, is_searching=False)
    return settling


def test_counts_are_read_a_second_after_the_start_and_then_not_without_events() -> None:
    settling = Settling(100.0)

    assert settling.due_s == 101.0
    settling.note_settled(101.0, is_searching=False)
    assert settling.due_s == math.inf


def test_counts_wait_for_ten_seconds_while_the_ring_has_room() -> None:
    settling = settled(100.0)
    for second in range(5):
        settling.note_events(100.0 + second, is_pressed=False, is_searching=False)

    assert settling.due_s == 110.0
    assert not settling.are_counts_due(109.9)


def test_counts_are_read_soon_after_the_ring_was_full() -> None:
    settling = settled(100.0)
    settling.note_events(100.0, is_pressed=False, is_searching=False)
    settling.note_events(103.0, is_pressed=True, is_searching=False)

    assert settling.due_s == 104.0
    assert settling.are_counts_due(104.0)


def test_failures_are_released_every_second_without_reading_counts() -> None:
    settling = settled(100.0)
    settling.note_events(100.0, is_pressed=False, is_searching=True)

    assert settling.due_s == 101.0
    assert not settling.are_counts_due(101.0)
    settling.note_settled(101.0, is_searching=True)
    assert settling.due_s == 102.0
    settling.note_settled(102.0, is_searching=False)
    assert settling.due_s == 110.0


def test_ring_counts_as_full_from_half_of_it_on() -> None:
    pressure = Pressure()
    pressure.note(RING_BYTES // 2 - 1, RING_BYTES)
    assert (pressure.is_full, pressure.is_swollen) == (False, True)
    pressure.note(RING_BYTES // 2, RING_BYTES)
    pressure.note(1000, RING_BYTES)
    assert pressure.is_full


def test_small_batches_leave_no_memory_to_give_back() -> None:
    pressure = Pressure()
    pressure.note(10_000, RING_BYTES)
    assert not pressure.is_swollen
