# SPDX-License-Identifier: Apache-2.0
"""One pass over execs and exits, as records with process and parent.

Owns reading pieces of logs and journals in the same way. A line that turns out to be no record is
counted as broken.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from execaudit.errors import MALFORMED
from execaudit.query.event_lines import EVENTS, TIME_END, chunk_events, journal_events
from execaudit.records.text import dumps
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness
from execaudit.store.journal import Journal
from execaudit.store.line_formats import NATIVE
from execaudit.store.lines import parse_line
from execaudit.store.log import Piece
from execaudit.store.times import Span
from execaudit.tree.lineage import (
    Ancestor,
    Found,
    Lineage,
    find_ancestors,
    find_lineage,
    read_ancestors,
    read_lineage,
)
from execaudit.tree.targets import Targets

_EXIT = NATIVE.before_type + b"exit"
_NAMES = ("id", "pid", "parent_id")


class Record(Protocol):
    """An exec or an exit. Its methods raise one of errors.MALFORMED."""

    @property
    def is_exit(self) -> bool:
        """True for an exit."""

    def lineage(self) -> Lineage:
        """Return process and parent."""

    def ancestors(self) -> list[Ancestor]:
        """Return the ancestors, parent first."""

    def line(self) -> bytes:
        """Return it as a line of our own format."""


Take = Callable[[Record, bool], None]
"""Takes a record, and True if it matches the question."""

IsOutside = Callable[[bytes, bytes, bytes], bool]
"""Takes a process, the digits of its number and its parent."""


class Visit(NamedTuple):
    """One pass.

    Attributes:
        span: the period; other records are left out.
        targets: the wanted processes.
        take: takes the records.
        is_outside: returns True for processes that are not wanted, unless they match.
        broken: what could not be read.
        completeness: what was read.

    """

    span: Span
    targets: Targets
    take: Take
    is_outside: IsOutside
    broken: Broken
    completeness: Completeness

    def piece(self, piece: Piece) -> Iterator[int]:
        """Read a piece of a log; yield the number of bytes of each chunk read."""
        part, broken, completeness = piece.part, self.broken, self.completeness
        is_outside = self.is_outside
        for chunk in piece.chunks(broken):
            is_match = self.targets.matcher(chunk, part)
            for begin, end, fields in chunk_events(chunk, part, self.span, broken, completeness):
                matches = is_match(begin)
                try:
                    if fields is None:
                        found = find_lineage(chunk.data, begin, end)
                        if found is None or matches or not is_outside(*found):
                            self.take(_Line(chunk.data, begin, end, found), matches)
                    elif fields["type"] in EVENTS:
                        self.take(_Parsed(fields), matches)
                except MALFORMED:
                    broken.add_line(part.path, chunk.offset + begin, "is not a record")
                    completeness.records -= 1
            yield len(chunk.data)

    def journal(self, journal: Journal) -> None:
        """Read a journal. Raises ExecauditError."""
        broken, completeness = self.broken, self.completeness
        for fields in journal_events(journal, self.span, _NAMES, broken, completeness):
            if fields["type"] not in EVENTS:
                continue
            try:
                self.take(_Entry(journal, fields), self.targets.matches(journal.record))
            except MALFORMED:
                broken.add_line(journal.name, 0, f"entry {journal.cursor()} is no record")
                completeness.records -= 1


class _Parsed:
    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    @property
    def is_exit(self) -> bool:
        return bool(self._fields["type"] == "exit")

    def lineage(self) -> Lineage:
        return read_lineage(self._fields)

    def ancestors(self) -> list[Ancestor]:
        return read_ancestors(self._fields)

    def line(self) -> bytes:
        return dumps(self._fields)


class _Line:
    def __init__(self, data: bytes, begin: int, end: int, found: Found | None) -> None:
        self._data = data
        self._begin = begin
        self._end = end
        self._found = found

    @property
    def is_exit(self) -> bool:
        return self._data.startswith(_EXIT, self._begin + TIME_END)

    def lineage(self) -> Lineage:
        if self._found is None:
            return read_lineage(parse_line(self.line()))
        key, pid, parent = self._found
        return Lineage(key, int(pid), parent)

    def ancestors(self) -> list[Ancestor]:
        return find_ancestors(self._data, self._begin, self._end)

    def line(self) -> bytes:
        return self._data[self._begin : self._end]


class _Entry(_Parsed):
    def __init__(self, journal: Journal, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self._journal = journal

    def ancestors(self) -> list[Ancestor]:
        return read_ancestors(self._journal.record())

    def line(self) -> bytes:
        return dumps(self._journal.record())
