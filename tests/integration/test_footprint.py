# SPDX-License-Identifier: Apache-2.0
"""How fast the first event is there, and how much memory the tracer keeps."""

import statistics
import subprocess
import time
from pathlib import Path

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.requirements import TIME_SCALE
from tests.integration.tracing import Tracer

MIB = 1024 * 1024
STARTS = 7
ROUNDS = 3
FIRST_EVENT_S = {"libbpf": 0.250, "bcc": 0.9}
TRACE_BYTES = 26 * MIB
DAEMON_BYTES = 25 * MIB  # 24, and what others execute meanwhile
COMPILER = ("libclang", "libLLVM", "libbcc")


def test_first_event_comes_soon(programs: Path, engine: str) -> None:
    medians = []
    # Once is enough: what else runs on the machine can only add to it.
    for _ in range(ROUNDS):
        medians.append(statistics.median(start_once(engine, programs) for _ in range(STARTS)))
        if medians[-1] < FIRST_EVENT_S[engine] * TIME_SCALE:
            return
    raise AssertionError(f"medians of {STARTS} starts in seconds: {medians}")


def start_once(engine: str, programs: Path) -> float:
    """Seconds from the start of the command until execs are seen, without those spent in line."""
    with Tracer(engine, programs / "tiny", failed=False, exits=False) as tracer:
        taken_ns = time.monotonic_ns() - tracer.started_ns
        taken_ns -= waited_for_processor_ns(tracer.process.pid)
        tracer.settle()
        tracer.stop()
    return taken_ns / 1e9


def waited_for_processor_ns(pid: int) -> int:
    """How long a process was ready to run while others ran (Documentation/scheduler)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except FileNotFoundError:
        return 0


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def test_daemon_gives_back_what_a_storm_took(engine: str, programs: Path, place: Path) -> None:
    sections = {"capture": {"ring_bytes": "4M"}}
    storm = [str(programs / "storm"), "5000", "vfork", str(programs / "tiny")]
    with Daemon(place, engine, sections) as daemon:
        pid = daemon.running.pid
        before = resident_bytes(pid)
        subprocess.run(storm, check=True)
        daemon.settle(programs / "tiny")
        wait_until(
            lambda: resident_bytes(pid) < DAEMON_BYTES,
            lambda: f"resident bytes: {before} before, {resident_bytes(pid)} now",
        )


def test_memory_stays_small_and_holds_no_compiler(programs: Path, engine: str) -> None:
    with Tracer(engine, programs / "tiny") as tracer:
        argv = [str(programs / "storm"), "5000", "vfork", str(programs / "tiny")]
        tracer.run(argv)
        tracer.settle()
        process = Path(f"/proc/{tracer.process.pid}")
        maps = (process / "maps").read_text()
        resident = resident_bytes(tracer.process.pid)
        children = (process / "task" / process.name / "children").read_text()
        tracer.stop()
    assert resident < TRACE_BYTES
    assert not [name for name in COMPILER if name in maps]
    assert not children.split(), "a child stays behind"
