# SPDX-License-Identifier: Apache-2.0
"""The wall clock is stepped while the daemon runs: times follow, sequence numbers go on.

The daemon has a clock of its own (moved_clock.py): setting this machine's would disturb all else.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.moved_clock import MovedClock
from tests.integration.requirements import ENGINES
from tests.integration.tracing import execs_of

HOUR_NS = 3600 * 10**9


def moved_by(stamp: str) -> timedelta:
    """How far a record's time is from now."""
    return datetime.fromisoformat(f"{stamp[:26]}+00:00") - datetime.now(UTC)


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_times_follow_steps_of_the_clock_and_nothing_else_does(
    engine: str, programs: Path, place: Path
) -> None:
    tiny = programs / "tiny"
    clock = MovedClock(place)
    steps_ns = (0, HOUR_NS, -HOUR_NS, 0)
    pids: list[int] = []
    with Daemon(
        place, engine, {"file": {"max_age": "1d"}}, environment=clock.environment
    ) as daemon:
        for step_ns in steps_ns:
            clock.move(step_ns)
            child = launch([str(tiny), f"step-{step_ns}"])
            child.wait()
            pids.append(child.pid)
            daemon.settle(tiny)
        clock.move(2 * HOUR_NS)  # no event comes with it
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
