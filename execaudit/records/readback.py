# SPDX-License-Identifier: Apache-2.0
"""Records read back: an Event out of the fields of a JSON line, or of what /proc says.

Owns the way back from docs/record.md to wire/event.py: rules and searches ask the past as they ask
the present. Texts get their exact bytes back. Raises TypeError, ValueError, KeyError or
AttributeError for what is no record.
"""

import os
import signal
from collections.abc import Mapping
from typing import Any

from execaudit.records.command import restore_text
from execaudit.records.first_seen import bits_of
from execaudit.records.text import exact_strings
from execaudit.records.vocabulary import EVENT_FLAGS
from execaudit.wire import record
from execaudit.wire.blocks import join_strings
from execaudit.wire.event import Event, Gap, Place

_CORE_DUMPED = 0x80  # WCOREFLAG, wait(2)

UNKNOWN_COUNT = -1
"""Event.argc where the record does not say."""


def event_of_record(fields: Mapping[str, Any]) -> Event:
    """Return the event that an exec or exit record is about.

    Its place has no raw bytes: `fields` are the record's own, exact bytes as `<name>_b64`. Times
    stay there, as text: nobody knows the offset of the clocks at that time.
    """
    kind = fields["type"]
    place = Place()
    place.type = kind
    place.described = _with_sibling_bytes(fields)
    place.flags = 0
    place.uid = fields.get("uid", record.UNSET_ID)
    place.ppid = fields.get("ppid", 0)
    place.filename = os.fsencode(restore_text(place.fields, "filename") or "")
    if "filename" in (*fields.get("truncated", ()), *fields.get("unreadable", ())):
        place.filename = b""
    place.made = {}
    place.residue = None
    place.looked_at = None

    event = Event()
    event.type = kind
    event.place = place
    _, event.pid, event.start_ns, event.exec_count = split_identity(fields.get("id", ""))
    event.pid = fields.get("pid", event.pid)
    event.tid = fields.get("tid", event.pid)
    event.nspid = fields.get("nspid", event.pid)
    event.time_ns = 0
    event.cpu, event.seq = fields.get("cpu", 0), fields.get("seq", 0)
    event.hook = record.HOOKS.index(fields.get("hook", "exec" if kind == "exec" else "exit"))
    event.flags = _flags(fields)
    event.error = -int(fields.get("errno_code", 0))
    event.argv = _block(fields, "argv") if "argv" in fields else None
    event.argv_gaps = _gaps(fields, "argv")
    event.argc = fields.get("argc", UNKNOWN_COUNT)
    event.env, event.env_gaps = _block(fields, "env"), _gaps(fields, "env")
    event.status = _wait_status(fields)
    event.duration_ns = fields.get("duration_ns")
    event.path_search = tuple(each.encode() for each in fields.get("path_search", ()))
    event.redacted_argv = event.redacted_env = ()
    event.labels, event.severity = tuple(fields.get("labels", ())), fields.get("severity", "")
    event.technique, event.rule = tuple(fields.get("technique", ())), tuple(fields.get("rule", ()))
    event.first_seen = bits_of(fields.get("first_seen", ()))
    event.is_plain = False
    return event


def split_identity(identity: str) -> tuple[str, int, int, int]:
    """Split an `id` into boot, pid, start in ns and number of execs; zeros where it has none."""
    parts = identity.split("-")
    if len(parts) != 4:
        return "", 0, 0, 0
    return parts[0], int(parts[1], 16), int(parts[2], 16), int(parts[3], 16)


def _with_sibling_bytes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with exact bytes as siblings; schema version 1 has them as `b64: {exe: …}`."""
    found = {name: value for name, value in fields.items() if name != "b64"}
    found |= {f"{name}_b64": exact for name, exact in fields.get("b64", {}).items()}
    if "ancestors" in found:
        found["ancestors"] = [
            _with_sibling_bytes(each) if "b64" in each else each for each in found["ancestors"]
        ]
    return found


def _flags(fields: Mapping[str, Any]) -> int:
    flags = sum(flag for name, flag in EVENT_FLAGS.items() if fields.get(name))
    return flags | (record.FLAG_SCRIPT if "script" in fields else 0)


def _wait_status(fields: Mapping[str, Any]) -> int:
    if "signal" not in fields:
        return int(fields.get("exit_code", 0)) << 8
    name = fields["signal"]
    number = signal.Signals[name] if name in signal.Signals.__members__ else int(name[3:])
    return number | (_CORE_DUMPED if fields.get("core_dumped") else 0)


def _block(fields: Mapping[str, Any], name: str) -> bytes | None:
    """Return a list and its `…_b64` as NUL terminated strings; None where it was unreadable."""
    if name in fields.get("unreadable", ()):
        return None
    return join_strings(exact_strings(fields, name, "surrogateescape"))


def _gaps(fields: Mapping[str, Any], name: str) -> tuple[Gap, ...]:
    marks = fields.get("truncated", {}).get(name, ())
    if marks is True:  # a record that was cut to the length of a line
        return (Gap(len(fields.get(name, ())) - 1, None, "line"),)
    return tuple(
        Gap(mark.get("index", -1), mark.get("missing_bytes"), mark["reason"]) for mark in marks
    )
