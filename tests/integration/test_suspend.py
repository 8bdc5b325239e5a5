# SPDX-License-Identifier: Apache-2.0
"""A machine that is suspended in a storm: every exec is recorded or counted, and times stay right.

Only guests are asked (tests/machine/core_suite.py): no test suspends a real machine.
"""

import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.comparing import parse_time_ns
from tests.integration.launching import launch
from tests.integration.requirements import STORM_EXECS
from tests.integration.tracing import Tracer

STATE = Path("/sys/power/state")
DEPTHS = Path("/sys/power/mem_sleep")  # "s2idle", which guests of arm64 have alone, stops no clock
ALARM = Path("/sys/class/rtc/rtc0/wakealarm")
EXECS = 4 * STORM_EXECS
SUSPENDED_S = 12  # to fall asleep takes seconds where the processor is emulated
LEAST_S = 2.0  # the alarm of the clock has whole seconds
NEAR_NS = 1_500_000_000  # the wall clock is set by that clock when the machine wakes

pytestmark = pytest.mark.skipif(
    os.environ.get("EXECAUDIT_OWNS_MACHINE") != "1"
    or not DEPTHS.exists()
    or "deep" not in DEPTHS.read_text(),
    reason="only guests are suspended, where they can be",
)


def suspend() -> float:
    """Suspend to memory; return the seconds that it took by CLOCK_BOOTTIME and not by MONOTONIC."""
    before_s = _suspended_s()
    ALARM.write_text(f"+{SUSPENDED_S}")
    STATE.write_text("mem")
    return _suspended_s() - before_s


def _suspended_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def test_no_exec_is_missing_and_no_time_is_wrong_after_a_suspend(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    target = Path(shutil.copy(programs / "tiny", place / "target"))

    def storm() -> tuple[int, float, int]:
        child = launch([str(programs / "storm"), str(EXECS), "vfork", str(target)])
        try:
            suspended_s = suspend()
            after_ns = time.time_ns()
            return tracer.wait_for(child), suspended_s, after_ns
        finally:
            child.kill()

    (status, suspended_s, after_ns), records = tracer.during(storm)
    last = tracer.during(lambda: tracer.run([str(target), "last"]))[1]

    assert status == 0
    assert suspended_s > LEAST_S
    made = [r for r in records if r.get("filename") == str(target)]
    lost = sum(r["count"] for r in records if r["type"] == "lost")
    assert set(Counter(r["argv"][1] for r in made).values()) == {1}
    assert len(made) + lost >= EXECS
    assert lost or len(made) == EXECS
    for cpu in {r["cpu"] for r in made}:
        moments = [parse_time_ns(r["time"]) for r in made if r["cpu"] == cpu]
        assert moments == sorted(moments)
    (mark,) = [r for r in last if r.get("filename") == str(target)]
    assert after_ns - NEAR_NS < parse_time_ns(mark["time"]) < time.time_ns() + NEAR_NS
