# SPDX-License-Identifier: Apache-2.0
"""One daemon after the other: what takes place in between is delivered, or counted.

The test is the service manager and keeps what the daemon gives it.
"""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.counting import TracepointCount
from tests.integration.daemon_process import Daemon, DescriptorStore, wait_until
from tests.integration.launching import launch
from tests.integration.tracing import Record

KILLS = 6


@pytest.fixture
def target(programs: Path, place: Path) -> Path:
    """A program that nobody else runs."""
    return Path(shutil.copy(programs / "tiny", place / "restarttarget"))


@contextmanager
def storm(programs: Path, count: int, target: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Execs of the target, numbered."""
    argv = [str(programs / "storm"), str(count), "vfork", str(target)]
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def numbers_of(records: list[Record], target: Path) -> list[str]:
    """WORKER:NUMBER of each exec of a storm."""
    return [r["argv"][1] for r in records if r.get("filename") == str(target)]


def lost_in_ring(records: list[Record]) -> int:
    return sum(r["count"] for r in records if r["type"] == "lost" and "sink" not in r)


def gaps(daemon: Daemon) -> list[Record]:
    return [r["gap"] for r in daemon.of_type("start")[1:]]


def seen_by_all_runs(daemon: Daemon) -> int:
    """What the runs say that took place: those that were killed in the start after them."""
    starts = daemon.of_type("start")
    ends = [int(start["previous"]["seen"]) for start in starts[1:]]
    return sum(ends) + int(daemon.of_type("stop")[-1]["seen"])


def test_every_exec_of_a_storm_is_there_after_kills_in_the_middle(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    execs = 10_000
    sections = {"capture": {"failures": "none"}}  # the kernel's count is of successes
    with (
        TracepointCount("sched/sched_process_exec") as count,
        Daemon(place, engine, sections, store=DescriptorStore()) as daemon,
    ):
        ready = count.read()
        with storm(programs, execs, target) as running:
            for number in range(KILLS):
                size = daemon.log.stat().st_size
                wait_until(
                    lambda size=size: daemon.log.stat().st_size > size  # type: ignore[misc]
                    or running.poll() is not None
                )
                daemon.kill()
                if number % 2:  # some of them long after
                    launch([str(programs / "tiny")]).wait()
                daemon.start()
            assert running.wait() == 0
        daemon.settle(programs / "tiny")
        before = count.read()
        daemon.stop()
        after = count.read()
        records = daemon.records()
        found = Counter(numbers_of(records, target))
        repeated = sum(gap.get("repeated", 0) for gap in gaps(daemon))
        assert {gap["ended"] for gap in gaps(daemon)} == {"crash"}
        assert all(gap["traced"] for gap in gaps(daemon))
        assert before - ready <= seen_by_all_runs(daemon) <= after
    assert len(gaps(daemon)) == KILLS
    assert lost_in_ring(records) == 0
    assert len(found) == execs
    assert sum(found.values()) - execs <= repeated


def test_sum_is_exact_where_the_ring_was_too_small_for_the_gap(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    execs = 5_000
    sections = {"capture": {"ring_bytes": "128K"}}
    with Daemon(place, engine, sections, store=DescriptorStore()) as daemon:
        launch([str(programs / "tiny"), "before"]).wait()
        daemon.settle(programs / "tiny")
        daemon.kill()
        with TracepointCount("sched/sched_process_exec") as count:
            with storm(programs, execs, target) as running:
                assert running.wait() == 0
            made = count.read()
        daemon.start()
        daemon.stop()
        records = daemon.records()
        (gap,) = gaps(daemon)
    of_target = numbers_of(records, target)
    lost = lost_in_ring(records)
    assert 0 < len(of_target) < execs
    assert len(set(of_target)) == len(of_target)
    assert made <= gap["events"]
    assert len(of_target) + lost >= execs
    assert gap["lost"] <= lost
    assert gap["events"] - gap["lost"] >= len(of_target)
    of_hook = [r for r in records if r.get("hook", "exec") == "exec"]
    seqs = Counter((r["cpu"], r["seq"]) for r in of_hook if r["type"] == "exec")
    assert sum(seqs.values()) - len(seqs) <= gap.get("repeated", 0)
    # Every number that was given out is there, or among the lost.
    for cpu in {cpu for cpu, _ in seqs}:
        of_cpu = [seq for at, seq in seqs if at == cpu]
        told = sum(r["count"] for r in of_hook if r["type"] == "lost" and r.get("cpu") == cpu)
        assert max(of_cpu) - min(of_cpu) + 1 - len(of_cpu) <= told


def test_execs_between_stop_and_start_are_delivered(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine, store=DescriptorStore()) as daemon:
        launch([tiny, "before"]).wait()
        daemon.stop()
        for number in range(20):
            launch([tiny, f"between-{number}", *["x" * 900] * 60]).wait()
        daemon.start()
        launch([tiny, "after"]).wait()
        daemon.stop()
        records = daemon.records()
        (gap,) = gaps(daemon)
    arguments = [r["argv"] for r in records if r["type"] == "exec" and r.get("filename") == tiny]
    words = [argv[1] for argv in arguments if argv[1] == "before" or argv[1][0] in "ab"]
    assert words == ["before", *[f"between-{n}" for n in range(20)], "after"]
    assert all(len(argv) == 62 for argv in arguments if argv[1].startswith("between"))
    kinds = [r["type"] for r in records]
    assert kinds[0] == "start"
    assert kinds.count("stop") == kinds.count("start") == 2
    between = next(i for i, r in enumerate(records) if r.get("argv", [""])[-1] == "x" * 900)
    assert kinds[:between].count("start") == 2, "what was waiting comes after the start record"
    assert (gap["ended"], gap["traced"], gap["lost"]) == ("stop", True, 0)
    assert gap["events"] >= 20
    assert "repeated" not in gap


def test_other_settings_read_the_old_ring_first_and_count_what_fell_between(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    execs = 3_000
    with Daemon(place, engine, store=DescriptorStore()) as daemon:
        daemon.kill()
        launch([str(programs / "tiny"), "waiting"]).wait()
        daemon.configure({"capture": {"ring_bytes": "32M"}})
        with storm(programs, execs, target) as running:
            daemon.start()
            assert running.wait() == 0
        daemon.stop()
        assert daemon.store is not None
        names = [name for name, _ in daemon.store.kept]
        records = daemon.records()
        stderr = daemon.stderr
        (gap,) = gaps(daemon)
    assert len(names) == len(set(names)), "the old ones are gone"
    assert "[capture] has changed" in stderr
    assert (gap["traced"], gap["why"]) == (True, "[capture] has changed")
    assert [r.get("argv", [])[1:] for r in records].count(["waiting"]) == 1
    found = numbers_of(records, target)
    handed_over = sum(r["count"] for r in records if r.get("reason") == "handover")
    assert len(found) == len(set(found))
    assert execs - handed_over <= len(found) <= execs
    assert lost_in_ring(records) == handed_over


def test_what_is_incomplete_is_not_used_and_said(engine: str, programs: Path, place: Path) -> None:
    with Daemon(place, engine, store=DescriptorStore(most=5)) as daemon:
        daemon.kill()
        launch([str(programs / "tiny"), "missed"]).wait()
        daemon.start()
        launch([str(programs / "tiny"), "seen"]).wait()
        daemon.stop()
        (gap,) = gaps(daemon)
        words = [r.get("argv", [])[1:] for r in daemon.of_type("exec")]
        stderr = daemon.stderr
    assert "incomplete" in stderr
    assert gap["traced"] is False
    assert "incomplete" in gap["why"]
    assert ["missed"] not in words
    assert ["seen"] in words


def _version(file: Path) -> tuple[int, int]:
    """What changes with each writing, also within one tick of the clock."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def test_failures_held_back_when_it_was_killed_are_not_missing(
    engine: str, programs: Path, place: Path
) -> None:
    tries = [str(place / part / "not-there") for part in ("a", "b", "c")]
    search = [
        "/usr/bin/python3",
        "-c",
        "import os, sys\n"
        "for name in sys.argv[1:4]:\n"
        "    try: os.execv(name, ['not-there', 'x'])\n"
        "    except OSError: pass\n",
        *tries,
    ]
    with Daemon(place, engine, store=DescriptorStore()) as daemon:
        is_held_back = False
        while not is_held_back:  # for a second, which may be over where the machine is busy
            process = subprocess.Popen(search)
            process.wait()
            before = _version(daemon.status_file)
            daemon.running.send_signal(signal.SIGCONT)  # drains, and writes the status
            wait_until(lambda then=before: _version(daemon.status_file) != then)  # type: ignore[misc]
            daemon.kill()
            is_held_back = not [r for r in daemon.of_type("exec") if r["pid"] == process.pid][1:]
            daemon.start()
        daemon.settle(programs / "tiny")
        daemon.stop()
        failures = [
            r for r in daemon.of_type("exec")
            if r["pid"] == process.pid and r["result"] == "failure"
        ]  # fmt: skip
    (failure,) = failures
    assert failure["path_search"] == tries


def is_ready(daemon: Daemon, pid: int) -> bool:
    """Return True once a daemon has written its status, right before it says that it is ready."""
    status = daemon.status_file
    return status.exists() and json.loads(status.read_bytes())["pid"] == pid


def test_first_start_has_no_gap_and_a_restart_without_manager_one_that_was_not_traced(
    place: Path, programs: Path
) -> None:
    environment = {"NOTIFY_SOCKET": str(place / "nobody")}
    daemon = Daemon(place, "auto", environment=environment)
    try:
        for _ in range(2):
            process = subprocess.Popen(
                ["/usr/bin/python3", "-m", "execaudit", "daemon", "--config", str(daemon.config)],
                stderr=subprocess.DEVNULL,
            )
            try:
                count = len(daemon.of_type("stop"))
                wait_until(lambda n=count + 1: len(daemon.of_type("start")) == n)  # type: ignore[misc]
                # Until it is ready, SIGTERM ends it without a last record.
                wait_until(lambda pid=process.pid: is_ready(daemon, pid))  # type: ignore[misc]
                launch([str(programs / "tiny")]).wait()
            finally:
                os.kill(process.pid, signal.SIGTERM)
                process.wait()
        first, second = daemon.of_type("start")
        stop = daemon.of_type("stop")[0]
    finally:
        daemon.__exit__()
    assert "gap" not in first
    assert second["gap"]["ended"] == "stop"
    assert second["gap"]["traced"] is False
    assert second["gap"]["first"] == stop["time"]
    assert second["gap"]["last"] <= second["time"]
