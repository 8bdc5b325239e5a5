# SPDX-License-Identifier: Apache-2.0
"""The record of a process's end, in the vocabulary of docs/record.md.

Owns the reading of the wait status. What it shares with exec records comes from `fields`.
"""

import signal

from execaudit.records.fields import FieldDict, add_text
from execaudit.records.host import Host
from execaudit.records.text import until_nul
from execaudit.wire import record
from execaudit.wire.decode import Exit

_CORE_DUMPED = 0x80
_UNREADABLE = (
    (record.FLAG_BAD_IDS, ("uid",)),
    (record.FLAG_BAD_START, ("id", "parent_id", "pid", "ppid", "comm")),
)


def exit_fields(event: Exit, host: Host, duration_ns: int | None) -> FieldDict:
    """The record of a process's end."""
    fields: FieldDict = {
        "time": host.time(event.time_ns),
        "type": "exit",
        "host": host.name,
        "boot": host.boot,
        "hook": "exit",
        "cpu": event.cpu,
        "seq": event.seq,
        "id": host.identity(event.pid, event.start_ns, event.exec_count),
        "parent_id": host.identity(event.ppid, event.parent_start_ns, event.parent_exec_count),
        "pid": event.pid,
        "ppid": event.ppid,
        "uid": event.uid,
    }
    comm = until_nul(event.comm)
    if comm:
        add_text(fields, "comm", comm)
    fields |= status_fields(event.status)
    if duration_ns is not None:
        fields["duration_ns"] = duration_ns
    unreadable = [name for bit, names in _UNREADABLE if event.flags & bit for name in names]
    for name in unreadable:
        fields.pop(name, None)
    if unreadable:
        fields["unreadable"] = unreadable
        if "comm" in unreadable:
            fields.pop("b64", None)
    return fields


def status_fields(status: int) -> FieldDict:
    """How the process ended, from its wait status."""
    number = status & 0x7F
    fields: FieldDict = (
        {"signal": _signal_name(number)} if number else {"exit_code": status >> 8 & 0xFF}
    )
    if status & _CORE_DUMPED:
        fields["core_dumped"] = True
    return fields


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
