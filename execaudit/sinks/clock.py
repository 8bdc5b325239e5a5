# SPDX-License-Identifier: Apache-2.0
"""The clocks that sinks use, in one place: tests replace them.

Owns which clock serves what. Waiting uses a steady clock, names and ages of files the wall clock,
times in records the boot-time clock. It keeps no time of its own.
"""

import time


class Clock:
    """The host's clocks."""

    def steady_s(self) -> float:
        """Return seconds that never jump (CLOCK_MONOTONIC), as `on_timer` of a sink takes them."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def boot_ns(self) -> int:
        """Return nanoseconds of CLOCK_BOOTTIME, the clock of records."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
