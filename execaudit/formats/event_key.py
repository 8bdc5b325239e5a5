# SPDX-License-Identifier: Apache-2.0
"""Which event an encoded entry is of, and its time: read from its first bytes.

Owns how entries of each format begin. Sinks ask about entries that they lose, never about those
that they write. No argument of a traced program can imitate the beginning: arguments come later,
with their quotes and newlines escaped.
"""

import re

from execaudit.records.lost import EventKey

_JSON = rb'\{"time":"([^"]*)","type":"'
_ECS = rb'\{"@timestamp":"([^"]*)","event":\{"dataset":"execaudit\.'
_OCSF = rb'\{"metadata":\{"original_time":"([^"]*)","event_code":"'
_JOURNAL = rb"EXECAUDIT_TYPE="
_EVENT = rb'ex(?:ec|it)["\n]'

_is_event = re.compile(b"(?:" + b"|".join([_JSON, _ECS, _OCSF, _JOURNAL]) + b")" + _EVENT).match
_ID = rb',"(?:id|uid)":"[0-9a-f]*-([a-z_]+)-(\d+)-(\d+)"'
_KEYS = [
    re.compile(_JSON + _EVENT + rb',.*?(?:"hook":"([^"]*)",)?"cpu":(\d+),"seq":(\d+)[,}]').match,
    re.compile(_ECS + _EVENT + _ID).match,
    re.compile(_OCSF + _EVENT + _ID).match,
]


_time = re.compile(rb'[^"]*"(?:time|@timestamp|metadata":\{"original_time)":"([^"]*)"').match


def entry_time(line: bytes) -> str:
    """Return the time of a line in any format; "" where it has none."""
    found = _time(line)
    return found[1].decode("ascii", "replace") if found else ""


def is_event(entry: bytes) -> bool:
    """Return True for the entry of an exec or exit, False for a record of the daemon itself."""
    return _is_event(entry) is not None


def event_key(entry: bytes) -> EventKey | None:
    """Return which event an entry is of; None if its beginning does not say."""
    if entry.startswith(_JOURNAL):
        return _journal_key(entry)
    for match in _KEYS:
        found = match(entry)
        if found is not None:
            time, hook, cpu, seq = found.groups()
            return EventKey(time.decode(), int(cpu), (hook or b"exec").decode(), int(seq))
    return None


def _journal_key(entry: bytes) -> EventKey | None:
    time, cpu, seq = (_journal_value(entry, name) for name in (b"TIME", b"CPU", b"SEQ"))
    if time is None or cpu is None or seq is None or not (cpu + seq).isdecimal():
        return None
    return EventKey(time, int(cpu), _journal_value(entry, b"HOOK") or "exec", int(seq))


def _journal_value(entry: bytes, name: bytes) -> str | None:
    """Return the value of a field whose value has no newline; None without the field."""
    at = entry.find(b"\nEXECAUDIT_" + name + b"=")
    if at < 0:
        return None
    return entry[at + len(name) + 12 : entry.find(b"\n", at + 1)].decode(errors="replace")
