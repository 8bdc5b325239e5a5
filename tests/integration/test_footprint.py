# SPDX-License-Identifier: Apache-2.0
"""How much memory tracer and daemon keep, and that no compiler stays in it."""

import shutil
import subprocess
from pathlib import Path

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.tracing import Tracer

MIB = 1024 * 1024
TRACE_BYTES = 26 * MIB
DAEMON_BYTES = 28 * MIB  # 25 to 27, and what others execute meanwhile
HEAP_BYTES = 64 * MIB  # glibc's HEAP_MAX_SIZE on 64-bit machines
COMPILER = ("libclang", "libLLVM", "libbcc")


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


def test_threads_have_no_heap_of_their_own(programs: Path, place: Path) -> None:
    baseline = {"enabled": True, "path": str(place / "baseline")}
    target = str(shutil.copy(programs / "tiny", place / "new-program"))
    with Daemon(place, "libbpf", {"baseline": baseline}) as daemon:
        subprocess.run([target], check=True)
        wait_until(lambda: any(r.get("exe") == target for r in daemon.of_type("program")))
        process = Path(f"/proc/{daemon.running.pid}")
        assert len(list((process / "task").iterdir())) > 1
        assert not heaps_of_threads((process / "maps").read_text())


def heaps_of_threads(maps: str) -> list[str]:
    """Return the mappings that begin where glibc begins such a heap: at multiples of its size."""
    starts = (line.partition("-")[0] for line in maps.splitlines() if " rw-p " in line)
    return [start for start in starts if int(start, 16) % HEAP_BYTES == 0]


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
