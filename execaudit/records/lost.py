# SPDX-License-Identifier: Apache-2.0
"""Events that did not arrive: how many, why and when, and the `lost` record of them."""

from dataclasses import dataclass

from execaudit.records.host import Host
from execaudit.records.place import FieldDict
from execaudit.wire import record


@dataclass(frozen=True, slots=True)
class Lost:
    """Events of one stream that were not delivered.

    Attributes:
        reason: "ring", "recursion", "undecodable", "crash" or "handover".
        hook, cpu: None where it is not known.
        first_ns, last_ns: CLOCK_BOOTTIME, between which they happened.

    """

    reason: str
    hook: int | None
    cpu: int | None
    count: int
    first_ns: int
    last_ns: int

    @property
    def type(self) -> str:
        """The type of the record."""
        return "lost"


def lost_fields(lost: Lost, host: Host) -> FieldDict:
    """Return the `lost` record."""
    fields: FieldDict = {
        "time": host.time(lost.last_ns),
        "type": "lost",
        "host": host.name,
        "boot": host.boot,
    }
    if lost.hook is not None:
        fields["hook"] = record.HOOKS[lost.hook]
    if lost.cpu is not None:
        fields["cpu"] = lost.cpu
    return {
        **fields,
        "reason": lost.reason,
        "count": lost.count,
        "first": host.time(lost.first_ns),
        "last": host.time(lost.last_ns),
    }
