# SPDX-License-Identifier: Apache-2.0
"""The clocks sinks go by, in one place so that tests can turn them.

Owns which clock serves what: waiting goes by a steady clock, names and ages of files by the wall
clock, times inside records by the boot-time clock. It keeps no time of its own.
"""

import time


class Clock:
    """The host's clocks."""

    def steady_s(self) -> float:
        """Seconds that never jump (CLOCK_MONOTONIC), as `on_timer` of a sink is given them."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def boot_ns(self) -> int:
        """CLOCK_BOOTTIME nanoseconds, the clock of records."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
