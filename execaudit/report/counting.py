# SPDX-License-Identifier: Apache-2.0
"""Counts execs and exits into sums.

Owns the fast path: lines whose bytes say the same are counted together, and only the first is
parsed. If parsing it gives something else than its bytes, all such lines are parsed.
"""

from typing import Any

from execaudit.query.event_lines import TIME_AT, TIME_END
from execaudit.report.facts import Facts, Found, find_facts, make_example, read_facts
from execaudit.report.summary import Summary
from execaudit.report.usual_lines import Key, usual_key
from execaudit.store.lines import parse_line
from execaudit.store.times import SECOND_NS, read_time

_SAME_LIMIT = _USUAL_LIMIT = 4_000
_SAME_BYTES = 4096  # longer lines are counted one by one
_MINUTE_END = TIME_AT + len("2026-11-23T02:04")
_KIND_AT = TIME_END + len('","type":"ex')
_EXIT = ord("i")
_MINUTE_NS = 60 * SECOND_NS
_NOTE_NAMES = (
    "time", "type", "host", "reason", "result", "version", "kernel", "engine", "gap", "seen",
    "config_hash", "first", "last", "count", "sink", "programs",
)  # fmt: skip


class _Count:
    """How many lines say the same as the first, which is not counted here."""

    __slots__ = ("execs", "facts", "is_failed")

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.execs = 0
        self.is_failed = bool(facts.errno)


class Counting:
    """Counts records into a summary, which is complete after `finish`."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._same: dict[Found, _Count] = {}
        self._usual: dict[Key, _Count] = {}  # the same counts, by what is found faster
        self._minutes: dict[bytes, int] = {}
        self._failed_minutes: dict[bytes, int] = {}

    def take_line(self, data: bytes, begin: int, end: int) -> None:
        """Count an exec or exit by the bytes of its line. Raises one of errors.MALFORMED."""
        if data[begin + _KIND_AT] == _EXIT:
            self._summary.exits += 1
            return
        key = usual_key(data, begin, end)
        count = None if key is None else self._usual.get(key)
        if count is None:
            found = find_facts(data, begin, end)
            count = self._same.get(found)
            if count is None:
                self._look_closely(found, data[begin:end])
                return
            if key is not None and end - begin <= _SAME_BYTES:
                self._remember(key, count)
        minute = data[begin + TIME_AT : begin + _MINUTE_END]
        try:
            self._minutes[minute] += 1
        except KeyError:
            read_time(data[begin + TIME_AT : begin + TIME_END])
            self._minutes[minute] = 1
        count.execs += 1
        if count.is_failed:
            self._failed_minutes[minute] = self._failed_minutes.get(minute, 0) + 1

    def _remember(self, key: Key, count: "_Count") -> None:
        if len(self._usual) >= _USUAL_LIMIT:
            self._usual.clear()
        self._usual[key] = count

    def _look_closely(self, found: Found, line: bytes) -> None:
        fields = parse_line(line)
        facts = self._take_event(fields)
        if tuple(part.decode(errors="replace") for part in found) != facts:
            return  # escapes: all lines of this kind come here
        if len(line) > _SAME_BYTES:
            return
        if len(self._same) >= _SAME_LIMIT:
            self._settle()
        self._same[found] = _Count(facts)

    def take(self, fields: dict[str, Any]) -> None:
        """Count a record. Raises one of errors.MALFORMED."""
        kind = fields["type"]
        if kind == "exec":
            self._take_event(fields)
        elif kind == "exit":
            self._summary.exits += 1
        else:
            self._summary.add_note({n: fields[n] for n in _NOTE_NAMES if n in fields})

    def _take_event(self, fields: dict[str, Any]) -> Facts:
        summary = self._summary
        facts = read_facts(fields)
        time_ns = read_time(fields["time"].encode())
        for name, value in (("program", facts.exe), ("user", facts.user), ("unit", facts.unit)):
            if value and not summary.firsts[name].has(value):
                summary.firsts[name].add(value, make_example(fields, facts))
        summary.add(facts, 1)
        summary.minutes.add(time_ns // _MINUTE_NS, 1, 1 if facts.errno else 0)
        return facts

    def _settle(self) -> None:
        for count in self._same.values():
            if count.execs:
                self._summary.add(count.facts, count.execs)
        self._same.clear()
        self._usual.clear()

    def finish(self) -> None:
        """Add all counts to the summary."""
        self._settle()
        for minute, count in self._minutes.items():
            number = read_time(minute + b":00.000000000Z") // _MINUTE_NS
            self._summary.minutes.add(number, count, self._failed_minutes.get(minute, 0))
        self._minutes.clear()
        self._failed_minutes.clear()
