# SPDX-License-Identifier: Apache-2.0
"""In a storm at the highest rate that all processors can make, every exec is delivered or counted.

The sums are exact: records that arrived, plus the counts of the lost records, against the kernel's
own count of execs (perf events) while the tracer was attached. On a quiet machine its bounds are
one number; where other programs run, they differ by the execs at the moments of start and stop.
"""

import os
import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.comparing import assert_gaps_fit, parse_time_ns
from tests.integration.counting import TracepointCount
from tests.integration.launching import OUTPUT_FD, Child, launch
from tests.integration.requirements import STORM_EXECS
from tests.integration.tracing import Record, Summary, Tracer

NR_EXECVE = {"x86_64": 59, "aarch64": 221}[platform.machine()]
SMALL_RING = ["--ring-bytes", "64K"]


def make_block(first: list[str], size: int) -> bytes:
    """The arguments that programs/storm.c makes."""
    pieces = ("abcdefghijklmnopqrstuvwxyz"[i % 26] * 999 for i in range(size // 1000))
    return "\0".join([*first, *pieces, ""]).encode()


@dataclass
class Storm:
    """A traced storm: what was made, what the kernel counted, what the tracer said."""

    made: int = 0
    refused: int = 0
    execs: range = range(0)
    failures: range = range(0)
    records: list[Record] = field(default_factory=list)
    summary: Summary = field(default_factory=lambda: Summary(0, 0, 0, 0))

    def of_target(self, target: Path) -> list[Record]:
        return [r for r in self.records if r.get("filename") == str(target)]


@pytest.fixture
def target(programs: Path, place: Path) -> Path:
    """A program that nobody else runs."""
    return Path(shutil.copy(programs / "tiny", place / "target"))


@contextmanager
def counts() -> Iterator[Callable[[], tuple[int, int]]]:
    with (
        TracepointCount("sched/sched_process_exec") as execs,
        # Not syscalls/sys_exit_execve: a BPF program there, as the tracer's may be, hides the event
        # from perf by returning 0 (perf_syscall_exit() in kernel/trace/trace_syscalls.c).
        TracepointCount("raw_syscalls/sys_exit", f"id == {NR_EXECVE} && ret < 0") as failures,
    ):
        yield lambda: (execs.read(), failures.read())


def run_storm(
    engine: str,
    programs: Path,
    argv: list[str],
    options: list[str],
    drive: Callable[[Tracer, Child], object] = Tracer.wait_for,
) -> Storm:
    storm = Storm()
    with counts() as count:
        with Tracer(engine, programs / "tiny", *options, exits=False) as tracer:
            ready = count()
            child = launch([str(programs / "storm"), *argv], setup=answer_to_stdout)
            try:
                drive(tracer, child)
                tracer.wait_for(child)
                storm.made, storm.refused = map(int, child.answer.split())
            finally:
                child.kill()
            tracer.settle()
            ending = count()
            storm.summary = tracer.stop()
            storm.records = tracer.records
        # Detached: nothing after this can be in the stream.
        ended = count()
    storm.execs = range(ending[0] - ready[0], ended[0] + 1)
    storm.failures = range(ending[1] - ready[1], ended[1] + 1)
    return storm


def answer_to_stdout() -> None:
    os.dup2(OUTPUT_FD, 1)


def assert_sum_is_exact(storm: Storm, hook: str, kernel: range) -> None:
    arrived = [r for r in storm.records if r["type"] == "exec" and r.get("hook", "exec") == hook]
    lost = [r for r in storm.records if r["type"] == "lost" and r["hook"] == hook]
    count = sum(r["count"] for r in lost)
    assert len(arrived) + count in kernel
    # The same, per processor: what the numbers of the records leave out is what was counted.
    missing = 0
    for cpu in {r["cpu"] for r in arrived}:
        seqs = [r["seq"] for r in arrived if r["cpu"] == cpu]
        assert seqs == sorted(set(seqs))
        missing += seqs[-1] - seqs[0] + 1 - len(seqs)
    assert missing <= count
    for r in lost:
        assert r["count"] > 0
        assert parse_time_ns(r["first"]) <= parse_time_ns(r["last"])


def assert_each_arrived_once(storm: Storm, target: Path) -> list[Record]:
    records = storm.of_target(target)
    numbers = Counter(r["argv"][1] for r in records)
    assert all(n == 1 for n in numbers.values())
    assert all(r["argv"][0] == str(target) for r in records)
    return records


def assert_summary(storm: Storm) -> None:
    lost = sum(r["count"] for r in storm.records if r["type"] == "lost")
    shown = len([r for r in storm.records if r["type"] != "lost"])
    assert storm.summary.lost == lost
    assert storm.summary.shown == shown
    assert storm.summary.dropped == 0
    assert storm.summary.seen == shown + lost


@pytest.mark.parametrize("way", ["vfork", "fork"])
def test_sum_is_exact_with_a_small_ring(
    engine: str, programs: Path, target: Path, way: str
) -> None:
    execs = STORM_EXECS if way == "vfork" else STORM_EXECS // 2
    argv = [str(execs), way, str(target), "0", "1" if way == "vfork" else "4"]
    storm = run_storm(engine, programs, argv, SMALL_RING)
    assert (storm.made, storm.refused) == (execs, 0)
    records = assert_each_arrived_once(storm, target)
    assert 0 < len(records) < execs, "the ring was not too small: nothing has been shown"
    assert_sum_is_exact(storm, "exec", storm.execs)
    assert_summary(storm)
    reasons = {r["reason"] for r in storm.records if r["type"] == "lost"}
    assert "ring" in reasons
    assert reasons <= {"ring", "recursion"}


def test_sum_is_exact_with_the_default_ring(engine: str, programs: Path, target: Path) -> None:
    storm = run_storm(engine, programs, [str(STORM_EXECS), "vfork", str(target)], [])
    assert storm.made == STORM_EXECS
    assert_each_arrived_once(storm, target)
    assert_sum_is_exact(storm, "exec", storm.execs)
    assert_summary(storm)


def test_sum_of_failures_is_exact_with_a_small_ring(
    engine: str, programs: Path, place: Path
) -> None:
    nothing = place / "not-there"
    argv = [str(STORM_EXECS), "vfork", str(nothing)]
    storm = run_storm(engine, programs, argv, SMALL_RING)
    assert storm.refused == STORM_EXECS
    assert_each_arrived_once(storm, nothing)
    assert_sum_is_exact(storm, "execve", storm.failures)
    assert_sum_is_exact(storm, "exec", storm.execs)
    assert_summary(storm)


@pytest.mark.parametrize("options", [SMALL_RING, []], ids=["small-ring", "default-ring"])
def test_sum_is_exact_after_the_tracer_stood_still(
    engine: str, programs: Path, target: Path, options: list[str]
) -> None:
    execs = STORM_EXECS // 2

    def stand_still(tracer: Tracer, child: Child) -> None:
        # The whole storm passes by a tracer that does not run.
        tracer.pause()
        try:
            child.wait()
        finally:
            tracer.resume()

    argv = [str(execs), "vfork", str(target)]
    storm = run_storm(engine, programs, argv, options, stand_still)
    assert storm.made == execs
    assert_each_arrived_once(storm, target)
    assert_sum_is_exact(storm, "exec", storm.execs)
    assert_summary(storm)
    assert storm.summary.lost > 0


def test_flood_of_large_arguments_is_delivered_or_counted_and_gaps_are_marked(
    engine: str, programs: Path, target: Path
) -> None:
    size, execs = 60_000, max(STORM_EXECS // 100, 20)
    argv = [str(execs), "vfork", str(target), str(size)]
    storm = run_storm(engine, programs, argv, SMALL_RING)
    assert storm.made == execs
    assert_sum_is_exact(storm, "exec", storm.execs)
    whole = holed = 0
    for record in assert_each_arrived_once(storm, target):
        gaps = record.get("truncated", {}).get("argv", [])
        assert all(gap["reason"] == "ring" for gap in gaps)
        assert_gaps_fit(record, make_block(record["argv"][:2], size))
        assert record["argc"] == size // 1000 + 2
        whole, holed = whole + (not gaps), holed + bool(gaps)
    assert whole + holed > 0
    assert holed or storm.summary.lost, "the ring was not too small: nothing has been shown"
