# SPDX-License-Identifier: Apache-2.0
"""A batch through all steps: every event is shown, filtered or counted as lost, once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.wire import record
from tests.records import (
    chunk_record,
    exec_record,
    exit_record,
    pack,
    slot,
    slots,
)
from tests.unit.pipelines import (
    EXIT,
    HOOKS,
    SECOND,
    assert_adds_up,
    feed,
    make_pipeline,
    nth,
    seconds,
)


class TestSequence:
    def test_events_in_order_give_one_line_each(self) -> None:
        pipeline = make_pipeline()

        out = feed(pipeline, nth(1), nth(2), nth(3))

        assert [fields["seq"] for fields in out] == [1, 2, 3]
        assert (pipeline.counts.seen, pipeline.counts.shown, pipeline.counts.lost) == (3, 3, 0)

    def test_gap_gives_a_lost_record_before_the_next_event(self) -> None:
        pipeline = make_pipeline()

        out = feed(pipeline, nth(1), nth(5, lost=3, lost_first_ns=2 * SECOND), nth(6))

        assert [fields["type"] for fields in out] == ["exec", "lost", "exec", "exec"]
        lost = out[1]
        assert (lost["count"], lost["reason"], lost["hook"], lost["cpu"]) == (3, "ring", "exec", 0)
        assert seconds(lost) == (2, 5)
        assert (pipeline.counts.seen, pipeline.counts.shown, pipeline.counts.lost) == (6, 3, 3)

    def test_events_lost_before_the_first_are_counted(self) -> None:
        pipeline = make_pipeline()

        lost, _ = feed(pipeline, nth(4, lost=3, lost_first_ns=1 * SECOND))

        assert (lost["count"], seconds(lost)) == (3, (1, 4))

    def test_gap_that_the_kernel_does_not_know_of_is_counted_too(self) -> None:
        # Its counter of lost records says none: whatever took them, they are not here.
        pipeline = make_pipeline()

        _, lost, _ = feed(pipeline, nth(1), nth(4))

        assert (lost["count"], seconds(lost)) == (2, (1, 4))

    def test_gap_across_batches_is_found(self) -> None:
        pipeline = make_pipeline()
        feed(pipeline, nth(1))

        lost, event = feed(pipeline, nth(3, lost=1, lost_first_ns=2 * SECOND))

        assert (lost["count"], event["seq"]) == (1, 3)

    @pytest.mark.parametrize("kind", ["cpu", "hook"])
    def test_sequences_of_processors_and_hooks_are_apart(self, kind: str) -> None:
        pipeline = make_pipeline()
        other: dict[str, int] = {"cpu": 1} if kind == "cpu" else {"hook": 3}

        out = feed(pipeline, nth(1), nth(1, **other), nth(2), nth(3, **other), nth(3))

        (lost,) = [fields for fields in out if fields["type"] == "lost"]
        assert lost["count"] == 1
        assert lost["cpu"] == other.get("cpu", 0)
        assert lost["hook"] == HOOKS[other.get("hook", 0)]

    def test_largest_processor_number_of_any_kernel_is_taken(self) -> None:
        pipeline = make_pipeline()

        assert feed(pipeline, nth(1, cpu=8191))[0]["cpu"] == 8191
        assert feed(pipeline, nth(1, cpu=8192)) == []
        assert pipeline.counts.undecodable == 1

    def test_gap_of_exits_is_found(self) -> None:
        pipeline = make_pipeline()

        lost, event = feed(pipeline, exit_record(seq=3))

        assert (lost["hook"], lost["count"], event["type"]) == ("exit", 2, "exit")

    def test_event_that_comes_late_is_shown_and_makes_no_gap(self) -> None:
        pipeline = make_pipeline()

        out = feed(pipeline, nth(1), nth(3), nth(2), nth(4))

        assert [fields.get("seq") for fields in out] == [1, None, 3, 2, 4]

    @given(st.sets(st.integers(1, 60)), st.booleans())
    def test_whatever_is_lost_received_plus_lost_is_what_took_place(
        self, lost: set[int], is_filtered: bool
    ) -> None:
        pipeline = make_pipeline((lambda _: False) if is_filtered else None)
        arrived = [seq for seq in range(1, 61) if seq not in lost]

        feed(pipeline, *map(nth, arrived))
        pipeline.settle(slots(exec=[slot(seq=60, lost=len(lost))]), {}, 61 * SECOND)

        assert pipeline.counts.seen == 60
        assert pipeline.counts.lost == len(lost)
        assert_adds_up(pipeline)


class TestSettle:
    def test_events_lost_behind_the_last_are_counted_with_their_span(self) -> None:
        pipeline = make_pipeline()
        feed(pipeline, nth(1))
        state = slot(
            seq=4, lost=3, lost_pending=3, lost_first_ns=2 * SECOND, lost_last_ns=4 * SECOND
        )

        (lost,) = pipeline.settle(slots(exec=[state]), {}, 9 * SECOND)

        assert (lost["count"], lost["hook"], lost["cpu"]) == (3, "exec", 0)
        assert seconds(lost) == (2, 4)

    def test_nothing_is_counted_twice_by_settling_again(self) -> None:
        pipeline = make_pipeline()
        state = slots(exec=[slot(seq=3, lost=3, lost_pending=3)])

        assert len(pipeline.settle(state, {}, SECOND)) == 1
        assert pipeline.settle(state, {}, SECOND) == []
        assert pipeline.counts.lost == 3

    def test_what_was_settled_is_no_gap_later(self) -> None:
        pipeline = make_pipeline()
        feed(pipeline, nth(1))
        pipeline.settle(
            slots(exec=[slot(seq=3, lost=2, lost_first_ns=2 * SECOND, lost_last_ns=3 * SECOND)]),
            {},
            3 * SECOND,
        )

        out = feed(pipeline, nth(4, lost=2, lost_first_ns=2 * SECOND))

        assert [fields["type"] for fields in out] == ["exec"]
        assert pipeline.counts.lost == 2

    def test_what_was_lost_after_settling_is_counted_alone(self) -> None:
        pipeline = make_pipeline()
        feed(pipeline, nth(1))
        pipeline.settle(
            slots(exec=[slot(seq=3, lost=2, lost_first_ns=2 * SECOND, lost_last_ns=3 * SECOND)]),
            {},
            3 * SECOND,
        )

        lost, _ = feed(pipeline, nth(6, lost=4, lost_first_ns=2 * SECOND))

        assert lost["count"] == 2
        assert seconds(lost) == (3, 6)

    def test_what_a_gap_told_is_not_settled_again(self) -> None:
        pipeline = make_pipeline()
        before = slots(exec=[slot(seq=4, lost=3, lost_pending=3)])
        feed(pipeline, nth(1), nth(5, lost=3, lost_first_ns=2 * SECOND))

        assert pipeline.settle(before, {}, 9 * SECOND) == []
        assert pipeline.counts.lost == 3

    def test_event_on_its_way_is_not_lost(self) -> None:
        # Another processor had taken sequence number 2 when the counters were read, but its
        # record was in the ring only after the ring had been drained.
        pipeline = make_pipeline()
        feed(pipeline, nth(1))

        assert pipeline.settle(slots(exec=[slot(seq=2)]), {}, 2 * SECOND) == []
        out = feed(pipeline, nth(2))

        assert [fields["type"] for fields in out] == ["exec"]
        assert (pipeline.counts.seen, pipeline.counts.lost) == (2, 0)

    def test_event_on_its_way_behind_lost_ones_is_not_lost(self) -> None:
        pipeline = make_pipeline()
        feed(pipeline, nth(1))
        (lost,) = pipeline.settle(slots(exec=[slot(seq=4, lost=2)]), {}, 4 * SECOND)

        out = feed(pipeline, nth(4, lost=2, lost_first_ns=2 * SECOND))

        assert lost["count"] == 2
        assert [fields["type"] for fields in out] == ["exec"]
        assert pipeline.counts.seen == 4

    def test_hooks_and_processors_are_settled_apart(self) -> None:
        pipeline = make_pipeline()

        out = pipeline.settle(
            slots(exec=[slot(), slot(seq=2, lost=2)], execve=[slot(seq=5, lost=5), slot()]), {}, 1
        )

        assert {(x["hook"], x["cpu"], x["count"]) for x in out} == {
            ("exec", 1, 2),
            ("execve", 0, 5),
        }

    @given(
        st.lists(st.sampled_from(["sent", "lost", "settle", "settle with one on its way"])),
        st.booleans(),
    )
    def test_whatever_the_order_every_event_is_told_once(
        self, steps: list[str], ends_settled: bool
    ) -> None:
        pipeline = make_pipeline()
        seq = lost = pending = 0
        told = 0
        for step in [*steps, *(["settle"] if ends_settled else ["sent"])]:
            if step.startswith("settle"):
                state = slot(seq=seq + ("way" in step), lost=lost, lost_pending=pending)
                told += sum(x["count"] for x in pipeline.settle(slots(exec=[state]), {}, seq + 1))
                continue
            seq += 1
            if step == "lost":
                lost, pending = lost + 1, pending + 1
                continue
            out = feed(pipeline, nth(seq, lost=pending, lost_first_ns=SECOND if pending else 0))
            told += sum(fields.get("count", 1) for fields in out)
            pending = 0
            assert told == seq

        assert told == seq
        assert pipeline.counts.seen == seq
        assert pipeline.counts.lost == lost
        assert_adds_up(pipeline)


class TestRecursion:
    def test_runs_that_the_kernel_skipped_are_lost_events_of_the_hook(self) -> None:
        pipeline = make_pipeline()
        feed(pipeline, nth(1))

        (lost,) = pipeline.settle(slots(), {0: 4}, 9 * SECOND)

        assert (lost["reason"], lost["hook"], lost["count"]) == ("recursion", "exec", 4)
        assert "cpu" not in lost
        assert seconds(lost) == (1, 9)
        assert pipeline.counts.seen == 5

    def test_skipped_runs_are_counted_once_and_since_the_last_time(self) -> None:
        pipeline = make_pipeline()
        pipeline.settle(slots(), {0: 4, EXIT: 0}, 9 * SECOND)

        assert pipeline.settle(slots(), {0: 4}, 10 * SECOND) == []
        (lost,) = pipeline.settle(slots(), {0: 6}, 11 * SECOND)

        assert lost["count"] == 2
        assert seconds(lost) == (10, 11)


class TestUndecodable:
    def test_event_whose_lengths_are_wrong_is_counted_and_costs_no_other(self) -> None:
        pipeline = make_pipeline()

        out = feed(pipeline, nth(1), nth(2, size=7), nth(3))
        (lost,) = pipeline.settle(slots(), {}, 9 * SECOND)

        assert [fields["seq"] for fields in out] == [1, 3]
        assert (lost["reason"], lost["count"]) == ("undecodable", 1)
        assert "hook" not in lost
        assert (pipeline.counts.seen, pipeline.counts.undecodable) == (3, 1)
        assert_adds_up(pipeline)

    @pytest.mark.parametrize(
        "damage", [{"version": 9}, {"hook": 6}, {"kind": 0}, {"kind": 5}, {"cpu": 1 << 31}], ids=str
    )
    def test_event_without_a_good_header_is_counted_once(self, damage: dict[str, Any]) -> None:
        pipeline = make_pipeline()

        out = feed(pipeline, nth(1), nth(2, **damage), nth(3))

        # Its place in the sequence tells it, with the cause that is known by then.
        assert [fields["type"] for fields in out] == ["exec", "lost", "exec"]
        assert (out[1]["reason"], out[1]["count"]) == ("undecodable", 1)
        assert pipeline.settle(slots(exec=[slot(seq=3)]), {}, 9 * SECOND) == []
        assert pipeline.counts.seen == 3

    def test_events_of_another_version_are_all_counted_when_settled(self) -> None:
        pipeline = make_pipeline()

        assert feed(pipeline, *(nth(at, version=9) for at in range(1, 6))) == []
        (lost,) = pipeline.settle(slots(exec=[slot(seq=5)]), {}, 9 * SECOND)

        assert (lost["reason"], lost["count"]) == ("undecodable", 5)
        assert pipeline.settle(slots(exec=[slot(seq=5)]), {}, 9 * SECOND) == []

    def test_batch_that_ends_within_a_header_is_counted(self) -> None:
        pipeline = make_pipeline()

        assert pipeline.lines(b"\0" * 8, [0, 4, 8, 100]) == []
        assert pipeline.counts.undecodable == 4

    def test_damaged_chunk_shows_as_a_gap_and_is_no_lost_event(self) -> None:
        pipeline = make_pipeline()
        text = b"a" * 9000 + b"\0"

        (fields,) = feed(
            pipeline,
            chunk_record(record.AREA_ARGV, 4096, text[4096:], seq=1, wanted=60000),
            exec_record(argv_block=text, argv_inside=4096, chunks=1),
        )

        assert fields["truncated"]["argv"][0]["missing_bytes"] == 9001 - 4096
        assert pipeline.settle(slots(), {}, SECOND) == []
        assert (pipeline.counts.seen, pipeline.counts.undecodable) == (1, 1)


def test_slots_helper_lays_counters_out_as_the_map_does() -> None:
    state = slots(execve=[slot(seq=7), slot(seq=8)])

    assert [len(cpus) for cpus in state] == [2] * len(HOOKS)
    assert state[2][1] == pack(record.SLOT, {"seq": 8})
