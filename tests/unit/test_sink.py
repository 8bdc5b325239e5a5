# SPDX-License-Identifier: Apache-2.0
"""What all sinks have in common, by a sink that takes as much as a test lets it."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from execaudit.sinks.sink import RESERVE_BYTES, Selection, Sink, Trouble
from tests.clocks import FakeClock
from tests.lines import line, lines
from tests.sinks import FinishedEntries, write

if TYPE_CHECKING:
    from execaudit.wire.event import Event

BUSY = Trouble("overflow", 0.1, 1.0, waits=True)
BROKEN = Trouble("io_error", 0.5, 4.0, text="Failed to write the pond")


class Pond(Sink):
    """Takes entries until there are `most`; then `trouble` is in the way."""

    name = "pond"

    def __init__(self, queue_bytes: int = 1 << 20, selection: Selection | None = None) -> None:
        self.clock = FakeClock()
        super().__init__("the pond", queue_bytes, FinishedEntries(), selection, self.clock)
        self.most: float = float("inf")
        self.trouble = BUSY
        self.taken: list[bytes] = []
        self.writes = 0
        self.is_closed = False

    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        self.writes += 1
        done = int(min(len(entries), self.most - len(self.taken)))
        self.taken += entries[:done]
        self.counters.written += done
        return done, None if done == len(entries) else self.trouble

    def _reopen(self) -> Trouble | None:
        return None

    def _wait_writable(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.trouble.waits

    def _close(self) -> None:
        self.is_closed = True

    def texts(self) -> str:
        """Return what it has to say."""
        return "\n".join(text for _, text in self.notices.take())

    def turn(self) -> None:
        """Do what the loop does at the next deadline."""
        deadline = self.on_timer(self.clock.now_s)
        assert deadline is not None
        self.clock.now_s = deadline
        self.on_timer(deadline)


def test_batch_is_written_in_one_piece() -> None:
    sink = Pond()
    write(sink, lines(1, 5))
    sink.flush()

    assert (sink.taken, sink.writes) == (lines(1, 5), 1)
    assert sink.on_timer(0.0) is None
    assert sink.undelivered == 0


def test_records_of_the_daemon_stand_where_they_were_added() -> None:
    sink = Pond()
    sink.add(cast("Event", line(1)))
    sink.add_fields(cast("dict[str, Any]", line(2, kind="lost")))
    sink.add(cast("Event", line(3)))
    sink.flush()

    assert sink.taken == [line(1), line(2, kind="lost"), line(3)]


def test_events_are_selected_by_label_and_severity_and_others_counted() -> None:
    sink = Pond(selection=Selection(frozenset({"web"}), "warning"))
    events = [((), ""), (("web",), "info"), (("db",), "crit"), (("db", "web"), "err")]

    found = [
        sink.selects(cast("Event", SimpleNamespace(labels=labels, severity=severity)))
        for labels, severity in events
    ]

    assert found == [False, False, False, True]
    assert sink.counters.deselected == 3


def test_events_wait_in_order_while_the_trouble_passes_soon() -> None:
    sink = Pond()
    sink.most = 2
    write(sink, lines(1, 5))
    write(sink, lines(6, 5))
    assert (sink.queue_depth, sink.undelivered) == (8, 8)

    sink.most = 100
    sink.turn()

    assert sink.taken == lines(1, 10)
    assert (sink.queue_depth, sink.queue_bytes) == (0, 0)
    assert sink.counters.lost == 0
    assert sink.texts() == ""


def test_pauses_double_up_to_a_bound_and_begin_again_once_something_moves() -> None:
    sink = Pond()
    sink.most = 0
    write(sink, lines(1, 9))
    pauses = []
    for _ in range(6):
        before = sink.clock.now_s
        sink.turn()
        pauses.append(sink.clock.now_s - before)
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])

    sink.most = 1
    sink.turn()
    assert sink.on_timer(sink.clock.now_s) == pytest.approx(sink.clock.now_s + 0.1)


def test_what_exceeds_the_queue_is_lost_and_reported_once_it_is_empty() -> None:
    sink = Pond(queue_bytes=2000)
    sink.most = 0
    write(sink, lines(1, 1000))
    lost = sink.counters.lost
    kept = sink.queue_depth
    assert lost + kept == 1000
    assert sink.losses.take() == []
    assert "dropping new ones" in sink.texts()

    sink.most = 10**6
    sink.turn()

    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("overflow", lost)
    assert incident.first is not None
    assert incident.last is not None
    assert (incident.first.seq, incident.last.seq) == (kept + 1, 1000)
    assert f"{lost} records were lost" in sink.texts()


def test_events_are_lost_at_once_where_the_trouble_lasts() -> None:
    sink = Pond()
    sink.most, sink.trouble = 2, BROKEN
    write(sink, lines(1, 5))
    write(sink, lines(6, 1))

    assert (sink.queue_depth, sink.counters.lost) == (0, 4)
    assert sink.texts() == "Failed to write the pond"


def test_events_that_wait_are_lost_when_the_trouble_turns_out_to_last() -> None:
    sink = Pond()
    sink.most = 2
    write(sink, [*lines(1, 5), line(6, kind="config")])
    sink.trouble = BROKEN
    sink.turn()

    assert (sink.queue_depth, sink.counters.lost) == (1, 3)


@pytest.mark.parametrize("kind", ["lost", "start", "stop", "config", "repair", "summary"])
@pytest.mark.parametrize("trouble", [BUSY, BROKEN])
def test_records_of_the_daemon_wait_whatever_the_trouble(trouble: Trouble, kind: str) -> None:
    sink = Pond(queue_bytes=0)
    sink.most, sink.trouble = 0, trouble
    write(sink, [line(1), line(2, kind=kind), line(3)])
    assert (sink.queue_depth, sink.counters.lost) == (1, 2)

    sink.most = 10
    sink.turn()

    assert sink.taken == [line(2, kind=kind)]
    assert sink.undelivered == 2
    assert [one.count for one in sink.losses.take()] == [2]


def test_records_of_the_daemon_have_a_bound_and_beyond_it_are_counted() -> None:
    sink = Pond(queue_bytes=0)
    sink.most, sink.trouble = 0, BROKEN
    many = [line(seq, str(hash((seq, at))), kind="config") for at in range(90) for seq in range(90)]
    write(sink, many)

    assert sink.queue_bytes <= RESERVE_BYTES
    assert sink.queue_depth + sink.counters.lost == len(many)
    assert sink.counters.lost > 0


def test_incident_ends_without_proof_but_the_log_waits_for_it() -> None:
    sink = Pond()
    sink.most, sink.trouble = 0, BROKEN
    write(sink, lines(1, 3))
    sink.texts()
    sink.turn()
    assert [one.count for one in sink.losses.take()] == [3]
    assert sink.texts() == ""

    write(sink, [line(4, kind="lost")])
    assert sink.texts() == ""
    sink.most = 10
    sink.turn()
    assert sink.taken == [line(4, kind="lost")]
    assert "3 records were lost" in sink.texts()


def test_closing_delivers_what_waits() -> None:
    sink = Pond()
    sink.most = 0
    write(sink, lines(1, 5))
    sink.most = 10
    sink.add(cast("Event", line(6)))
    sink.close()

    assert sink.taken == lines(1, 6)
    assert sink.is_closed
    assert sink.undelivered == 0


def test_closing_counts_what_cannot_be_delivered() -> None:
    sink = Pond()
    sink.most = 1
    write(sink, [*lines(1, 5), line(6, kind="stop")])
    sink.close()

    assert sink.clock.now_s == pytest.approx(1.0)  # nothing moved: it waited no longer
    assert [(one.reason, one.count) for one in sink.losses.take()] == [("closed", 5)]
    assert "5 records were lost" in sink.texts()


def test_successor_goes_on_with_counts_and_records_of_the_daemon() -> None:
    before, successor = Pond(), Pond()
    before.most, before.trouble = 1, BROKEN
    write(before, [*lines(1, 3), line(4, kind="lost")])
    before.close(successor)

    assert successor.taken == [line(4, kind="lost")]
    assert (successor.counters.written, successor.counters.lost) == (2, 2)
    assert [one.count for one in before.losses.take()] == [2]
    assert before.undelivered == 0


def test_successor_of_another_format_gets_the_counts_alone() -> None:
    before, successor = Pond(), Pond()
    successor.encoder.format = "ecs"  # type: ignore[misc]
    before.most, before.trouble = 0, BROKEN
    write(before, [line(4, kind="lost")])
    before.close(successor)

    assert successor.taken == []
    assert successor.counters.lost == 1
    assert [(one.reason, one.count) for one in before.losses.take()] == [("closed", 1)]
