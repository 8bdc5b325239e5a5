# SPDX-License-Identifier: Apache-2.0
"""What others do to programs, maps and ring is noticed and reported, and tracing goes on."""

import os
import struct
from pathlib import Path

import pytest

from execaudit.kernel import libbpf
from execaudit.wire import record
from tests.integration.daemon_process import Daemon, DescriptorStore, last_words, wait_until
from tests.integration.launching import launch
from tests.integration.requirements import DEADLINE_S, ENGINES, give_up
from tests.integration.tampering import Cutter, stopped_reader, take_config
from tests.integration.totals import assert_totals_fit
from tests.integration.tracing import Record

WATCHED = {"WATCHDOG_USEC": "400000"}  # checks every 0.2 s
SMALL = {"capture": {"failures": "none", "ring_bytes": "1M"}}
one_engine = pytest.mark.parametrize("engine", ENGINES[:1])
"""What has nothing to do with how programs are loaded."""


def wait_for_repair(daemon: Daemon) -> Record:
    wait_until(lambda: bool(daemon.of_type("repair")), lambda: daemon.stderr)
    return daemon.of_type("repair")[0]


def with_times(records: list[Record]) -> list[Record]:
    """The records, with numbers that differ where new programs begin to count again."""
    return [{**r, "seq": (r["seq"], r["time"])} if "seq" in r else r for r in records]


@one_engine
def test_canaries_of_an_idle_host_are_in_no_record_and_no_count(engine: str, place: Path) -> None:
    sections = {"capture": {"failures": "all", "failure_hook": "sys_exit", "exits": True}}
    with Daemon(place, engine, sections, environment=WATCHED) as daemon:
        for _ in range(5):
            daemon.wait_for_notice("WATCHDOG=1")
        status = daemon.status()
        pid = daemon.running.pid
        stop = daemon.stop()
        records = daemon.records()
    assert (status["is_tracing"], status["repairs"]) == (True, 0)
    assert not [r for r in records if pid in (r.get("ppid"), r.get("pid")) and "argv" in r]
    assert not [r for r in records if r["type"] == "repair"]
    assert_totals_fit(with_times(records), stop)


def test_detached_program_is_replaced_and_execs_come_once(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    cutter = Cutter(place, "tp_name:\tsched_process_exec")
    store = DescriptorStore()
    environment = {**WATCHED, **cutter.environment}
    with Daemon(place, engine, SMALL, environment=environment, store=store) as daemon:
        launch([tiny, "before"]).wait()
        daemon.settle(programs / "tiny")
        kept = sorted(name for name, _ in store.kept)
        assert "link-on_exec" in kept  # it holds the link that the daemon has lost
        cutter.cut()
        repair = wait_for_repair(daemon)
        cutter.stop()
        launch([tiny, "after the repair"]).wait()
        daemon.settle(programs / "tiny")
        wait_until(lambda: sorted(name for name, _ in store.kept) == kept)
        assert daemon.status()["repairs"] == 1
        daemon.kill()
        launch([tiny, "in the gap"]).wait()
        daemon.start()
        stop = daemon.stop()
        records = daemon.records()
    assert (repair["reason"], repair["programs"]) == ("detached", ["on_exec"])
    assert repair["result"] == "success"
    (before,) = [r for r in records if r.get("argv") == [tiny, "before"]]
    assert before["time"] <= repair["first"] < repair["last"] == repair["time"]
    words = last_words(records, tiny)
    assert [words.count(word) for word in ("after the repair", "in the gap")] == [1, 1]
    assert stop["type"] == "stop"


@one_engine
def test_ring_whose_position_was_moved_is_replaced_and_its_loss_counted(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine, SMALL, environment=WATCHED) as daemon:
        daemon.settle(programs / "tiny")
        while not daemon.of_type("repair"):  # what it commits before it looks sets that right
            with stopped_reader(daemon) as positions:
                positions.consumer = 1 << 40  # far ahead of the kernel's: full for ever
                launch([tiny, "unseen"]).wait()
                before = len(daemon.notices)
            wait_until(lambda then=before: "WATCHDOG=1" in daemon.notices[then:])  # type: ignore[misc]
        repair = wait_for_repair(daemon)
        launch([tiny, "after"]).wait()
        daemon.settle(programs / "tiny")
        stop = daemon.stop()
        records = daemon.records()
    assert (repair["reason"], repair["result"]) == ("ring", "success")
    assert "after" in last_words(records, tiny)
    assert sum(r["count"] for r in records if r["type"] == "lost") >= 1
    assert_totals_fit(with_times(records), stop)


def test_ring_that_was_written_over_is_replaced_and_its_loss_counted(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine, SMALL, environment=WATCHED) as daemon:
        daemon.settle(programs / "tiny")
        with stopped_reader(daemon) as positions:
            begin = positions.consumer
            while positions.producer - begin <= 2 << 20:  # as a reader that is always at the end
                for child in [launch([tiny, "x" * 4000]) for _ in range(50)]:
                    child.wait()
                positions.consumer = positions.producer
        repair = wait_for_repair(daemon)
        launch([tiny, "after"]).wait()
        daemon.settle(programs / "tiny")
        stop = daemon.stop()
        records = daemon.records()
    assert (repair["reason"], repair["result"]) == ("ring", "success")
    assert "after" in last_words(records, tiny)
    assert sum(r["count"] for r in records if r["type"] == "lost") >= 200
    assert_totals_fit(with_times(records), stop)


@one_engine
def test_daemon_whose_settings_were_altered_traces_with_its_own_again(
    engine: str, programs: Path, place: Path
) -> None:
    with Daemon(place, engine, environment=WATCHED, store=DescriptorStore()) as daemon:
        daemon.wait_for_notice("WATCHDOG=1")
        fd = take_config(daemon)
        value = libbpf.lookup_map(fd, bytes(4), record.CONFIG.size)
        assert value
        libbpf.update_map(fd, bytes(4), struct.pack("@Q", 1) + value[8:])  # drops everything
        os.close(fd)
        repair = wait_for_repair(daemon)
        daemon.settle(programs / "tiny")
        status = daemon.status()
        assert "self-check " in daemon.call("status").stdout
        assert "were changed by others" in daemon.stderr
        daemon.wait_for_notice("WATCHDOG=1")
        stop = daemon.stop()
        assert_totals_fit(with_times(daemon.records()), stop)
    assert (repair["reason"], repair["result"]) == ("altered", "success")
    assert (status["is_tracing"], status["repairs"]) == (True, 1)


@one_engine
def test_silent_hook_of_failed_execs_is_replaced(engine: str, programs: Path, place: Path) -> None:
    sections = {"capture": {"failures": "all", "failure_hook": "tracepoint"}}
    # Of a perf event's descriptor the kernel says no more than that it is open.
    cutter = Cutter(place, "anon_inode:[perf_event]")
    environment = {**WATCHED, **cutter.environment}
    name = str(place / "is-not-there")
    with Daemon(place, engine, sections, environment=environment) as daemon:
        error = daemon.status()["failure_hook_error"]
        if error:
            give_up(f"no tracepoints: {error}")
        cutter.cut()
        repair = wait_for_repair(daemon)
        launch(["/bin/sh", "-c", f"{name} once"]).wait()
        daemon.settle(programs / "tiny")
        records = daemon.records()
    assert repair["reason"] == "silent"
    assert repair["programs"][0] in ("tracepoint_execve", "tracepoint_execveat")
    assert repair["result"] == "success"
    assert sum(r.get("filename") == name for r in records) == 1


@one_engine
def test_daemon_that_new_programs_do_not_help_ends_for_a_restart(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    cutter = Cutter(place, "tp_name:\tsched_process_exec", is_deaf=True)
    environment = {**WATCHED, **cutter.environment}
    with Daemon(place, engine, environment=environment, store=DescriptorStore()) as daemon:
        cutter.cut()
        assert daemon.running.wait(DEADLINE_S) == 1
        assert "so that the service manager starts this daemon again" in daemon.stderr
        records = daemon.records()
        cutter.stop()
        daemon.start()
        daemon.wait_for_notice("WATCHDOG=1")
        launch([tiny, "after"]).wait()
        daemon.settle(programs / "tiny")
        daemon.stop()
        assert "after" in last_words(daemon.records(), tiny)
    repairs = [(r["reason"], r["result"]) for r in records if r["type"] == "repair"]
    assert repairs == [("detached", "failure")]
    assert records[-1]["type"] == "stop"
