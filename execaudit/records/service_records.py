# SPDX-License-Identifier: Apache-2.0
"""Records about the daemon itself: start, stop, config, repair, summary (docs/record.md).

Owns their fields. What they count is measured elsewhere.
"""

import os
import time

from execaudit import __version__
from execaudit.records.host import Host
from execaudit.records.incident import Incident
from execaudit.records.place import FieldDict


def _head(host: Host, kind: str, now_ns: int | None = None) -> FieldDict:
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) if now_ns is None else now_ns
    return {"time": host.time(now_ns), "type": kind, "host": host.name, "boot": host.boot}


def start_fields(
    host: Host,
    engine: str,
    failure_hook: tuple[str, str],
    config_hash: str,
    missed: FieldDict,
) -> FieldDict:
    """The daemon began; `missed` is what is known of the time before.

    `failure_hook` is the hook's name, and why there is none although one is wanted; either is
    empty.
    """
    fields = _head(host, "start")
    fields |= {"version": __version__, "kernel": os.uname().release, "engine": engine}
    name, error = failure_hook
    if name:
        fields["failure_hook"] = name
    if error:
        fields["failure_hook_error"] = error
    return {**fields, "pid": os.getpid(), "config_hash": config_hash, **missed}


def stop_fields(host: Host, totals: FieldDict) -> FieldDict:
    """The daemon ends; `totals` are its counts."""
    return {**_head(host, "stop"), "pid": os.getpid(), **totals}


def config_fields(host: Host, old_hash: str, new_hash: str) -> FieldDict:
    """Another configuration is in force."""
    return {**_head(host, "config"), "old_hash": old_hash, "config_hash": new_hash}


def repair_fields(
    host: Host, how: tuple[str, list[str], bool], first_ns: int, last_ns: int
) -> FieldDict:
    """Tracing was not in order; `how` is the reason, the programs, and whether it is now."""
    reason, programs, is_repaired = how
    fields = {**_head(host, "repair", last_ns), "reason": reason}
    if programs:
        fields["programs"] = programs
    return {
        **fields,
        "result": "success" if is_repaired else "failure",
        "first": host.time(first_ns),
        "last": host.time(last_ns),
    }


def seal_head(host: Host, events: FieldDict) -> FieldDict:
    """Return what a `seal` begins with; `events` are the counts so far, as in `stop`."""
    return {**_head(host, "seal"), "events": events}


def summary_fields(
    host: Host, by: tuple[str, int | str], count: int, first_ns: int, last_ns: int
) -> FieldDict:
    """Return the record of events that a rate limit kept back; `by` is ("uid", 0) or the like."""
    field, key = by
    return {
        **_head(host, "summary", last_ns),
        field: key,
        "count": count,
        "first": host.time(first_ns),
        "last": host.time(last_ns),
    }


def sink_lost_fields(host: Host, sink: str, incident: Incident) -> FieldDict:
    """Records that a sink could not take."""
    fields = {
        **_head(host, "lost", incident.last_ns),
        "sink": sink,
        "reason": incident.reason,
        "count": incident.count,
        "first": host.time(incident.first_ns),
        "last": host.time(incident.last_ns),
    }
    for name, mark in (("first_missed", incident.first), ("last_missed", incident.last)):
        if mark is not None:
            fields[name] = mark._asdict()
    return fields
