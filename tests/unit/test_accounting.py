# SPDX-License-Identifier: Apache-2.0
"""Losses of a sink: counted, marked, told of once it works again."""

import pytest
from execaudit.records.encode_journal import JournalEncoder
from execaudit.records.exits import exit_fields
from execaudit.records.fields import exec_fields
from execaudit.records.pipeline import Pipeline

from execaudit.records.journal import JOURNAL_FORM, wire_entry
from execaudit.records.lost import lost_fields
from execaudit.sinks.accounting import JSON_FORM, Counters, Form, Losses, Mark, Notices
from execaudit.wire.decode import HEAD, split, split_exit
from tests.clocks import FakeClock
from tests.lines import line, lines
from tests.records import exec_record, exit_record, join, make_host


def make() -> tuple[Losses, Counters, FakeClock]:
    clock, counters = FakeClock(), Counters()
    return Losses(counters, JSON_FORM, clock.boot_ns), counters, clock


def test_incident_adds_up_and_spans_first_to_last() -> None:
    losses, counters, clock = make()
    clock.advance(1)
    losses.lose(lines(5, 3), "disk_full")
    clock.advance(2)
    losses.lose(lines(8, 2), "disk_full")

    assert losses.take() == []
    assert losses.end_incident() == 5
    (incident,) = losses.take()
    assert (incident.reason, incident.count) == ("disk_full", 5)
    assert (incident.first_ns, incident.last_ns) == (10**9, 3 * 10**9)
    assert incident.first == Mark("2026-11-23T02:04:06.000000005Z", 0, "exec", 5)
    assert incident.last == Mark("2026-11-23T02:04:06.000000009Z", 0, "exec", 9)
    assert counters.lost == 5
    assert losses.take() == []


def test_each_reason_is_an_incident_of_its_own() -> None:
    losses, _, _ = make()
    losses.lose(lines(1, 1), "disk_full")
    losses.lose(lines(2, 2), "io_error")
    losses.end_incident()

    assert [(one.reason, one.count) for one in losses.take()] == [("disk_full", 1), ("io_error", 2)]


@pytest.mark.parametrize("kind", ["lost", "start", "stop", "config", "repair", "summary"])
def test_records_that_carry_counts_are_kept_not_lost(kind: str) -> None:
    losses, counters, _ = make()
    losses.lose([line(1), line(2, kind=kind), line(3)], "disk_full")

    assert counters.lost == 2
    assert losses.take_kept() == [line(2, kind=kind)]
    assert not losses.has_kept


def test_kept_records_have_a_bound_and_beyond_it_are_counted() -> None:
    losses, counters, _ = make()
    big = line(1, "x" * 100_000, kind="config")
    losses.lose([big] * 5, "disk_full")

    assert losses.take_kept() == [big] * 2
    assert counters.lost == 3


def test_repeated_notice_is_counted_not_repeated() -> None:
    notices = Notices()
    notices.add(4, "disk full")
    notices.add(4, "disk full")
    notices.add(5, "fine")

    assert notices.take() == [(4, "disk full (2 times)"), (5, "fine")]
    assert notices.take() == []


HOST = make_host()


def _entries(raw: bytes) -> list[tuple[Form, bytes]]:
    """A record in every form, by every way there is."""
    buf, offsets = join(raw)
    parts = split(buf, offsets[0])
    assert parts is not None
    fields = exec_fields(parts, [], HOST, ())
    made = JournalEncoder(HOST, (), "execaudit").encode(buf, offsets[0], HEAD(buf, offsets[0]))
    assert made is not None
    return [
        (JSON_FORM, Pipeline(HOST).lines(buf, offsets)[-1]),
        (JSON_FORM, Pipeline.line(fields)),
        (JOURNAL_FORM, made),
        (JOURNAL_FORM, wire_entry(fields, "execaudit")),
    ]


def test_event_is_recognised_and_marked_in_every_form() -> None:
    for form, entry in _entries(exec_record(b"ls", b'","cpu":9,"seq":9,', cpu=3, seq=77)):
        assert form.is_event(entry)
        assert form.mark(entry) == Mark("2023-11-14T23:36:40.000000123Z", 3, "exec", 77)
    for form, entry in _entries(exec_record(b"ls", error=-2, cpu=3, seq=77)):
        assert form.mark(entry) == Mark("2023-11-14T23:36:40.000000123Z", 3, "execve", 77)


def test_exit_is_an_event_in_every_form() -> None:
    event = split_exit(exit_record(cpu=1, seq=4), 0)
    assert event is not None
    fields = exit_fields(event, HOST, None)

    for form, entry in (
        (JSON_FORM, Pipeline.line(fields)),
        (JOURNAL_FORM, wire_entry(fields, "execaudit")),
    ):
        mark = form.mark(entry)
        assert form.is_event(entry)
        assert mark is not None
        assert (mark.cpu, mark.hook, mark.seq) == (1, "exit", 4)


def test_lost_record_is_no_event_in_any_form() -> None:
    fields = lost_fields(HOST, "ring", 0, 1, 5, 1, 2)

    assert not JSON_FORM.is_event(Pipeline.line(fields))
    assert not JOURNAL_FORM.is_event(wire_entry(fields, "execaudit"))
