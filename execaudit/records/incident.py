# SPDX-License-Identifier: Apache-2.0
"""What a sink could not deliver, as its `lost` record says it (docs/record.md).

Owns the form alone: sinks count, `events` writes the record.
"""

from dataclasses import dataclass
from typing import NamedTuple


class EventKey(NamedTuple):
    """Which event: `seq` counts the events of one processor and hook."""

    time: str
    cpu: int
    hook: str
    seq: int


@dataclass(frozen=True, slots=True)
class Incident:
    """Entries lost for one reason between two times at which the sink worked."""

    reason: str
    count: int
    first_ns: int  # CLOCK_BOOTTIME of the sink's first and last failure
    last_ns: int
    first: EventKey | None  # the first and last event missed, where that is known
    last: EventKey | None
