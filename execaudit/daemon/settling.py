# SPDX-License-Identifier: Apache-2.0
"""When to read the kernel's counts, and when to release failures that are held back.

Owns the pace of both. The next event of a processor shows what was lost before it, so the counts
matter only for losses with no event after them. They are read a second after the ring was full
enough to lose something, and every ten seconds otherwise. It reads no clock and no ring.
"""

import math

_FULL_PART = 2  # of the ring
_SWELLING_BYTES = 256 << 10
_SOON_S = 1.0
_SELDOM_S = 10.0


class Settling:
    """When settling is due. Times are seconds of CLOCK_MONOTONIC, infinite for never."""

    def __init__(self, now_s: float) -> None:
        self._counts_at = now_s + _SOON_S
        self._release_at = math.inf

    @property
    def due_s(self) -> float:
        """When to settle next."""
        return min(self._counts_at, self._release_at)

    def are_counts_due(self, now_s: float) -> bool:
        """Return True if the counts are to be read now."""
        return now_s >= self._counts_at

    def note_events(self, now_s: float, *, is_pressed: bool, is_searching: bool) -> None:
        """Note that events came: settle soon if the ring was pressed, later otherwise.

        `is_searching`: some failures are held back.
        """
        self._counts_at = min(self._counts_at, now_s + (_SOON_S if is_pressed else _SELDOM_S))
        if is_searching:
            self._release_at = min(self._release_at, now_s + _SOON_S)

    def note_settled(self, now_s: float, *, is_searching: bool) -> None:
        """Note that everything due is settled; `is_searching` as in `note_events`."""
        if now_s >= self._counts_at:
            self._counts_at = math.inf
        self._release_at = now_s + _SOON_S if is_searching else math.inf


class Pressure:
    """What the ring held since it was settled.

    Attributes:
        is_full: events may have found no room.
        is_swollen: batches were so large that freed memory is worth returning to the system.

    """

    def __init__(self, *, is_swollen: bool = False) -> None:
        self.is_full = False
        self.is_swollen = is_swollen

    def note(self, pending_bytes: int, ring_bytes: int) -> None:
        """Note how much of the ring is about to be taken."""
        self.is_full |= pending_bytes >= ring_bytes // _FULL_PART
        self.is_swollen |= pending_bytes >= _SWELLING_BYTES
