# SPDX-License-Identifier: Apache-2.0
"""A processor that is taken away and given back in a storm: every exec is recorded or counted.

Only guests are asked (tests/machine/core_suite.py): no test stops processors of a real machine.
"""

import contextlib
import os
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.comparing import parse_time_ns
from tests.integration.launching import launch
from tests.integration.requirements import STORM_EXECS
from tests.integration.tracing import Tracer

ONLINE = Path("/sys/devices/system/cpu/cpu1/online")
EXECS = 4 * STORM_EXECS
MOMENT_S = 0.05  # a few execs, where the processor is emulated

pytestmark = pytest.mark.skipif(
    os.environ.get("EXECAUDIT_OWNS_MACHINE") != "1", reason="only guests' processors are stopped"
)


class HotPlug(threading.Thread):
    """Takes the second processor away from a process and gives it back, until it is left.

    Attributes:
        times: how often it was away.

    """

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.times = 0
        self._pid = pid
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(self._pid, {1})  # until it is away
            self._is_over.wait(MOMENT_S)
            ONLINE.write_text("0")
            self._is_over.wait(MOMENT_S)
            ONLINE.write_text("1")
            self.times += 1

    def __enter__(self) -> "HotPlug":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()


def test_no_exec_is_missing_where_a_processor_comes_and_goes(
    tracer: Tracer, programs: Path, place: Path
) -> None:
    target = Path(shutil.copy(programs / "tiny", place / "target"))
    argv = [str(programs / "storm"), str(EXECS), "vfork", str(target)]

    def storm() -> tuple[int, int]:
        child = launch(argv)
        try:
            with HotPlug(child.pid) as plug:
                return tracer.wait_for(child), plug.times
        finally:
            child.kill()

    (status, times), records = tracer.during(storm)

    assert status == 0
    assert times > 1
    made = [r for r in records if r.get("filename") == str(target)]
    lost = sum(r["count"] for r in records if r["type"] == "lost")
    numbers = Counter(r["argv"][1] for r in made)
    assert set(numbers.values()) == {1}
    assert len(made) + lost >= EXECS
    assert lost or len(made) == EXECS
    assert {r["cpu"] for r in made} == {0, 1}
    for cpu in (0, 1):
        ours = [r for r in made if r["cpu"] == cpu]
        assert [r["seq"] for r in ours] == sorted(r["seq"] for r in ours)
        moments = [parse_time_ns(r["time"]) for r in ours]
        assert moments == sorted(moments)
