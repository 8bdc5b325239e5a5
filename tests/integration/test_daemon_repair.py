# SPDX-License-Identifier: Apache-2.0
"""What others do to programs, maps and ring is noticed, repaired and told of."""

import ctypes
import json
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from execaudit.config.configuration import Paths, load
from execaudit.daemon.build import build_parts
from execaudit.daemon.flow import Flow
from execaudit.daemon.health import Health
from execaudit.daemon.start import begin
from execaudit.kernel import hooks, libbpf
from execaudit.records.host import Host
from execaudit.wire import record
from tests.integration.daemon_process import Daemon, DescriptorStore, to_toml, wait_until
from tests.integration.launching import launch
from tests.integration.requirements import ENGINES, give_up
from tests.integration.totals import assert_totals_fit
from tests.integration.tracing import Record, execs_of

EXEC = record.HOOKS.index("exec")
# Imported by the daemon's Python before anything else: takes a link from it when told to.
CUTTER = """
import os, threading, time
place = os.environ["CUT_HERE"]

def cut():
    while not os.path.exists(place):
        time.sleep(0.01)
    for name in os.listdir("/proc/self/fd"):
        try:
            info = open(f"/proc/self/fdinfo/{name}").read()
        except OSError:
            continue
        if "tp_name:\\tsched_process_exec" in info:
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, int(name), inheritable=False)
            os.close(null)

threading.Thread(target=cut, daemon=True).start()
"""
WATCHED = {"WATCHDOG_USEC": "400000"}  # looks every 0.2 s
_PIDFD_GETFD = 438
one_engine = pytest.mark.parametrize("engine", ENGINES[:1])
"""What has nothing to do with how programs are loaded."""


class InProcess:
    """What `execaudit daemon` is made of, without its loop."""

    def __init__(self, place: Path, engine: str, **capture: str) -> None:
        self.log = place / "execaudit.jsonl"
        config = place / "execaudit.toml"
        sections: dict[str, dict[str, object]] = {
            "capture": {"engine": engine, "failures": "none", "ring_bytes": "1M", **capture},
            "file": {"path": str(self.log), "space_left": 0, "space_low": 0},
            "journal": {"enabled": False},
        }
        config.write_text(to_toml(sections))
        host = Host.this()
        parts = build_parts(load(Paths.of_file(config)), host)
        self.flow: Flow = begin(host, parts)
        self.health = Health(self.flow)

    def run(self, *command: str) -> list[Record]:
        """Records of a command that has ended."""
        child = launch(list(command))
        child.wait()
        self.flow.drain()
        return execs_of(self.records(), child.pid)

    def records(self, kind: str = "") -> list[Record]:
        records = [json.loads(line) for line in self.log.read_bytes().splitlines()]
        return [r for r in records if not kind or r["type"] == kind]


@contextmanager
def running(place: Path, engine: str, **options: str) -> Iterator[InProcess]:
    one = InProcess(place, engine, **options)
    try:
        yield one
        one.flow.stop(is_kept=False)
        assert_totals_fit(one.records(), one.records()[-1])
    finally:
        one.flow.capture.close()


def own_records(records: list[Record]) -> list[Record]:
    """Records of execs of the daemon's own: it runs in this process."""
    return [r for r in records if r.get("ppid") == os.getpid() and "-V" in r.get("argv", [])]


def replace_link(flow: Flow, name: str) -> None:
    """What a link's descriptor becomes when it is closed behind our back and used anew."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, flow.capture.links[list(flow.capture.points).index(name)])
    os.close(null)


@one_engine
def test_idle_host_is_proven_to_be_seen_and_nothing_of_it_is_recorded(
    engine: str, place: Path
) -> None:
    with running(place, engine, failures="all") as one:
        wanted = {EXEC}
        if one.flow.capture.failure_hook:
            wanted |= {record.HOOKS.index("execve"), record.HOOKS.index("execveat")}
        proven: set[int] = set()
        while proven < wanted:  # others' execs may prove a hook before ours
            assert one.health.look()
            proven |= one.flow.proof.found
        seen = one.flow.pipeline.counts.seen
        assert not one.flow.proof.is_out
        assert own_records(one.records()) == []
        assert not any(r["argv"] == [] or len(r["argv"][0]) == 32 for r in one.records("exec"))
        assert one.records("repair") == []
        assert one.health.repairs == 0
        assert seen == sum(r["type"] == "exec" for r in one.records())


def test_detached_program_is_attached_again_and_the_gap_is_told(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with running(place, engine) as one:
        assert one.health.look()
        assert len(one.run(tiny, "before")) == 1
        replace_link(one.flow, "on_exec")
        assert one.run(tiny, "unseen") == []
        assert one.health.look()
        (repair,) = one.records("repair")
        assert (repair["reason"], repair["programs"]) == ("detached", ["on_exec"])
        assert repair["result"] == "success"
        (before,) = [r for r in one.records("exec") if "before" in r["argv"]]
        assert before["time"] <= repair["first"] < repair["last"] == repair["time"]
        assert len(one.run(tiny, "after")) == 1
        assert one.health.look()
        assert one.health.state()["repairs"] == 1
        assert len(one.records("repair")) == 1


@one_engine
def test_program_that_sees_nothing_is_told_of_once_until_it_does_again(
    engine: str, programs: Path, place: Path
) -> None:
    with running(place, engine) as one:
        capture = one.flow.capture
        assert one.health.look()
        real = capture.programs["on_exec"]
        deaf = hooks.load_trial(hooks.SUCCESS["on_exec"])
        capture.programs["on_exec"] = deaf
        capture.attach_again("on_exec")
        one.health.look()  # somebody may have executed something just before
        assert not one.health.look()
        assert not one.health.look()
        capture.programs["on_exec"] = real
        os.close(deaf)
        assert one.health.look()
        told = [(r["reason"], r["result"]) for r in one.records("repair")]
        assert told[0] == ("silent", "failure")
        assert told.count(("silent", "failure")) == 1
        assert ("silent", "success") in told
        assert len(one.run(str(programs / "tiny"))) == 1


@one_engine
def test_moved_position_of_the_ring_is_put_back(engine: str, programs: Path, place: Path) -> None:
    tiny = str(programs / "tiny")
    with running(place, engine) as one:
        assert one.health.look()
        ring = one.flow.ring
        with mmap.mmap(os.dup(ring.fd), mmap.PAGESIZE) as page:
            page[:8] = struct.pack("@Q", 1 << 40)  # far ahead of the kernel's: full for ever
            assert one.run(tiny, "unseen") == []
            assert one.health.look()
        (repair,) = one.records("repair")
        assert (repair["reason"], repair["result"]) == ("ring", "success")
        assert one.flow.ring is ring
        assert len(one.run(tiny, "after")) == 1
        one.flow.settle()
        assert sum(r["count"] for r in one.records("lost")) >= 1


def test_ring_that_was_written_over_is_replaced_and_its_loss_counted(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    with running(place, engine) as one:
        assert one.health.look()
        old, size = one.flow.ring, one.flow.ring.size
        with mmap.mmap(os.dup(old.fd), mmap.PAGESIZE) as page:
            while old.pending() <= size:  # as a reader that is always at the end
                for child in [launch([tiny, "x" * 4000]) for _ in range(50)]:
                    child.wait()
                page[:8] = struct.pack("@Q", old.position + old.pending())
            assert not old.is_readable()
            one.flow.drain()
            assert one.health.look()
        (repair,) = one.records("repair")
        assert (repair["reason"], repair["result"]) == ("ring", "success")
        assert one.flow.ring is not old
        assert len(one.run(tiny, "after")) == 1
        assert sum(r["count"] for r in one.records("lost")) >= 200


def config_map(pid: int) -> int:
    """Descriptor of a daemon's map "config", taken from it as a debugger does."""
    pidfd = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        for number in sorted(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()):
            info = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
            size = f"value_size:\t{record.CONFIG.size}\n"
            if "map_type:\t2\n" in info and size in info and "max_entries:\t1\n" in info:
                return int(libc.syscall(_PIDFD_GETFD, pidfd, number, 0))
    finally:
        os.close(pidfd)
    raise AssertionError("the daemon has no such map")


@one_engine
def test_daemon_that_is_muted_speaks_again(engine: str, programs: Path, place: Path) -> None:
    tiny = str(programs / "tiny")
    with Daemon(place, engine, environment=WATCHED, store=DescriptorStore()) as daemon:
        daemon.wait_for_notice("WATCHDOG=1")
        fd = config_map(daemon.running.pid)
        value = libbpf.lookup_map(fd, bytes(4), record.CONFIG.size)
        assert value
        libbpf.update_map(fd, bytes(4), struct.pack("@Q", 1) + value[8:])  # drops everything
        os.close(fd)
        wait_until(lambda: bool(daemon.of_type("repair")), lambda: daemon.stderr)
        daemon.settle(Path(tiny))
        (repair,) = daemon.of_type("repair")
        assert (repair["reason"], repair["result"]) == ("altered", "success")
        status = daemon.status()
        assert (status["is_tracing"], status["repairs"]) == (True, 1)
        assert "self-check " in daemon.call("status").stdout
        assert "were changed by others" in daemon.stderr
        daemon.wait_for_notice("WATCHDOG=1")
        stop = daemon.stop()
        assert_totals_fit(daemon.records(), stop)


@one_engine
def test_failure_hook_that_sees_nothing_is_attached_again(engine: str, place: Path) -> None:
    name = str(place / "is-not-there")
    with running(place, engine, failures="all", failure_hook="tracepoint") as one:
        if one.flow.capture.failure_hook is None:
            give_up(f"no tracepoints: {one.flow.capture.failure_hook_error}")
        assert one.health.look()
        # Of a perf event's descriptor the kernel tells no more than that it is open.
        replace_link(one.flow, "tracepoint_execve")
        assert one.flow.capture.detached() == []
        while not one.records("repair"):  # what others execute in between, proves nothing
            assert one.health.look()
        (repair,) = one.records("repair")
        assert (repair["reason"], repair["programs"]) == ("silent", ["tracepoint_execve"])
        assert repair["result"] == "success"
        one.run("/bin/sh", "-c", f"{name} once")
        assert sum(r["filename"] == name for r in one.records("exec")) == 1


@one_engine
def test_link_that_is_kept_elsewhere_is_given_up_before_it_is_made_anew(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = str(programs / "tiny")
    (place / "sitecustomize.py").write_text(CUTTER)
    environment = {**WATCHED, "PYTHONPATH": str(place), "CUT_HERE": str(place / "cut")}
    store = DescriptorStore()
    with Daemon(place, engine, environment=environment, store=store) as daemon:
        kept = sorted(name for name, _ in store.kept)
        assert "link-on_exec" in kept
        (place / "cut").touch()
        wait_until(lambda: bool(daemon.of_type("repair")), lambda: daemon.stderr)
        (place / "cut").unlink()
        launch([tiny, "after the repair"]).wait()
        daemon.settle(programs / "tiny")
        assert sorted(name for name, _ in store.kept) == kept
        daemon.kill()
        launch([tiny, "in the gap"]).wait()
        daemon.start()
        stop = daemon.stop()
        records = daemon.records()
    (repair,) = [r for r in records if r["type"] == "repair"]
    assert (repair["reason"], repair["programs"]) == ("detached", ["on_exec"])
    words = [r["argv"][-1] for r in records if r["type"] == "exec" and r["filename"] == tiny]
    assert words.count("after the repair") == 1  # not once for each of two links
    assert words.count("in the gap") == 1
    assert stop["type"] == "stop"
