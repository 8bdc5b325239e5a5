# SPDX-License-Identifier: Apache-2.0
"""Which values of a period occurred before it: searched for in the records before, by their bytes.

Owns the search, which ends when all values were found. Frequent ones are found in the first
megabytes, so most lines need no look.
"""

from collections.abc import Callable, Mapping
from typing import Any

from execaudit.errors import MALFORMED
from execaudit.query.event_lines import TIME_AT, TIME_END, bounds_of, chunk_events
from execaudit.query.line_matcher import LineMatcher
from execaudit.records.text import dumps
from execaudit.report.facts import read_facts
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.completeness import Completeness
from execaudit.store.line_formats import NATIVE
from execaudit.store.lines import parse_line
from execaudit.store.log import Piece
from execaudit.store.times import Span

_KEYS = {"program": b'"exe":"', "user": b'"user":"', "unit": b'"unit":"'}
_EXEC = NATIVE.before_type + b'exec","'


class History:
    """Looks for values in the records before a period.

    Attributes:
        wanted: values not found so far, by name.

    """

    def __init__(self, wanted: dict[str, set[str]], span: Span) -> None:
        self.wanted = wanted
        self._span = span
        self._bounds = bounds_of(span)

    def look(
        self, piece: Piece, matcher: LineMatcher | None, progressed: Callable[[int], None]
    ) -> tuple[dict[str, list[str]], list[str]]:
        """Look through a piece of a log; return the values found, which are not wanted any more.

        Return also what could not be read to its end.
        """
        before = {name: set(values) for name, values in self.wanted.items()}
        broken, completeness = Broken(), Completeness(self._span)
        by_bytes = piece.part.head.format is NATIVE and piece.part.head.is_own and matcher is None
        for chunk in piece.chunks(broken):
            if not any(self.wanted.values()):
                break
            if by_bytes:
                self._look_at_bytes(chunk)
            else:
                is_match = None if matcher is None else matcher.matcher(chunk, piece.part)
                for begin, end, fields in chunk_events(
                    chunk, piece.part, self._span, broken, completeness
                ):
                    if is_match is None or is_match(begin):
                        self._look_at_line(chunk.data[begin:end], fields)
            progressed(len(chunk.data))
        found = {name: list(before[name] - values) for name, values in self.wanted.items()}
        return found, list(broken.unread)

    def _look_at_bytes(self, chunk: Chunk) -> None:
        for name, key in _KEYS.items():
            self._look_for(chunk.data, name, key, b'"')
        if any(value.isdigit() for value in self.wanted["user"]):
            self._look_for(chunk.data, "user", b'"uid":', b",")  # it has no name

    def _look_for(self, data: bytes, name: str, key: bytes, after: bytes) -> None:
        find = data.find
        wanted = self._as_bytes(name)
        at = find(key) if wanted else -1
        while at >= 0:
            at += len(key)
            value = data[at : find(after, at)]
            if value in wanted or b"\\" in value:
                begin = data.rfind(b"\n", 0, at) + 1
                self._look_at_line(data[begin : find(b"\n", at)], None)
                wanted = self._as_bytes(name)
                if not wanted:
                    return
            at = find(key, at)

    def _as_bytes(self, name: str) -> set[bytes]:
        return {dumps(value)[1:-1] for value in self.wanted[name]}

    def _look_at_line(self, line: bytes, fields: dict[str, Any] | None) -> None:
        if fields is None:
            if not line.startswith(_EXEC, TIME_END) or not self._is_before(line):
                return
            try:
                fields = parse_line(line)
            except MALFORMED:
                return
        self.look_at(fields)

    def _is_before(self, line: bytes) -> bool:
        bounds = self._bounds
        return bounds is None or line[TIME_AT:TIME_END] <= bounds.last

    def look_at(self, fields: Mapping[str, Any]) -> None:
        """Look at one record from before the period."""
        try:
            if fields["type"] != "exec":
                return
            facts = read_facts(fields)
        except MALFORMED:
            return
        for name, value in (("program", facts.exe), ("user", facts.user), ("unit", facts.unit)):
            self.wanted[name].discard(value)

    def remove(self, found: Mapping[str, list[str]]) -> None:
        """Remove values that another process has found."""
        for name, values in found.items():
            self.wanted[name].difference_update(values)
