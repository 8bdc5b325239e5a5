# SPDX-License-Identifier: Apache-2.0
"""How complete an answer is: what was read, and what is known to be missing.

Owns the meaning of the daemon's own records for a reader: `lost`, `start` with its gap, `stop`,
`repair`, `summary`. Readers pass all of them; those outside of the period are left out.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from execaudit.store.broken import Broken
from execaudit.store.times import EARLIEST_NS, LATEST_NS, Span, read_time, show_time

_GAPS_LIMIT = 10_000


class Missing(NamedTuple):
    """A stretch of time in which something is missing.

    Attributes:
        host: the host of the records.
        begin_ns: when it began.
        end_ns: when it ended; LATEST_NS where it goes on.
        kind: `lost`, `gap` (not traced), `stopped`, `repair` or `limited`.
        why: the reason in the record.
        events: how many are missing; None where nobody knows.

    """

    host: str
    begin_ns: int
    end_ns: int
    kind: str
    why: str
    events: int | None


class Completeness:
    """What was read for a period, and what is missing in it.

    Attributes:
        records: how many were read.
        first_ns: time of the first event read; None without any.
        last_ns: time of the last one.
        begin_ns: by host or source, the time of the oldest record that retention has left.
        missing: in the order of reading.
        stopped_ns: by host, when its daemon stopped; None where it was started again.
        is_partial: reading ended before the period did.

    """

    def __init__(self, span: Span) -> None:
        self.span = span
        self.records = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.begin_ns: dict[str, int] = {}
        self.missing: list[Missing] = []
        self.is_partial = False
        self.stopped_ns: dict[str, int | None] = {}

    def see(self, first_ns: int, last_ns: int) -> None:
        """Note the times of events that were read; where a clock went back, in either order."""
        earlier_ns, later_ns = sorted((first_ns, last_ns))
        if self.first_ns is None or earlier_ns < self.first_ns:
            self.first_ns = earlier_ns
        if self.last_ns is None or later_ns > self.last_ns:
            self.last_ns = later_ns

    def add(self, fields: Mapping[str, Any], sink: str = "") -> None:
        """Note a record of the daemon's own, read from a `sink` (`file` or `journal`).

        Raises one of errors.MALFORMED.
        """
        kind, host = fields["type"], str(fields.get("host", ""))
        time_ns = read_time(fields["time"].encode())
        if kind == "lost":
            self._add_lost(fields, host, sink)
        elif kind == "start":
            self.stopped_ns[host] = None
            gap = fields.get("gap")
            if gap is not None and not gap["traced"]:
                self._note(host, gap, "gap", str(gap.get("ended", "")), None)
        elif kind == "stop":
            self.stopped_ns[host] = time_ns
        elif kind == "repair":
            self._note(host, fields, "repair", str(fields.get("reason", "")), None)
        elif kind == "summary":
            self._note(host, fields, "limited", "rate limit", fields.get("count"))

    def _add_lost(self, fields: Mapping[str, Any], host: str, sink: str) -> None:
        where = fields.get("sink", "")
        if not where or not sink or where == sink:
            self._note(host, fields, "lost", str(fields.get("reason", "")), fields.get("count"))

    def _note(
        self, host: str, times: Mapping[str, Any], kind: str, why: str, count: int | None
    ) -> None:
        first = times.get("first") or times.get("time") or times.get("last")
        last = times.get("last") or first
        if first is None or last is None:
            begin_ns, end_ns = EARLIEST_NS, LATEST_NS
        else:
            begin_ns, end_ns = read_time(first.encode()), read_time(last.encode())
        if count is not None and type(count) is not int:
            raise TypeError("count")
        if self.span.meets(begin_ns, end_ns) and len(self.missing) < _GAPS_LIMIT:
            self.missing.append(Missing(host, begin_ns, end_ns, kind, why, count))

    def merge(self, other: "Completeness", *, is_before: bool = False) -> None:
        """Add what another reader found, after what this one has read or before it."""
        self.records += other.records
        if other.first_ns is not None and other.last_ns is not None:
            self.see(other.first_ns, other.last_ns)
        self.missing += other.missing
        if is_before:
            self.stopped_ns = {**other.stopped_ns, **self.stopped_ns}
        else:
            self.stopped_ns.update(other.stopped_ns)

    def all_missing(self, now_ns: int) -> list[Missing]:
        """Return all that is missing, also the time since a `stop` without a start."""
        end_ns = min(self.span.end_ns, now_ns)
        stopped = [
            Missing(host, time_ns, LATEST_NS, "stopped", "", None)
            for host, time_ns in self.stopped_ns.items()
            if time_ns is not None and time_ns < end_ns and self.span.meets(time_ns, end_ns)
        ]
        return sorted({*self.missing, *stopped}, key=lambda each: (each.begin_ns, each.end_ns))

    def as_json(self, now_ns: int, broken: Broken) -> dict[str, Any]:
        """Return it as JSON values; times as in records. `broken` has what could not be read."""
        shown: dict[str, Any] = {"records": self.records}
        for name, time_ns in (("first", self.first_ns), ("last", self.last_ns)):
            if time_ns is not None:
                shown[name] = show_time(time_ns)
        for name, time_ns in (("since", self.span.begin_ns), ("until", self.span.end_ns)):
            if time_ns not in (EARLIEST_NS, LATEST_NS):
                shown[name] = show_time(time_ns)
        shown["begins"] = {where: show_time(ns) for where, ns in self.begin_ns.items()}
        missing = self.all_missing(now_ns)
        shown["complete"] = not missing and not self._begins_late() and broken.is_empty
        shown["missing"] = [_missing_as_json(each) for each in missing]
        shown["broken"] = broken.lines
        shown["unreadable_files"] = broken.files
        return shown

    def _begins_late(self) -> bool:
        return self.span.begin_ns != EARLIEST_NS and any(
            ns > self.span.begin_ns for ns in self.begin_ns.values()
        )

    def late_beginnings(self) -> dict[str, int]:
        """Return when sources begin, for those that begin within the period asked for."""
        if not self._begins_late():
            return {}
        return {
            where: ns for where, ns in self.begin_ns.items() if ns > self.span.begin_ns
        }  # fmt: skip


def _missing_as_json(missing: Missing) -> dict[str, Any]:
    shown: dict[str, Any] = {"host": missing.host, "kind": missing.kind}
    if missing.begin_ns != EARLIEST_NS:
        shown["first"] = show_time(missing.begin_ns)
    if missing.end_ns != LATEST_NS:
        shown["last"] = show_time(missing.end_ns)
    if missing.why:
        shown["why"] = missing.why
    if missing.events is not None:
        shown["count"] = missing.events
    return shown
