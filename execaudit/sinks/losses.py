# SPDX-License-Identifier: Apache-2.0
"""What went through a sink and what it lost, counted.

Owns the counters and the incidents. An incident begins with the first entry lost and ends when the
sink works again. It can be taken only then, since its record would not be delivered before.
"""

from collections.abc import Callable
from dataclasses import replace

from execaudit.records.lost import EventKey, Incident


class Counters:
    """What went through a sink since the start. The numbers never shrink."""

    __slots__ = ("bytes", "deselected", "lost", "written")

    def __init__(self) -> None:
        self.written = self.bytes = self.lost = self.deselected = 0

    def add(self, more: "Counters") -> None:
        """Add what went through another sink."""
        self.written += more.written
        self.bytes += more.bytes
        self.lost += more.lost
        self.deselected += more.deselected


class Losses:
    """The losses of one sink, one incident for each reason of an outage."""

    def __init__(self, counters: Counters, boot_ns: Callable[[], int]) -> None:
        self._counters = counters
        self._boot_ns = boot_ns
        self._open: dict[str, Incident] = {}
        self._ended: list[Incident] = []
        self._taken: list[Incident] = []  # their records may still wait in the queue
        self._is_succeeded = False

    @property
    def is_open(self) -> bool:
        """True if something was lost since the sink last worked."""
        return bool(self._open)

    @property
    def unreported(self) -> int:
        """Entries of incidents whose records are not known to be written."""
        if not self._open and not self._ended and not self._taken:
            return 0
        return sum(one.count for one in (*self._open.values(), *self._ended, *self._taken))

    def count(
        self, reason: str, count: int, first: EventKey | None = None, last: EventKey | None = None
    ) -> None:
        """Count entries as lost; `first` and `last` are the events at both ends, if known."""
        now_ns = self._boot_ns()
        before = self._open.get(reason) or Incident(reason, 0, now_ns, now_ns, first, last)
        self._open[reason] = replace(
            before,
            count=before.count + count,
            last_ns=now_ns,
            first=before.first or first,
            last=last or before.last,
        )
        self._counters.lost += count

    def end(self) -> int:
        """End the incidents, since the sink works; return how many entries were lost."""
        lost = sum(incident.count for incident in self._open.values())
        self._ended += self._open.values()  # at most one for each reason and outage
        self._open.clear()
        return lost

    def take(self) -> list[Incident]:
        """Remove and return the incidents that have ended."""
        if not self._ended:
            return []
        ended, self._ended = self._ended, []
        if not self._is_succeeded:
            self._taken += ended
        return ended

    def note_written(self) -> None:
        """Forget the incidents that were taken: nothing waits, so their records are written."""
        self._taken.clear()

    def hand_over(self) -> None:
        """Leave it to the sink's successor to deliver the records of incidents from now on."""
        self._taken.clear()
        self._is_succeeded = True

    def give_back(self) -> None:
        """Make taken incidents available again: records of them were lost while they waited."""
        self._ended += self._taken
        self._taken = []
