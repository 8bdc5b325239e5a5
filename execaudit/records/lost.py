# SPDX-License-Identifier: Apache-2.0
"""What did not arrive, here or at a sink: how much, why and when, and the `lost` record of it.

Owns the form of both. Whoever counts the losses writes the record.
"""

from dataclasses import dataclass
from typing import NamedTuple

from execaudit.records.host import Host
from execaudit.records.text import FieldDict
from execaudit.wire import record


@dataclass(frozen=True, slots=True)
class Lost:
    """Events of one stream that were not delivered."""

    reason: str  # "ring", "recursion", "undecodable", "crash" or "handover"
    hook: int | None  # index in HOOKS; None where it is not known
    cpu: int | None  # None where it is not known
    count: int
    first_ns: int  # CLOCK_BOOTTIME, between which and `last_ns` they happened
    last_ns: int
    type = "lost"


class EventKey(NamedTuple):
    """Identity of an event: `seq` counts the events of one processor and hook."""

    time: str
    cpu: int
    hook: str
    seq: int


@dataclass(frozen=True, slots=True)
class Incident:
    """Entries that a sink lost in a row, for one reason, until it worked again."""

    reason: str
    count: int
    first_ns: int  # CLOCK_BOOTTIME of the sink's first and last failure
    last_ns: int
    first: EventKey | None  # the first and last event missed, where that is known
    last: EventKey | None


def lost_fields(lost: Lost, host: Host) -> FieldDict:
    """Return the `lost` record of events."""
    fields: FieldDict = host.head("lost", lost.last_ns)
    if lost.hook is not None:
        fields["hook"] = record.HOOKS[lost.hook]
    if lost.cpu is not None:
        fields["cpu"] = lost.cpu
    fields |= {"reason": lost.reason, "count": lost.count}
    return fields | host.span(lost.first_ns, lost.last_ns)


def sink_lost_fields(host: Host, sink: str, incident: Incident) -> FieldDict:
    """Return the `lost` record of what a sink could not take."""
    fields: FieldDict = host.head("lost", incident.last_ns)
    fields |= {"sink": sink, "reason": incident.reason, "count": incident.count}
    fields |= host.span(incident.first_ns, incident.last_ns)
    for name, key in (("first_missed", incident.first), ("last_missed", incident.last)):
        if key is not None:
            fields[name] = key._asdict()
    return fields
