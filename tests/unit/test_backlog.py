# SPDX-License-Identifier: Apache-2.0
"""Entries that wait: order, bounds, and how many have room."""

import os
import random

from hypothesis import given
from hypothesis import strategies as st

from execaudit.sinks.backlog import Backlog

LIMIT = 1 << 20
PART = b"EXECAUDIT_UNIT=ssh.service\nEXECAUDIT_CWD=/var/lib/app\n" * 40


def entries(count: int, size: int = 2500) -> list[bytes]:
    return [(b"EXECAUDIT_SEQ=%d\n" % at + PART)[:size] for at in range(count)]


def drain(backlog: Backlog, at_once: int = 7) -> list[bytes]:
    out: list[bytes] = []
    while backlog:
        some = backlog.head()[:at_once]
        backlog.drop(len(some))
        out += some
    return out


@given(
    st.lists(st.lists(st.binary(max_size=400), max_size=30), max_size=30),
    st.integers(1 << 10, 1 << 16),
    st.randoms(use_true_random=False),
)
def test_backlog_gives_back_what_it_took_in_order(
    batches: list[list[bytes]], limit: int, chance: random.Random
) -> None:
    backlog = Backlog()
    taken: list[bytes] = []
    given_back: list[bytes] = []
    for batch in batches:
        count = backlog.add(batch, limit)
        taken += batch[:count]
        assert backlog.bytes <= limit
        if backlog and chance.random() < 0.5:
            some = backlog.head()[: chance.randint(1, 20)]
            backlog.drop(len(some))
            given_back += some
        assert len(backlog) == len(taken) - len(given_back)
    assert given_back + drain(backlog) == taken
    assert (len(backlog), backlog.bytes) == (0, 0)


def test_backlog_holds_many_times_its_bound_of_entries_that_are_alike() -> None:
    backlog = Backlog()
    many = entries(5000)

    assert backlog.add(many, LIMIT) == len(many)
    assert backlog.bytes <= LIMIT < sum(map(len, many)) / 10
    assert drain(backlog) == many


def test_backlog_of_entries_that_cannot_shrink_keeps_its_bound() -> None:
    backlog = Backlog()
    many = [os.urandom(2000) for _ in range(1000)]

    taken = backlog.add(many, LIMIT)

    assert LIMIT * 0.7 < taken * 2000 <= LIMIT
    assert backlog.add(many[taken:], LIMIT) == 0
    assert b"".join(b"".join(some) for some in backlog.take_all()) == b"".join(many[:taken])


def test_entry_larger_than_a_block_has_room_in_the_bound() -> None:
    backlog = Backlog()
    large = [bytes(600_000), b"small"]

    assert backlog.add(large, LIMIT) == 2
    assert drain(backlog) == large
