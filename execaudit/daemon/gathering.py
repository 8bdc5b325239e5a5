# SPDX-License-Identifier: Apache-2.0
"""How long events wait in the ring, to be written together.

Owns the pause between two turns, which follows the traffic: none after a quiet second, then a tenth
of a second, and twice as long with each turn while events keep coming, up to `max_delay`. It reads
no clock and no ring.
"""

_FIRST_S = 0.1  # a turn costs as much as forty events: its code has left the processor's caches
_QUIET_S = 1.0
_STEADY_S = 0.4


class Gathering:
    """The pause before the next turn. Times are seconds of CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self._taken_s = float("-inf")
        self._began_s: float | None = None
        self._pause_s = 0.0

    @property
    def has_begun(self) -> bool:
        """True during a pause: events wait, or new ones would not wake us."""
        return self._began_s is not None

    @property
    def is_steady(self) -> bool:
        """True if events have kept coming: the next pause begins without one to wake us."""
        return self._pause_s >= _STEADY_S

    def begin(self, now_s: float, *, is_holding: bool = False) -> None:
        """Begin a pause: events wait, or (`is_holding`) new ones would not wake us."""
        is_quiet = now_s - self._taken_s >= _QUIET_S and not is_holding
        self._began_s = now_s
        self._pause_s = 0.0 if is_quiet else max(_FIRST_S, 2 * self._pause_s)

    def end_s(self, max_delay_s: float) -> float:
        """Return when the current pause ends, at most `max_delay_s` after it began."""
        self._pause_s = min(self._pause_s, max_delay_s)
        return (self._began_s or 0.0) + self._pause_s

    def end(self, now_s: float, *, is_taken: bool) -> None:
        """End the pause; `is_taken`: events were there."""
        self._began_s = None
        if is_taken:
            self._taken_s = now_s
        else:
            self._pause_s = 0.0
