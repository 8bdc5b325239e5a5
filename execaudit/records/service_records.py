# SPDX-License-Identifier: Apache-2.0
"""Records about the daemon itself: start, stop, config, repair, summary (docs/service-records.md).

Owns their fields. What they count is measured elsewhere.
"""

import os
import time

from execaudit import __version__
from execaudit.records.host import Host, wall_text
from execaudit.records.text import FieldDict
from execaudit.wire.event import Event


def _head(host: Host, kind: str) -> FieldDict:
    return host.head(kind, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def start_fields(
    host: Host, engine: str, failure_hook: tuple[str, str], config_hash: str, missed: FieldDict
) -> FieldDict:
    """Return the record that the daemon began; `missed` has the fields about the run before.

    `failure_hook` is the hook's name, and the reason why there is none although the configuration
    wants one: one of them is empty, or both.
    """
    fields = _head(host, "start")
    fields |= {"version": __version__, "kernel": os.uname().release, "engine": engine}
    name, error = failure_hook
    if name:
        fields["failure_hook"] = name
    if error:
        fields["failure_hook_error"] = error
    if host.has_old_cgroups or host.has_named_cgroups:
        fields["cgroups"] = "legacy" if host.has_old_cgroups else "named"
    return {**fields, "pid": os.getpid(), "config_hash": config_hash, **missed}


def stop_fields(host: Host, totals: FieldDict) -> FieldDict:
    """Return the record that the daemon ends; `totals` are its counts."""
    return {**_head(host, "stop"), "pid": os.getpid(), **totals}


def config_fields(host: Host, old_hash: str, new_hash: str) -> FieldDict:
    """Return the record that another configuration is in force."""
    return {**_head(host, "config"), "old_hash": old_hash, "config_hash": new_hash}


def repair_fields(
    host: Host, how: tuple[str, list[str], bool], first_ns: int, last_ns: int
) -> FieldDict:
    """Return the record that tracing was broken between two times (CLOCK_BOOTTIME).

    `how` is the reason, the programs, and True if it works again.
    """
    reason, programs, is_repaired = how
    fields: FieldDict = {**host.head("repair", last_ns), "reason": reason}
    if programs:
        fields["programs"] = programs
    fields["result"] = "success" if is_repaired else "failure"
    return fields | host.span(first_ns, last_ns)


_OF_PROGRAM = (
    *("exe", "exe_b64", "other_root", "exe_ino", "exe_dev", "exe_dev_inexact", "exe_upper"),
    *("exe_mode", "exe_uid", "exe_gid"),
)


def program_fields(
    host: Host, event: Event, size_and_change: tuple[int, int], *, is_first: bool
) -> FieldDict:
    """Return the record of a program that ran for the first time, or that was changed.

    `size_and_change`: size of its file in bytes, change time in nanoseconds since 1970.
    """
    size, changed_ns = size_and_change
    of_place = event.place.fields
    return {
        **host.head("program", event.time_ns),
        "reason": "first" if is_first else "changed",
        **{name: of_place[name] for name in _OF_PROGRAM if name in of_place},
        "size": size,
        **({"unreadable": ["exe_upper"]} if "exe_upper" in of_place.get("unreadable", ()) else {}),
        "changed": wall_text(changed_ns),
    }


def seal_head(host: Host, events: FieldDict) -> FieldDict:
    """Return the first members of a `seal`; `events` are the counts so far, as in `stop`."""
    return {**_head(host, "seal"), "events": events}


def summary_fields(
    host: Host, by: tuple[str, int | str], counted: tuple[int, int], first_ns: int, last_ns: int
) -> FieldDict:
    """Return the record of events over a limit, which kept them back or shortened them.

    `by` is such as ("uid", 0); `counted` the number of events, and the bytes that were cut.
    """
    count, cut_bytes = counted
    fields: FieldDict = {**host.head("summary", last_ns), by[0]: by[1], "count": count}
    if cut_bytes:
        fields["cut_bytes"] = cut_bytes
    return fields | host.span(first_ns, last_ns)
