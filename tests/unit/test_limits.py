# SPDX-License-Identifier: Apache-2.0
"""Rate limits: what is let through, and that the rest is counted to the last event."""

from hypothesis import given
from hypothesis import strategies as st

from execaudit.daemon.limits import Limit, Limits, Rate
from execaudit.wire import record
from tests.events import exec_event, exit_event
from tests.records import leaf_first

SECOND = 1_000_000_000


def test_burst_goes_through_and_the_rest_is_counted_once() -> None:
    limit = Limit(Rate(1, 3))
    assert [limit.allows(0, 10 + n) for n in range(5)] == [True] * 3 + [False] * 2
    assert limit.take_suppressed() == [(0, 2, 13, 14)]
    assert limit.take_suppressed() == []


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    limit = Limit(Rate(2, 2))
    assert [limit.allows(0, 0) for _ in range(3)] == [True, True, False]
    assert [limit.allows(0, SECOND // 2) for _ in range(2)] == [True, False]
    assert [limit.allows(0, 100 * SECOND) for _ in range(3)] == [True, True, False]


def test_keys_do_not_share_tokens() -> None:
    limit = Limit(Rate(1, 1))
    assert [limit.allows(key, 0) for key in (0, "a", 0, "a")] == [True, True, False, False]
    assert [key for key, *_ in limit.take_suppressed()] == [0, "a"]


def test_time_that_goes_back_gives_no_tokens() -> None:
    limit = Limit(Rate(1, 1))
    assert limit.allows(0, 10 * SECOND)
    assert not limit.allows(0, 0)
    assert not limit.allows(0, 10 * SECOND)


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, SECOND)), max_size=200))
def test_every_event_is_allowed_or_counted(events: list[tuple[int, int]]) -> None:
    limit, now_ns, allowed = Limit(Rate(1, 2)), 0, 0
    for key, step in events:
        now_ns += step
        allowed += limit.allows(key, now_ns)
    assert allowed + sum(count for _, count, *_ in limit.take_suppressed()) == len(events)


def test_forgotten_keys_leave_their_count_behind() -> None:
    limit = Limit(Rate(1, 1))
    for key in range(5000):
        limit.allows(key, 0)
        limit.allows(key, 0)
    assert sum(count for _, count, *_ in limit.take_suppressed()) == 5000


def test_event_is_counted_by_its_user_and_its_unit() -> None:
    limits = Limits({"uid": Limit(Rate(1, 2)), "unit": Limit(Rate(1, 1))})
    cron = {"cgroup": leaf_first(b"/system.slice/cron.service")}
    by_ann = [exec_event(uid=1000, cgroup=b"") for _ in range(3)]
    by_root = [exec_event(uid=0, **cron), exec_event(uid=0, **cron)]

    assert [limits.allow(event, 1) for event in by_ann] == [True, True, False]
    assert [limits.allow(event, 1) for event in by_root] == [True, False]
    assert limits.has_unreported
    taken = {field: limit.take_suppressed() for field, limit in limits.by_field.items()}
    assert taken == {
        "uid": [(1000, 1, 1, 1)],
        "unit": [("cron.service", 1, 1, 1)],
    }
    assert not limits.has_unreported


def test_event_whose_user_or_unit_is_unknown_is_not_limited_by_it() -> None:
    limits = Limits({"uid": Limit(Rate(1, 1)), "unit": Limit(Rate(1, 1))})
    outside = [exec_event(flags=record.FLAG_BAD_IDS, cgroup=b"") for _ in range(3)]
    ends = [exit_event(uid=uid) for uid in (1, 2, 1)]

    assert all(limits.allow(event, 1) for event in outside)
    assert [limits.allow(event, 1) for event in ends] == [True, True, False]
