# SPDX-License-Identifier: Apache-2.0
"""The wall clock is stepped while the daemon runs: times follow, sequence numbers go on.

Setting this machine's clock would disturb all else on it. The daemon's Python gets a clock that is
moved by what stands in a file; the times of events are those of the kernel's boot-time clock.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.requirements import ENGINES
from tests.integration.tracing import execs_of

HOUR_NS = 3600 * 10**9
# Imported by Python before anything else.
MOVED_CLOCK = """
import os, time
_real_ns = time.clock_gettime_ns

def clock_gettime_ns(clock):
    moved = int(open(os.environ["MOVED_BY"]).read()) if clock == time.CLOCK_REALTIME else 0
    return _real_ns(clock) + moved

time.clock_gettime_ns = clock_gettime_ns
time.time_ns = lambda: clock_gettime_ns(time.CLOCK_REALTIME)
time.time = lambda: time.time_ns() / 1e9
"""


def moved_by(stamp: str) -> timedelta:
    """How far a record's time is from now."""
    return datetime.fromisoformat(f"{stamp[:26]}+00:00") - datetime.now(UTC)


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_times_follow_steps_of_the_clock_and_nothing_else_does(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = programs / "tiny"
    (place / "sitecustomize.py").write_text(MOVED_CLOCK)
    moved = place / "moved"
    moved.write_text("0")
    environment = {"PYTHONPATH": str(place), "MOVED_BY": str(moved)}
    steps_ns = (0, HOUR_NS, -HOUR_NS, 0)
    pids: list[int] = []
    with Daemon(place, engine, {"file": {"max_age": "1d"}}, environment=environment) as daemon:
        for step_ns in steps_ns:
            moved.write_text(str(step_ns))
            child = launch([str(tiny), f"step-{step_ns}"])
            child.wait()
            pids.append(child.pid)
            daemon.settle(tiny)
        moved.write_text(str(2 * HOUR_NS))  # no event comes with it
        stop = daemon.stop()
        records = daemon.records()
        assert len(daemon.files()) == 1
    for step_ns, pid in zip(steps_ns, pids, strict=True):
        (record,) = execs_of(records, pid)
        off = moved_by(record["time"]) - timedelta(microseconds=step_ns // 1000)
        assert abs(off) < timedelta(minutes=5)
        assert abs(moved_by(record["start"]) - moved_by(record["time"])) < timedelta(minutes=5)
    assert abs(moved_by(stop["time"]) - timedelta(hours=2)) < timedelta(minutes=5)
    streams: dict[tuple[int, str], list[int]] = {}
    for record in (r for r in records if r["type"] == "exec"):
        key = record["cpu"], record.get("hook", "exec")
        streams.setdefault(key, []).append(record["seq"])
    for numbers in streams.values():
        assert numbers == sorted(set(numbers))
