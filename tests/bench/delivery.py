# SPDX-License-Identifier: Apache-2.0
"""Which marked execs appear in a tracer's output.

Owns the reading of logs by mark, in the middle of foreign events. Knows no tracer's format beyond
the text that tells an event's line from others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.workloads import ARGUMENTS

if TYPE_CHECKING:
    from tests.bench.tracers import Log

MARKED = re.compile(rb"--run=([\w-]+):(\d+)|/build-([\w-]+)")
_SAID_LOST = re.compile(rb'"(?:EXECAUDIT_)?TYPE":"lost"', re.IGNORECASE)
_COUNT = re.compile(rb'"(?:EXECAUDIT_)?COUNT":"?(\d+)', re.IGNORECASE)


@dataclass(slots=True)
class Delivery:
    """What arrived of one storm."""

    indexes: set[int] = field(default_factory=set)  # empty where execs are not numbered
    first_event: int = 0
    last_event: int = 0
    first_byte: int = 0
    last_byte: int = 0
    lines: int = 0
    cut: int = 0  # lines that lack arguments
    has_bytes: bool = True

    def delivered(self, *, is_numbered: bool) -> int:
        """Execs that arrived; of those that are not numbered, one that came twice counts twice."""
        return len(self.indexes) if is_numbered else self.lines

    @property
    def foreign(self) -> int:
        """Events of other programs that lie between this storm's first and last."""
        return max(self.last_event - self.first_event + 1 - self.lines, 0) if self.lines else 0

    @property
    def bytes_per_event(self) -> float:
        """Bytes from first to last, by events of whatever program among them."""
        events = self.last_event - self.first_event + 1
        if not self.lines or not self.has_bytes:
            return 0.0
        return (self.last_byte - self.first_byte) / events


@dataclass(slots=True)
class Reading:
    """What a log holds: deliveries by mark, and the losses that execaudit told of."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)
    events: int = 0
    said_lost: int = 0

    def of(self, mark: str) -> Delivery:
        """What arrived of one storm."""
        return self.deliveries.get(mark, Delivery())


def read_log(log: Log) -> Reading:
    """Give all that the log holds."""
    reading = Reading()
    found = reading.deliveries
    position = events = 0
    with log.path.open("rb") as lines:
        for line in lines:
            start, position = position, position + len(line)
            if log.needle not in line:
                if _SAID_LOST.search(line) and (count := _COUNT.search(line)):
                    reading.said_lost += int(count[1])
                continue
            events += 1
            if not (marked := MARKED.search(line)):
                continue
            delivery = found.setdefault((marked[1] or marked[3]).decode(), Delivery())
            if not delivery.lines:
                delivery.first_event, delivery.first_byte = events, start
                delivery.has_bytes = log.is_store
            delivery.lines += 1
            if marked[2]:
                delivery.cut += not all(argument in line for argument in ARGUMENTS)
                delivery.indexes.add(int(marked[2]))
            delivery.last_event, delivery.last_byte = events, position
    reading.events = events
    return reading


class Tail:
    """Reads what has been added to a log, to see the first marked event arrive."""

    def __init__(self, log: Log, mark: str) -> None:
        self._path = log.path
        self._needle = re.compile(rb"--run=%s:(\d+)\b" % mark.encode())
        self._position = 0
        self._rest = b""

    def find_index(self) -> int | None:
        """Give the index of the first marked event that has arrived."""
        try:
            with self._path.open("rb") as log:
                log.seek(self._position)
                added = log.read()
        except FileNotFoundError:
            return None
        self._position += len(added)
        self._rest += added
        if found := self._needle.search(self._rest):
            return int(found[1])
        self._rest = self._rest[self._rest.rfind(b"\n") + 1 :]
        return None
