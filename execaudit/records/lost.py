# SPDX-License-Identifier: Apache-2.0
"""The record of events that could not be delivered, in the vocabulary of docs/record.md."""

from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.wire import record


def lost_fields(
    host: Host,
    reason: str,
    hook: int | None,
    cpu: int | None,
    count: int,
    first_ns: int,
    last_ns: int,
) -> FieldDict:
    """The record of events that could not be delivered; hook and CPU where they are known."""
    fields: FieldDict = {
        "time": host.time(last_ns),
        "type": "lost",
        "host": host.name,
        "boot": host.boot,
    }
    if hook is not None:
        fields["hook"] = record.HOOKS[hook]
    if cpu is not None:
        fields["cpu"] = cpu
    fields |= {
        "reason": reason,
        "count": count,
        "first": host.time(first_ns),
        "last": host.time(last_ns),
    }
    return fields
