# SPDX-License-Identifier: Apache-2.0
"""The record of an Event as a dict: the one definition of what is written (docs/record.md).

Owns which members an exec and an exit have. Lines in every schema, journal entries and the table
are made of this dict; `encoder` remembers the text that was made of it.
"""

import errno
import signal
from typing import Any

from execaudit.records.first_seen import words_of
from execaudit.records.host import Host
from execaudit.records.text import FieldDict, add_texts, decode, decode_all
from execaudit.records.vocabulary import EVENT_FLAGS
from execaudit.wire import record
from execaudit.wire.event import Event, Gap

# Of two names for one number, the one in errno(3).
_ERRNO_NAMES = {
    **errno.errorcode,
    errno.EAGAIN: "EAGAIN",
    errno.EDEADLK: "EDEADLK",
    errno.EOPNOTSUPP: "EOPNOTSUPP",
}

_SIGNAL_NAMES = {int(number): number.name for number in signal.Signals}
_CORE_DUMPED = 0x80  # WCOREFLAG


def record_fields(event: Event, host: Host) -> FieldDict:
    """Return the record of an exec or exit."""
    fields: FieldDict = host.head(event.type, event.time_ns)
    if event.hook:
        fields["hook"] = record.HOOKS[event.hook]
    fields |= {
        "cpu": event.cpu,
        "seq": event.seq,
        "id": host.identity(event.pid, event.start_ns, event.exec_count),
        "pid": event.pid,
    }
    fields |= _exec_fields(event, host) if event.type == "exec" else _exit_fields(event)
    _merge(fields, event.place.fields)
    if event.flags & record.FLAG_BAD_START:
        _merge(fields, {"unreadable": ["id", "start" if event.type == "exec" else "pid"]})
    for name in fields.get("unreadable", ()):
        fields.pop(name, None)
    _add_verdict(fields, event)
    return fields


def strings_of(block: bytes | None) -> list[bytes]:
    """Return the NUL terminated strings of a block."""
    return block[:-1].split(b"\0") if block else []


def error_fields(error: int) -> FieldDict:
    """Return name and number of a negative errno."""
    return {"errno": _ERRNO_NAMES.get(-error, f"E{-error}"), "errno_code": -error}


def _exec_fields(event: Event, host: Host) -> FieldDict:
    fields: FieldDict = {}
    if event.tid != event.pid:
        fields["tid"] = event.tid
    if event.nspid != event.pid:
        fields["nspid"] = event.nspid
    _add_argv(fields, event)
    fields["result"] = "failure" if event.error else "success"
    fields["start"] = host.time(event.start_ns)
    if event.error:
        fields |= error_fields(event.error)
    for name, flag in EVENT_FLAGS.items():
        if event.flags & flag:
            fields[name] = True
    _add_env(fields, event)
    return fields


def _add_argv(fields: FieldDict, event: Event) -> None:
    if event.argv is None:
        # The kernel counts the arguments of a success. Of a failure `argc` counts those read: none.
        if not event.error:
            fields["argc"] = event.argc
        fields["unreadable"] = ["argv"]
        return
    fields["argv"], exact = decode_all(strings_of(event.argv))
    fields["argc"] = event.argc
    if exact:
        fields["argv_b64"] = exact
    if event.argv_gaps:
        fields["truncated"] = {"argv": [gap_fields(gap) for gap in event.argv_gaps]}


def _add_env(fields: FieldDict, event: Event) -> None:
    if event.env is None:
        _merge(fields, {"unreadable": ["env"]})
        return
    if event.env:
        add_texts(fields, "env", strings_of(event.env))
    if event.env_gaps:
        gaps = [gap_fields(gap) for gap in event.env_gaps]
        for gap in gaps:
            del gap["index"]  # in the whole environment: says nothing about selected variables
        _merge(fields, {"truncated": {"env": gaps}})


def gap_fields(gap: Gap) -> FieldDict:
    """Return the element of `truncated` for a gap."""
    if gap.missing_bytes is None:
        return {"index": gap.index, "reason": gap.reason}
    return {"index": gap.index, "missing_bytes": gap.missing_bytes, "reason": gap.reason}


def _exit_fields(event: Event) -> FieldDict:
    """Return how a process ended, from its wait status (wait(2)), and how long it ran."""
    number = event.status & 0x7F
    fields: FieldDict = {"exit_code": event.status >> 8 & 0xFF}
    if number:
        fields = {"signal": _SIGNAL_NAMES.get(number, f"SIG{number}")}
    if event.status & _CORE_DUMPED:
        fields["core_dumped"] = True
    if event.duration_ns is not None:
        fields["duration_ns"] = event.duration_ns
    return fields


def _merge(fields: FieldDict, part: FieldDict) -> None:
    """Add members of `part`; to `truncated` and `unreadable`, which both may have, its elements."""
    cut = {**fields.get("truncated", {}), **part.get("truncated", {})}
    unreadable = [*fields.get("unreadable", ()), *part.get("unreadable", ())]
    fields |= part
    if cut:
        fields["truncated"] = cut
    if unreadable:
        fields["unreadable"] = unreadable


def _add_verdict(fields: FieldDict, event: Event) -> None:
    """Add what the daemon made of the event: failed tries before it, redaction, rules."""
    if event.path_search:
        fields["path_search"] = [decode(name)[0] for name in event.path_search]
    redacted: dict[str, Any] = {}
    if event.redacted_argv:
        redacted["argv"] = list(event.redacted_argv)
    if event.redacted_env:
        redacted["env"] = list(event.redacted_env)
    if redacted:
        fields["redacted"] = redacted
    if event.labels:
        fields["labels"] = list(event.labels)
    if event.severity:
        fields["severity"] = event.severity
    if event.technique:
        fields["technique"] = list(event.technique)
    if event.rule:
        fields["rule"] = list(event.rule)
    if event.first_seen:
        fields["first_seen"] = words_of(event.first_seen)
