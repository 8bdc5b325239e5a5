# SPDX-License-Identifier: Apache-2.0
"""A clock that stands still until a test turns it."""

from datetime import UTC, datetime

from execaudit.sinks.clock import Clock

START_S = datetime(2026, 11, 23, 2, 4, 6, tzinfo=UTC).timestamp()


class FakeClock(Clock):
    """Starts at 2026-11-23 02:04:06 UTC."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.wall_offset_s = START_S

    def steady_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s + self.wall_offset_s

    def boot_ns(self) -> int:
        return int(self.now_s * 1e9)

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
