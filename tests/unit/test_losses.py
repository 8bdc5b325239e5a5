# SPDX-License-Identifier: Apache-2.0
"""Losses of a sink: counted, added up to incidents, reported once it works again."""

from execaudit.records.lost import EventKey
from execaudit.sinks.losses import Counters, Losses
from execaudit.sinks.notices import Notices
from tests.clocks import FakeClock

FIRST, SECOND = EventKey("then", 0, "exec", 5), EventKey("later", 0, "exec", 9)


def make() -> tuple[Losses, Counters, FakeClock]:
    clock, counters = FakeClock(), Counters()
    return Losses(counters, clock.boot_ns), counters, clock


def test_incident_adds_up_and_spans_first_to_last() -> None:
    losses, counters, clock = make()
    clock.advance(1)
    losses.count("disk_full", 3, FIRST, FIRST)
    clock.advance(2)
    losses.count("disk_full", 2, SECOND, SECOND)

    assert losses.take() == []
    assert losses.end() == 5
    (incident,) = losses.take()
    assert (incident.reason, incident.count) == ("disk_full", 5)
    assert (incident.first_ns, incident.last_ns) == (10**9, 3 * 10**9)
    assert (incident.first, incident.last) == (FIRST, SECOND)
    assert counters.lost == 5
    assert losses.take() == []


def test_entries_without_a_key_leave_the_keys_that_are_known() -> None:
    losses, _, _ = make()
    losses.count("closed", 1)
    losses.count("closed", 1, FIRST, FIRST)
    losses.count("closed", 1)
    losses.end()

    (incident,) = losses.take()
    assert (incident.count, incident.first, incident.last) == (3, FIRST, FIRST)


def test_each_reason_is_an_incident_of_its_own() -> None:
    losses, _, _ = make()
    losses.count("disk_full", 1)
    losses.count("io_error", 2)
    losses.end()

    assert [(one.reason, one.count) for one in losses.take()] == [("disk_full", 1), ("io_error", 2)]


def test_losses_are_unreported_until_their_records_are_written() -> None:
    losses, _, _ = make()
    losses.count("disk_full", 3)
    losses.end()
    losses.count("io_error", 2)
    assert losses.unreported == 5

    losses.take()
    assert losses.unreported == 5

    losses.note_written()
    assert losses.unreported == 2


def test_repeated_notice_is_counted_not_repeated() -> None:
    notices = Notices()
    notices.add(4, "disk full")
    notices.add(4, "disk full")
    notices.add(5, "fine")

    assert notices.take() == [(4, "disk full (2 times)"), (5, "fine")]
    assert notices.take() == []


def test_notices_have_a_bound() -> None:
    notices = Notices()
    for number in range(1000):
        notices.add(4, str(number))

    assert len(notices.take()) == 64
