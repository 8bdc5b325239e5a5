# SPDX-License-Identifier: Apache-2.0
"""A batch through the pipeline: long arguments, filters, durations, the clock."""

import json
from typing import Any

import pytest
from execaudit.records.pipeline import Pipeline

from execaudit.records import durations
from execaudit.records import streams as streams_module
from execaudit.wire import record
from tests.records import (
    TIME_NS,
    chunk_record,
    chunks_of,
    exec_record,
    exit_record,
    join,
    make_host,
)
from tests.unit.pipelines import (
    SECOND,
    feed,
    make_pipeline,
    nth,
)


class TestChunks:
    TEXT = bytes(97 + at % 26 for at in range(70000)) + b"\0"

    def exec_with_chunks(self, seq: int = 1, **members: Any) -> tuple[list[bytes], bytes]:
        chunks = chunks_of(record.AREA_ARGV, self.TEXT, 4096, seq=seq, **members)
        event = exec_record(
            argv_block=self.TEXT, argv_inside=4096, chunks=len(chunks), argc=1, seq=seq, **members
        )
        return chunks, event

    def test_arguments_are_whole_again(self) -> None:
        chunks, event = self.exec_with_chunks()

        (fields,) = feed(make_pipeline(), *chunks, event)

        assert fields["argv"] == [self.TEXT[:-1].decode()]
        assert "truncated" not in fields

    def test_chunks_may_come_in_an_earlier_batch(self) -> None:
        pipeline = make_pipeline()
        chunks, event = self.exec_with_chunks()

        assert feed(pipeline, *chunks) == []
        (fields,) = feed(pipeline, event)

        assert "truncated" not in fields

    def test_chunks_of_two_processors_are_not_mixed(self) -> None:
        chunks, event = self.exec_with_chunks(cpu=0)
        others, other = self.exec_with_chunks(cpu=1)
        mixed = [raw for pair in zip(chunks, others, strict=True) for raw in pair]

        out = feed(make_pipeline(), *mixed, other, event)

        assert [fields["argv"] for fields in out] == [[self.TEXT[:-1].decode()]] * 2

    def test_chunks_of_a_lost_record_do_not_join_the_next(self) -> None:
        chunks, _ = self.exec_with_chunks(seq=1)
        _, event = self.exec_with_chunks(seq=2)

        _, fields = feed(make_pipeline(), *chunks, event)

        assert fields["argv"] == [self.TEXT[:4096].decode()]
        assert fields["truncated"]["argv"][0]["missing_bytes"] == len(self.TEXT) - 4096

    def test_chunks_of_a_lost_record_are_let_go_by_an_ordinary_exec(self) -> None:
        pipeline = make_pipeline()
        chunks, _ = self.exec_with_chunks(seq=2)

        feed(pipeline, nth(1), *chunks, nth(3))

        assert pipeline.waits_from is None
        assert all(stream.chunks is None for stream in pipeline._streams.values())

    def test_chunks_that_wait_are_bounded_over_all_processors(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streams_module, "_CHUNKS_KEPT", 10)
        pipeline = make_pipeline()

        for cpu in range(20):
            chunks, event = self.exec_with_chunks(cpu=cpu)
            feed(pipeline, *chunks)
            assert pipeline._waiting._count <= 10
        (newest,) = feed(pipeline, event)
        (oldest,) = feed(pipeline, self.exec_with_chunks(cpu=0)[1])

        assert "truncated" not in newest
        assert oldest["truncated"]["argv"][0]["reason"] == "ring"
        assert sum(len(s.chunks or ()) for s in pipeline._streams.values()) <= 10

    def test_flood_of_chunks_for_one_record_is_bounded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streams_module, "_CHUNKS_KEPT", 10)
        pipeline = make_pipeline()

        for _ in range(100):
            feed(pipeline, chunk_record(record.AREA_ARGV, 0, b"x", seq=1))

        assert pipeline._waiting._count <= 10


class TestFilter:
    def test_filtered_events_are_counted_and_not_shown(self) -> None:
        pipeline = make_pipeline(lambda fields: fields["pid"] == 2)

        out = feed(pipeline, nth(1, pid=1), nth(2, pid=2), nth(3, pid=3))

        assert [fields["pid"] for fields in out] == [2]
        counts = pipeline.counts
        assert (counts.seen, counts.shown, counts.filtered, counts.lost) == (3, 1, 2, 0)

    def test_lost_records_are_never_filtered(self) -> None:
        pipeline = make_pipeline(lambda _: False)

        out = feed(pipeline, nth(1), nth(4))

        assert [fields["type"] for fields in out] == ["lost"]

    def test_same_lines_come_out_with_and_without_a_filter(self) -> None:
        batch = join(nth(1), nth(4), exec_record(b"y", error=-2), exit_record(), nth(5, size=3))

        assert make_pipeline().lines(*batch) == make_pipeline(lambda _: True).lines(*batch)

    def test_records_are_the_lines_as_dicts(self) -> None:
        batch = join(nth(1), nth(4, uid=1000), exec_record(b"y", error=-2), exit_record())

        records = list(make_pipeline().records(*batch))

        assert [Pipeline.line(one) for one in records] == make_pipeline().lines(*batch)


class TestDurations:
    def test_exit_tells_how_long_the_program_ran(self) -> None:
        pipeline = make_pipeline()
        pipeline.measure_durations()

        _, fields = feed(pipeline, exec_record(b"x"), exit_record(time_ns=TIME_NS + 123))

        assert fields["duration_ns"] == 123

    def test_program_that_ran_before_has_no_duration(self) -> None:
        pipeline = make_pipeline()
        pipeline.measure_durations()

        (fields,) = feed(pipeline, exit_record())

        assert "duration_ns" not in fields

    def test_second_exec_of_a_process_counts_from_itself(self) -> None:
        pipeline = make_pipeline()
        pipeline.measure_durations()

        *_, fields = feed(
            pipeline,
            exec_record(b"x", exec_count=2, time_ns=TIME_NS),
            exec_record(b"y", exec_count=3, time_ns=TIME_NS + 5, seq=2),
            exit_record(exec_count=3, time_ns=TIME_NS + 12),
        )

        assert fields["duration_ns"] == 7
        assert not pipeline._durations._began

    def test_failed_exec_starts_nothing(self) -> None:
        pipeline = make_pipeline()
        pipeline.measure_durations()

        *_, fields = feed(
            pipeline,
            exec_record(b"x", time_ns=TIME_NS),
            exec_record(b"y", error=-2, time_ns=TIME_NS + 5),
            exit_record(time_ns=TIME_NS + 12),
        )

        assert fields["duration_ns"] == 12

    def test_exec_that_the_filter_dropped_still_gives_its_exit_a_duration(self) -> None:
        pipeline = make_pipeline(lambda fields: fields["type"] == "exit")
        pipeline.measure_durations()

        (fields,) = feed(pipeline, exec_record(b"x"), exit_record(time_ns=TIME_NS + 1))

        assert fields["duration_ns"] == 1

    def test_programs_that_run_are_remembered_up_to_a_bound(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(durations, "_EXECS_KEPT", 5)
        pipeline = make_pipeline()
        pipeline.measure_durations()

        feed(pipeline, *(nth(at, pid=at, exec_count=9) for at in range(1, 21)))

        assert len(pipeline._durations._began) == 5


class TestClock:
    def test_step_in_a_recording_moves_all_times_that_follow(self) -> None:
        host = make_host()
        pipeline = Pipeline(host)
        (before,) = pipeline.lines(*join(exec_record(b"x", seq=1)))

        host.wall_offset_ns += 3600 * SECOND
        (after,) = pipeline.lines(*join(exec_record(b"x", seq=2)))

        fresh = Pipeline(make_host(wall_offset_ns=host.wall_offset_ns))
        fresh.lines(*join(exec_record(b"x", seq=1)))
        assert fresh.lines(*join(exec_record(b"x", seq=2))) == [after]
        assert json.loads(before)["ancestors"] != json.loads(after)["ancestors"]

    def test_clock_is_followed_for_dicts_as_for_lines(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host = make_host()
        pipeline = Pipeline(host)

        def step() -> bool:
            host.wall_offset_ns += 3600 * SECOND
            return True

        monkeypatch.setattr(host, "follow_clock", step)
        (first,) = pipeline.records(*join(nth(1)))
        (second,) = pipeline.records(*join(nth(1, cpu=1)))

        assert first["time"] != second["time"]


def test_empty_batch_gives_nothing() -> None:
    assert make_pipeline().lines(b"", []) == []


def test_every_line_ends_with_a_newline_and_has_no_other() -> None:
    batch = join(exec_record(b"a\nb", b"\r"), nth(3, comm=b"a\nb"))

    for line in make_pipeline().lines(*batch):
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1
