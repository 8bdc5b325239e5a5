# SPDX-License-Identifier: Apache-2.0
"""Rate limits: what is let through, and that the rest is counted to the last event."""

from hypothesis import given
from hypothesis import strategies as st

from execaudit.daemon.limits import Limit, Limits, Rate, Suppressed
from execaudit.records.record import record_fields
from execaudit.wire import record
from execaudit.wire.event import Event, Gap
from tests.events import exec_event, exit_event
from tests.records import leaf_first, make_host

SECOND = 1_000_000_000


def test_burst_goes_through_and_the_rest_is_counted_once() -> None:
    limit = Limit(Rate(1, 3))
    assert [limit.allows(0, 10 + n) for n in range(5)] == [True] * 3 + [False] * 2
    assert limit.take_suppressed() == [Suppressed(0, 2, 0, 13, 14)]
    assert limit.take_suppressed() == []


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    limit = Limit(Rate(2, 2))
    assert [limit.allows(0, 0) for _ in range(3)] == [True, True, False]
    assert [limit.allows(0, SECOND // 2) for _ in range(2)] == [True, False]
    assert [limit.allows(0, 100 * SECOND) for _ in range(3)] == [True, True, False]


def test_keys_do_not_share_tokens() -> None:
    limit = Limit(Rate(1, 1))
    assert [limit.allows(key, 0) for key in (0, "a", 0, "a")] == [True, True, False, False]
    assert [each.key for each in limit.take_suppressed()] == [0, "a"]


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
    assert allowed + sum(each.count for each in limit.take_suppressed()) == len(events)


def test_forgotten_keys_leave_their_count_behind() -> None:
    limit = Limit(Rate(1, 1))
    for key in range(5000):
        limit.allows(key, 0)
        limit.allows(key, 0)
    assert sum(each.count for each in limit.take_suppressed()) == 5000


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
        "uid": [Suppressed(1000, 1, 0, 1, 1)],
        "unit": [Suppressed("cron.service", 1, 0, 1, 1)],
    }
    assert not limits.has_unreported


def test_event_whose_user_or_unit_is_unknown_is_not_limited_by_it() -> None:
    limits = Limits({"uid": Limit(Rate(1, 1)), "unit": Limit(Rate(1, 1))})
    outside = [exec_event(flags=record.FLAG_BAD_IDS, cgroup=b"") for _ in range(3)]
    ends = [exit_event(uid=uid) for uid in (1, 2, 1)]

    assert all(limits.allow(event, 1) for event in outside)
    assert [limits.allow(event, 1) for event in ends] == [True, True, False]


def volume_limits(burst: int, per_second: float = 1.0) -> Limits:
    rate = Rate(per_second, burst)
    return Limits({}, {"auid": Limit(rate), "uid": Limit(rate)})


def large_event(size: int, **members: object) -> Event:
    event = exec_event(b"x", **members)
    event.argv = b"first\0" + b"a" * (size - 11) + b"\0end\0"
    return event


def test_arguments_of_a_user_beyond_the_bound_are_cut_and_say_so() -> None:
    limits = volume_limits(100_000)
    events = [large_event(60_000, uid=7) for _ in range(4)]
    for event in events:
        limits.bound(event, 1)

    sizes = [len(event.argv or b"") for event in events]
    assert sizes == [60_000, *[513] * 3]  # a NUL for the string that is two now
    fields = record_fields(events[1], make_host())
    first, head, tail, end = fields["argv"]
    assert (first, end) == ("first", "end")
    assert set(head + tail) == {"a"}
    (gap,) = fields["truncated"]["argv"]
    assert gap == {"index": 1, "missing_bytes": 60_000 - 512, "reason": "limit"}
    assert limits.has_unreported
    assert limits.volumes["uid"].take_suppressed() == [Suppressed(7, 3, 3 * 59_487, 1, 1)]
    assert not limits.has_unreported


def test_other_users_keep_their_arguments_and_short_ones_are_free() -> None:
    limits = volume_limits(100_000)
    for _ in range(5):
        limits.bound(large_event(90_000, uid=7), 1)
    for event in (large_event(90_000, uid=8), large_event(512, uid=7)):
        before = event.argv
        limits.bound(event, 1)
        assert event.argv == before


def test_user_who_logged_in_is_one_whatever_ids_the_processes_have() -> None:
    limits = volume_limits(100_000)
    events = [large_event(90_000, uid=100_000 + uid, auid=1000) for uid in range(5)]
    for event in events:
        limits.bound(event, 1)
    assert [len(event.argv or b"") for event in events] == [90_000, *[513] * 4]
    assert limits.volumes["auid"].take_suppressed()[0].key == 1000


def test_bytes_come_back_with_time() -> None:
    limits = volume_limits(1000, 100)
    before, after = large_event(1000), large_event(1000)
    limits.bound(large_event(1000), 0)
    limits.bound(before, 9 * SECOND)
    limits.bound(after, 10 * SECOND)
    assert len(before.argv or b"") == 513
    assert len(after.argv or b"") == 1000


def test_long_variable_does_not_push_out_short_ones() -> None:
    limits = volume_limits(1)
    event = exec_event(b"x")
    event.env = b"LD_PRELOAD=/tmp/x\0SUDO_USER=" + b"a" * 9000 + b"\0LD_AUDIT=/tmp/y\0"
    redacted: tuple[int, ...] = (1, 2)
    event.redacted_env = redacted
    limits.bound(event, 1)
    assert event.env == b"LD_PRELOAD=/tmp/x\0LD_AUDIT=/tmp/y\0"
    redacted = event.redacted_env
    assert redacted == (1,)
    fields = record_fields(event, make_host())
    assert fields["truncated"]["env"] == [{"missing_bytes": 9011, "reason": "limit"}]
    assert fields["argv"] == ["x"]


def test_gaps_and_redactions_move_with_what_is_kept() -> None:
    limits = volume_limits(1)
    event = exec_event(b"x")
    words = [b"%03d" % number for number in range(1000)]
    event.argv = b"\0".join(words) + b"\0"
    event.argv_gaps = (Gap(2, 5, "budget"), Gap(500, 7, "ring"), Gap(995, None, "unreadable"))
    event.redacted_argv = (1, 500, 999)
    limits.bound(event, 1)
    strings = (event.argv or b"").split(b"\0")[:-1]
    assert strings[:2] == [b"000", b"001"]
    assert strings[-1] == b"999"
    assert [strings[index] for index in event.redacted_argv] == [b"001", b"999"]
    cut = next(gap for gap in event.argv_gaps if gap.reason == "limit")
    assert [gap.reason for gap in event.argv_gaps] == ["budget", "limit", "unreadable"]
    assert strings[event.argv_gaps[2].index] == b"995"
    assert strings[cut.index : cut.index + 2] == [b"095", b"968"]
