# SPDX-License-Identifier: Apache-2.0
"""The line after a result: what was read, and what is missing of the period.

Owns its words. `store.completeness` finds what is missing.
"""

import time

from execaudit.records.quoting import make_printable
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness, Missing
from execaudit.store.times import ALWAYS, EARLIEST_NS, LATEST_NS, SECOND_NS

_SHOWN = 5
_KINDS = {
    "gap": "not traced",
    "stopped": "the daemon has been stopped",
    "repair": "tracing was broken",
    "limited": "held back by a rate limit",
}


def show_local(time_ns: int) -> str:
    """Return a time as text, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_ns // SECOND_NS))


def describe(completeness: Completeness, broken: Broken, now_ns: int) -> str:
    """Return the line; `now_ns` is the present, in nanoseconds since 1970.

    `broken` has what could not be read.
    """
    count = completeness.records
    read = "1 record read" if count == 1 else f"{count} records read"
    if completeness.first_ns is None or completeness.last_ns is None:
        return f"{read}; nothing is known of the period" if not completeness.records else read
    # If reading ended early, the line is about the part that was read.
    span = ALWAYS if completeness.is_partial else completeness.span
    begin_ns = span.begin_ns if span.begin_ns != EARLIEST_NS else completeness.first_ns
    end_ns = min(span.end_ns, now_ns) if span.end_ns != LATEST_NS else completeness.last_ns
    late = {} if completeness.is_partial else completeness.late_beginnings()
    parts = [f"{make_printable(where)} begins at {show_local(ns)}" for where, ns in late.items()]
    missing = completeness.all_missing(now_ns)
    parts += describe_broken(broken.lines, broken.files)
    parts += [_describe_missing(each) for each in missing[:_SHOWN]]
    if len(missing) > _SHOWN:
        parts.append(f"and {len(missing) - _SHOWN} more (--summary lists all)")
    between = f"between {show_local(begin_ns)} and {show_local(end_ns)}"
    if end_ns < begin_ns:
        ends = "; ".join([f"the last record is of {show_local(completeness.last_ns)}", *parts])
        return f"{read}; nothing is known of the period: {ends}"
    if not parts:
        return f"{read}; nothing is missing {between}"
    return f"{read}; incomplete {between}: {'; '.join(parts)}"


def describe_broken(lines: int, files: int) -> list[str]:
    """Return what could not be read, in words; [] if that is nothing."""
    said = []
    if files:
        whole = "1 file" if files == 1 else f"{files} files"
        said.append(f"{whole} could not be read to the end")
    if lines:
        said.append("1 line is no record" if lines == 1 else f"{lines} lines are no records")
    return said


def _describe_missing(missing: Missing) -> str:
    if missing.kind == "lost":
        what = f"{missing.events} events lost ({missing.why})"
    elif missing.kind == "limited":
        what = f"{missing.events} events {_KINDS['limited']}"
    else:
        why = f" ({missing.why})" if missing.why else ""
        what = _KINDS.get(missing.kind, missing.kind) + why
    if missing.begin_ns == EARLIEST_NS:
        return make_printable(what)
    since = show_local(missing.begin_ns)
    if missing.end_ns == LATEST_NS:
        return make_printable(f"{what} since {since}")
    until = show_local(missing.end_ns)
    return make_printable(f"{what} {since}" if since == until else f"{what} {since} to {until}")
