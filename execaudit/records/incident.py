# SPDX-License-Identifier: Apache-2.0
"""What a sink could not deliver, as its `lost` record says it (docs/record.md).

Owns the form alone: sinks count, `events` writes the record.
"""

from typing import NamedTuple


class EventKey(NamedTuple):
    """Which event: `seq` counts the events of one processor and hook."""

    time: str
    cpu: int
    hook: str
    seq: int


class Incident:
    """Entries lost for one reason between two times at which the sink worked.

    Attributes:
        first_ns, last_ns: CLOCK_BOOTTIME of the sink's first and last failure.
        first, last: the first and last event missed, where that is known.

    """

    __slots__ = ("count", "first", "first_ns", "last", "last_ns", "reason")

    def __init__(
        self,
        reason: str,
        count: int,
        first_ns: int,
        last_ns: int,
        first: EventKey | None = None,
        last: EventKey | None = None,
    ) -> None:
        self.reason = reason
        self.count = count
        self.first_ns = first_ns
        self.last_ns = last_ns
        self.first = first
        self.last = last
