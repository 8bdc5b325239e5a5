# SPDX-License-Identifier: Apache-2.0
"""A daemon whose wall clock a test sets. The clock of the machine must not be set.

Owns the module that the daemon's Python imports first, and the file that says how far its clock is
from the machine's. The times of events are still those of the kernel's boot-time clock.
"""

from pathlib import Path

_MODULE = """
import os, time
_real_ns = time.clock_gettime_ns

def clock_gettime_ns(clock):
    moved = int(open(os.environ["MOVED_BY"]).read()) if clock == time.CLOCK_REALTIME else 0
    return _real_ns(clock) + moved

time.clock_gettime_ns = clock_gettime_ns
time.time_ns = lambda: clock_gettime_ns(time.CLOCK_REALTIME)
time.time = lambda: time.time_ns() / 1e9
"""


class MovedClock:
    """The wall clock of daemons that are started with `environment`."""

    def __init__(self, place: Path) -> None:
        (place / "sitecustomize.py").write_text(_MODULE)
        self._moved = place / "moved"
        self.environment = {"PYTHONPATH": str(place), "MOVED_BY": str(self._moved)}
        self.move(0)

    def move(self, by_ns: int) -> None:
        """Set it so far from the machine's clock."""
        new = self._moved.with_suffix(".new")
        new.write_text(str(by_ns))
        new.replace(self._moved)  # the daemon reads it at any time
