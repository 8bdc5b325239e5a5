# SPDX-License-Identifier: Apache-2.0
"""The end of a process that called exec: one record, joined to the exec by its id."""

import os
import resource
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.comparing import parse_time_ns
from tests.integration.launching import Child, launch
from tests.integration.tracing import Record, Tracer, execs_of, exits_of

FIELDS = {"time", "type", "host", "boot", "cpu", "seq", "hook", "id", "parent_id", "pid", "ppid"}
FIELDS |= {"uid", "user", "comm", "duration_ns"}


def run(exit_tracer: Tracer, argv: list[str]) -> tuple[Child, Record, Record]:
    """Returns the child, its last exec record and its exit record."""
    child, records = exit_tracer.during(lambda: exit_tracer.run(argv))
    (ended,) = exits_of(records, child.pid)
    return child, execs_of(records, child.pid)[-1], ended


def assert_joined(started: Record, ended: Record) -> None:
    same = ("id", "parent_id", "pid", "ppid", "uid", "comm", "host", "boot")
    assert {k: started[k] for k in same} == {k: ended[k] for k in same}
    between = parse_time_ns(ended["time"]) - parse_time_ns(started["time"])
    assert ended["duration_ns"] == pytest.approx(between, abs=1_000_000)
    assert ended["hook"] == "exit"


@pytest.mark.parametrize("status", [0, 1, 127, 255])
def test_exit_status_is_told(exit_tracer: Tracer, status: int) -> None:
    _, started, ended = run(exit_tracer, ["/bin/sh", "-c", f"exit {status}"])
    assert_joined(started, ended)
    assert ended["exit_code"] == status
    assert set(ended) - FIELDS == {"exit_code"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGRTMIN])
def test_signal_is_told(exit_tracer: Tracer, number: signal.Signals) -> None:
    child, started, ended = kill_by(exit_tracer, number)
    assert child.wait() == -number
    assert_joined(started, ended)
    assert ended["signal"].startswith("SIG")
    assert signal.Signals[ended["signal"]] == number
    assert set(ended) - FIELDS == {"signal"}


def test_core_dump_is_told(exit_tracer: Tracer, place: Path) -> None:
    def allow_core() -> None:
        os.chdir(place)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # shells ignore it for what they background
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)

    child, started, ended = kill_by(exit_tracer, signal.SIGQUIT, allow_core)
    assert_joined(started, ended)
    assert ended["signal"] == "SIGQUIT"
    assert ended.get("core_dumped", False) == child.has_dumped_core


def kill_by(
    exit_tracer: Tracer, number: signal.Signals, setup: Callable[[], None] | None = None
) -> tuple[Child, Record, Record]:
    mark = f"0.{uuid.uuid4().int}"

    def run_and_kill() -> Child:
        child = launch(["/bin/sleep", "1000", mark], setup=setup)
        try:
            exit_tracer.wait_until(
                lambda: any(mark in r.get("argv", ()) for r in exit_tracer.records)
            )
            os.kill(child.pid, number)
            exit_tracer.wait_for(child)
        finally:
            child.kill()
        return child

    child, records = exit_tracer.during(run_and_kill)
    (started,) = execs_of(records, child.pid)
    (ended,) = exits_of(records, child.pid)
    return child, started, ended


def test_process_that_never_called_exec_has_no_exit_record(
    exit_tracer: Tracer,
) -> None:
    def fork_and_end() -> int:
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return pid

    pid, records = exit_tracer.during(fork_and_end)
    assert not exits_of(records, pid)


def test_process_of_many_images_ends_once(exit_tracer: Tracer, programs: Path) -> None:
    again = [str(programs / "execute"), "execve"]
    argv = [*again, str(programs / "execute"), *again, str(programs / "tiny"), "tiny"]
    child, records = exit_tracer.during(lambda: exit_tracer.run(argv))
    started = execs_of(records, child.pid)
    assert len({r["id"] for r in started}) == 3
    (ended,) = exits_of(records, child.pid)
    assert_joined(started[-1], ended)


@pytest.mark.parametrize("way", ["execve", "execveat-empty", "thread", "fork", "vfork"])
def test_end_is_joined_to_any_way_of_exec(exit_tracer: Tracer, programs: Path, way: str) -> None:
    argv = [str(programs / "execute"), way, str(programs / "selfdump"), "x"]
    child, records = exit_tracer.during(lambda: exit_tracer.run(argv))
    pid = child.truth.pid
    (ended,) = exits_of(records, pid)
    assert_joined(execs_of(records, pid)[-1], ended)
    if pid != child.pid:
        assert ended["parent_id"] == exits_of(records, child.pid)[0]["id"]


@pytest.mark.parametrize("order", ["together", "apart", "leader-first"])
def test_process_of_many_threads_ends_once(exit_tracer: Tracer, programs: Path, order: str) -> None:
    # As many as processors end at the same moment: each may take itself for the last one.
    threads = (os.cpu_count() or 1) - 1 if order == "apart" else 8
    times = 50

    def run_often() -> list[Child]:
        return [
            exit_tracer.run([str(programs / "threads"), str(threads), order, "3"])
            for _ in range(times)
        ]

    children, records = exit_tracer.during(run_often)
    assert len(children) == times
    pids = [child.pid for child in children]
    ended = [r for r in records if r["type"] == "exit" and r["pid"] in pids]
    assert sorted(r["pid"] for r in ended) == sorted(pids)
    assert {r["exit_code"] for r in ended} == {3}
    assert {child.wait() for child in children} == {3}


def test_process_that_began_before_tracing_has_no_duration(engine: str, programs: Path) -> None:
    child = launch(["/bin/sleep", "1000"])
    try:
        wait_for_exec(child)
        with Tracer(engine, programs / "tiny") as tracer:
            tracer.settle()
            child.kill()
            tracer.settle()
            (ended,) = exits_of(tracer.records, child.pid)
            tracer.stop()
    finally:
        child.kill()
    assert ended["signal"] == "SIGKILL"
    assert "duration_ns" not in ended


def wait_for_exec(child: Child) -> None:
    link = Path(f"/proc/{child.pid}/exe")
    while link.resolve().name != "sleep":
        os.sched_yield()
