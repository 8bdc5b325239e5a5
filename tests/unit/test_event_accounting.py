# SPDX-License-Identifier: Apache-2.0
"""Every event the kernel side numbered is admitted or lost, once."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records import accounting as accounting_module
from execaudit.records.accounting import Accounting, Standing
from execaudit.records.lost import Lost
from execaudit.wire import record
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event
from tests.records import TIME_NS, chunk_record, exec_record, exit_record, join, slot, slots

SECOND = 10**9
EXECVE = record.HOOKS.index("execve")


class Admission:
    """One kernel side after the other: their records are decoded and accounted for."""

    def __init__(self, *, measures_durations: bool = False) -> None:
        self.accounting = Accounting(measures_durations=measures_durations)
        self.counts = self.accounting.counts
        self.settle = self.accounting.settle
        self._decoder = Decoder()

    def feed(self, *records: bytes) -> list[Event | Lost]:
        """Put one batch through."""
        return list(self.accounting.admit(self._decoder.decode(*join(*records))))


@pytest.fixture
def admission() -> Admission:
    return Admission()


def nth(seq: int, **members: Any) -> bytes:
    """Return the exec with this sequence number, one for each second."""
    return exec_record(b"x%d" % seq, seq=seq, time_ns=seq * SECOND, **members)


def seqs(found: Iterable[Event | Lost]) -> list[int | str]:
    """Return the numbers of events, and the reasons of losses."""
    return [each.reason if isinstance(each, Lost) else each.seq for each in found]


def ring(count: int, first_s: int, last_s: int, hook: int = 0, cpu: int = 0) -> Lost:
    return Lost("ring", hook, cpu, count, first_s * SECOND, last_s * SECOND)


def counters(seq: int, lost: int, first_s: int = 0, last_s: int = 0, **members: int) -> Any:
    """Return slots of which one hook has counted something."""
    first_ns, last_ns = first_s * SECOND, last_s * SECOND
    state = slot(seq=seq, lost=lost, lost_first_ns=first_ns, lost_last_ns=last_ns, **members)
    return slots(exec=[state])


class TestSequence:
    def test_events_in_order_are_admitted_as_they_are(self, admission: Admission) -> None:
        assert seqs(admission.feed(nth(1), nth(2), nth(3))) == [1, 2, 3]
        assert (admission.counts.seen, admission.counts.lost) == (3, 0)

    def test_gap_is_a_loss_before_the_next_event(self, admission: Admission) -> None:
        out = admission.feed(nth(1), nth(5, lost=3, lost_first_ns=2 * SECOND), nth(6))

        assert seqs(out) == [1, "ring", 5, 6]
        assert out[1] == ring(3, 2, 5)
        assert (admission.counts.seen, admission.counts.lost) == (6, 3)

    def test_events_lost_before_the_first_are_counted(self, admission: Admission) -> None:
        assert admission.feed(nth(4, lost=3, lost_first_ns=SECOND))[0] == ring(3, 1, 4)

    def test_gap_that_the_kernel_does_not_know_of_is_counted_too(
        self, admission: Admission
    ) -> None:
        # Its counter of lost records says none: whatever took them, they are not here.
        assert admission.feed(nth(1), nth(4))[1] == ring(2, 1, 4)

    def test_gap_across_batches_is_found(self, admission: Admission) -> None:
        admission.feed(nth(1))

        assert seqs(admission.feed(nth(3))) == ["ring", 3]

    @pytest.mark.parametrize("other", [{"cpu": 1}, {"hook": 3}], ids=str)
    def test_sequences_of_processors_and_hooks_are_apart(
        self, admission: Admission, other: dict[str, int]
    ) -> None:
        out = admission.feed(nth(1), nth(1, **other), nth(2), nth(3, **other), nth(3))

        assert [each for each in out if isinstance(each, Lost)] == [ring(1, 1, 3, **other)]

    def test_event_that_comes_late_is_admitted_and_makes_no_gap(self, admission: Admission) -> None:
        assert seqs(admission.feed(nth(1), nth(3), nth(2), nth(4))) == [1, "ring", 3, 2, 4]

    def test_own_event_is_taken_back_and_leaves_no_gap(self, admission: Admission) -> None:
        admission.feed(nth(1), nth(2))
        admission.accounting.uncount()

        assert seqs(admission.feed(nth(3))) == [3]
        assert admission.counts.seen == 2

    def test_events_that_no_kernel_side_saw_are_seen_and_lost(self, admission: Admission) -> None:
        lost = admission.accounting.lose("crash", 4, 1, 2)

        assert lost == Lost("crash", None, None, 4, 1, 2)
        assert (admission.counts.seen, admission.counts.lost) == (4, 4)


class TestSettle:
    def test_events_lost_behind_the_last_are_counted_once_with_their_span(
        self, admission: Admission
    ) -> None:
        admission.feed(nth(1))
        state = counters(4, 3, 2, 4, lost_pending=3)

        assert admission.settle(state, {}, 9 * SECOND) == [ring(3, 2, 4)]
        assert admission.settle(state, {}, 9 * SECOND) == []
        assert admission.counts.lost == 3

    def test_what_was_settled_is_no_gap_later(self, admission: Admission) -> None:
        admission.feed(nth(1))
        admission.settle(counters(3, 2, 2, 3), {}, 3 * SECOND)

        assert seqs(admission.feed(nth(4, lost=2, lost_first_ns=2 * SECOND))) == [4]

    def test_what_was_lost_after_settling_is_counted_alone(self, admission: Admission) -> None:
        admission.feed(nth(1))
        admission.settle(counters(3, 2, 2, 3), {}, 3 * SECOND)

        assert admission.feed(nth(6, lost=4, lost_first_ns=2 * SECOND))[0] == ring(2, 3, 6)

    def test_what_was_a_gap_is_not_settled_again(self, admission: Admission) -> None:
        admission.feed(nth(1), nth(5, lost=3, lost_first_ns=2 * SECOND))

        assert admission.settle(counters(4, 3, lost_pending=3), {}, 9 * SECOND) == []

    @pytest.mark.parametrize("lost", [0, 2])
    def test_event_on_its_way_is_not_lost(self, admission: Admission, lost: int) -> None:
        # Another processor had taken the last sequence number when the counters were read, but
        # its record was in the ring only after the ring had been drained.
        admission.feed(nth(1))
        seq = 2 + lost
        state = counters(seq, lost)

        assert len(admission.settle(state, {}, seq * SECOND)) == (lost > 0)
        assert not admission.accounting.has_all(state)
        assert seqs(admission.feed(nth(seq))) == [seq]
        assert admission.accounting.has_all(state)
        assert (admission.counts.seen, admission.counts.lost) == (seq, lost)

    def test_hooks_and_processors_are_settled_apart(self, admission: Admission) -> None:
        two, five = slot(seq=2, lost=2), slot(seq=5, lost=5)

        out = admission.settle(slots(exec=[slot(), two], execve=[five, slot()]), {}, 1)

        assert {(lost.hook, lost.cpu, lost.count) for lost in out} == {(0, 1, 2), (EXECVE, 0, 5)}

    @given(
        st.lists(st.sampled_from(["sent", "lost", "settle", "settle with one on its way"])),
        st.sampled_from(["settle", "sent", "close"]),
    )
    def test_whatever_the_order_every_event_is_told_once(self, steps: list[str], end: str) -> None:
        admission = Admission()
        seq = lost = pending = told = 0
        for step in [*steps, end]:
            if step.startswith(("settle", "close")):
                state = slots(exec=[slot(seq=seq + ("way" in step), lost=lost)])
                settle = admission.settle if step != "close" else admission.accounting.close
                told += sum(each.count for each in settle(state, {}, seq + 1))
            elif step == "lost":
                seq, lost, pending = seq + 1, lost + 1, pending + 1
            else:
                seq += 1
                out = admission.feed(nth(seq, lost=pending, lost_first_ns=SECOND if pending else 0))
                told += sum(each.count if isinstance(each, Lost) else 1 for each in out)
                pending = 0
                assert told == seq

        assert told == admission.counts.seen == seq
        assert admission.counts.lost == lost


class TestRecursion:
    def test_runs_that_the_kernel_skipped_are_lost_events_of_the_hook(
        self, admission: Admission
    ) -> None:
        admission.feed(nth(1))

        lost = Lost("recursion", 0, None, 4, SECOND, 9 * SECOND)
        assert admission.settle(slots(), {0: 4, 1: 0}, 9 * SECOND) == [lost]
        assert admission.counts.seen == 5

    def test_skipped_runs_are_counted_once_and_since_the_last_time(
        self, admission: Admission
    ) -> None:
        admission.settle(slots(), {0: 4}, 9 * SECOND)

        assert admission.settle(slots(), {0: 4}, 10 * SECOND) == []
        lost = Lost("recursion", 0, None, 2, 10 * SECOND, 11 * SECOND)
        assert admission.settle(slots(), {0: 6}, 11 * SECOND) == [lost]
        assert admission.accounting.misses == {0: 6}


class TestUndecodable:
    def test_event_whose_lengths_are_wrong_is_counted_and_costs_no_other(
        self, admission: Admission
    ) -> None:
        out = admission.feed(nth(1), nth(2, size=7), nth(3))

        assert seqs(out) == [1, 3]
        lost = Lost("undecodable", None, None, 1, SECOND, 9 * SECOND)
        assert admission.settle(slots(), {}, 9 * SECOND) == [lost]
        assert (admission.counts.seen, admission.counts.undecodable) == (3, 1)

    def test_event_without_a_sound_header_is_counted_once(self, admission: Admission) -> None:
        # Its place in the sequence shows it, with the cause that is known by then.
        out = admission.feed(nth(1), nth(2, version=9), nth(3))

        assert seqs(out) == [1, "undecodable", 3]
        assert admission.settle(counters(3, 0), {}, 9 * SECOND) == []
        assert (admission.counts.seen, admission.counts.undecodable) == (3, 1)

    def test_events_of_another_version_are_all_counted_when_settled(
        self, admission: Admission
    ) -> None:
        assert admission.feed(*(nth(at, version=9) for at in range(1, 6))) == []

        lost = Lost("undecodable", None, None, 5, 9 * SECOND, 9 * SECOND)
        assert admission.settle(counters(5, 0), {}, 9 * SECOND) == [lost]
        assert admission.settle(counters(5, 0), {}, 9 * SECOND) == []

    def test_damaged_chunk_is_a_gap_and_no_lost_event(self, admission: Admission) -> None:
        text = b"a" * 9000 + b"\0"

        (event,) = admission.feed(
            chunk_record(record.AREA_ARGV, 4096, text[4096:], seq=1, wanted=60000),
            exec_record(argv_block=text, argv_inside=4096, chunks=1),
        )

        assert isinstance(event, Event)
        assert event.argv_gaps[0].missing_bytes == 9001 - 4096
        assert (admission.counts.seen, admission.counts.undecodable) == (1, 1)


class Done:
    """Events up to a number were done with by the process before."""

    def __init__(self, *seqs: int) -> None:
        self._seqs = seqs

    def covers(self, key: int, seq: int, *, is_record: bool) -> bool:
        return is_record and (key, seq) in [(0, each) for each in self._seqs]


class TestOneProcessAfterTheOther:
    def test_next_process_goes_on_where_the_first_ended(self) -> None:
        first, second = Admission(), Admission()
        first.feed(nth(1), nth(2), nth(4), nth(1, cpu=2, hook=EXECVE))
        first.settle(slots(), {0: 2}, 5 * SECOND)
        accounting = second.accounting

        accounting.resume(first.accounting.standing(), first.accounting.misses, Done(2, 4))
        # What the ring still holds of the first comes again, all but what it held back.
        out = second.feed(nth(2), nth(3), nth(4), nth(5), nth(3, cpu=2, hook=EXECVE))

        assert seqs(out) == [3, 5, "ring", 3]
        assert out[2] == ring(1, 1, 3, hook=EXECVE, cpu=2)
        lost = Lost("recursion", 0, None, 1, 4 * SECOND, 9 * SECOND)
        assert accounting.settle(counters(5, 1), {0: 3}, 9 * SECOND) == [lost]

    def test_streams_are_told_by_key(self, admission: Admission) -> None:
        admission.feed(nth(2), nth(7, cpu=3, hook=EXECVE), nth(3, cpu=1))
        accounting = admission.accounting

        assert accounting.newest(3 << 3 | EXECVE) == 7
        assert accounting.newest(9 << 3) == 0
        assert Standing(0, 2, 2 * SECOND, 1) in accounting.standing()
        assert accounting.last_seen_ns() == {0: 3 * SECOND, EXECVE: 7 * SECOND}

    def test_what_a_closed_kernel_side_numbered_and_did_not_send_is_lost(
        self, admission: Admission
    ) -> None:
        admission.feed(nth(1))

        losses = admission.accounting.close(counters(5, 1, 2, 3), {0: 2}, 9 * SECOND)

        recursion = Lost("recursion", 0, None, 2, SECOND, 9 * SECOND)
        assert losses == [ring(1, 2, 3), recursion, ring(3, 3, 9)]
        assert admission.counts.seen == 7
        # The next kernel side counts from one, and of the old one nothing is known any more.
        assert seqs(admission.feed(nth(1))) == [1]
        assert len(admission.settle(slots(), {0: 1}, 10 * SECOND)) == 1


class TestDurations:
    def end_of(self, *records: bytes) -> int | None:
        """Return the duration that the last of some records has, an exit."""
        *_, event = Admission(measures_durations=True).feed(*records)
        assert isinstance(event, Event)
        return event.duration_ns

    def test_end_has_how_long_the_program_ran(self) -> None:
        assert self.end_of(exec_record(b"x"), exit_record(time_ns=TIME_NS + 123)) == 123

    @pytest.mark.parametrize("began", [{"pid": 2}, {"start_ns": 2}, {"exec_count": 1}], ids=str)
    def test_program_that_was_not_seen_to_begin_has_no_duration(
        self, began: dict[str, Any]
    ) -> None:
        assert self.end_of(exit_record()) is None
        assert self.end_of(exec_record(b"x", **began), exit_record()) is None

    def test_second_exec_of_a_process_counts_from_itself(self) -> None:
        records = (
            exec_record(b"x", exec_count=2, time_ns=TIME_NS),
            exec_record(b"y", exec_count=3, time_ns=TIME_NS + 5, seq=2),
        )

        assert self.end_of(*records, exit_record(exec_count=3, time_ns=TIME_NS + 12)) == 7

    def test_failed_exec_begins_nothing(self) -> None:
        records = (exec_record(b"x"), exec_record(b"y", error=-2, time_ns=TIME_NS + 5))

        assert self.end_of(*records, exit_record(time_ns=TIME_NS + 12)) == 12

    def test_programs_that_run_are_remembered_up_to_a_bound(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(accounting_module, "_EXECS_LIMIT", 5)
        admission = Admission(measures_durations=True)

        admission.feed(*(nth(at, pid=at) for at in range(1, 21)))
        ends = admission.feed(*(exit_record(pid=at, seq=at) for at in range(1, 21)))

        known = [each.pid for each in ends if isinstance(each, Event) and each.duration_ns]
        assert known == [16, 17, 18, 19, 20]
