# SPDX-License-Identifier: Apache-2.0
"""One pass over a piece of a log: yields the lines that match, in order.

Owns the order of tests on a line: the needles it must contain, the test of its bytes, the parsed
record. The daemon's own records go to the account of what was read.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from execaudit.errors import MALFORMED
from execaudit.formats.restore import restore
from execaudit.query.needles import Alternatives, Needle, needles_of
from execaudit.query.raw_test import make_raw_test
from execaudit.query.record_values import RecordValues
from execaudit.rules.condition_tree import Node, conditions_of, evaluate
from execaudit.rules.processes import PROCESS_FIELDS, ProcessPrograms
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.completeness import Completeness
from execaudit.store.line_formats import NATIVE, LineFormat, find_format
from execaudit.store.lines import NotARecordError, parse_line, walk
from execaudit.store.log import Piece
from execaudit.store.part import Part
from execaudit.store.times import Span, read_time

_EVENTS = ("exec", "exit")


class Hit(NamedTuple):
    """A line that matches, without its newline, and the time of its record."""

    time_ns: int
    line: bytes


class _Fault(NamedTuple):
    """What is wrong with a line."""

    text: str
    is_json: bool


class Question(NamedTuple):
    """What to search for: a condition, None for everything, within a period."""

    node: Node | None
    span: Span

    @property
    def wants_programs(self) -> bool:
        """True if it asks for programs of ancestors, which needs every exec in order."""
        return self.node is not None and any(
            each.field in PROCESS_FIELDS for each in conditions_of(self.node)
        )


class Scanner:
    """Scans pieces for one question."""

    def __init__(self, question: Question, broken: Broken, completeness: Completeness) -> None:
        self._question = question
        self._broken = broken
        self._completeness = completeness
        self._programs = ProcessPrograms() if question.wants_programs else None
        self._raw_test = make_raw_test(question.node)
        self.on_chunk: Callable[[int], None] = lambda _: None

    def hits(self, piece: Piece) -> Iterator[Hit]:
        """Yield the lines of a piece that match."""
        needles: Alternatives | None = None
        head = piece.part.head
        for chunk in piece.chunks(self._broken):
            if needles is None and head.format is not None:
                needles = self.choose(chunk, head.format, is_own=head.is_own)
            yield from self.chunk_hits(chunk, piece.part, needles or ())
            self.on_chunk(len(chunk.data))

    def chunk_hits(self, chunk: Chunk, part: Part, needles: Alternatives = ()) -> Iterator[Hit]:
        """Yield the lines of a chunk that match; `needles`, if any, narrow what is tested."""
        if part.head.format is None:
            yield from self._of_any_format(chunk, part.path)
            return
        others = self._account(chunk, part.head.format, part.path)
        candidates = _candidates(chunk.data, needles)
        if others and needles:
            candidates = iter(sorted({*candidates, *others}))
        yield from self._of_format(chunk, part, part.head.format, candidates)

    def _account(self, chunk: Chunk, line_format: LineFormat, path: str) -> list[tuple[int, int]]:
        """Account for the daemon's own records; return begin and end of lines of other formats."""
        others: list[tuple[int, int]] = []
        for begin, line in walk(chunk, line_format, path, self._broken, self._completeness):
            own_format = find_format(line)
            if own_format is not line_format:
                others.append((begin, begin + len(line)))
            self._account_line(restore_line(own_format or line_format, line))
        return others

    def _account_line(self, fields: dict[str, Any] | None) -> None:
        if fields is None or fields.get("type") in _EVENTS:
            return
        try:
            self._completeness.add(fields, "file")
        except MALFORMED:
            return  # broken: whoever tests the line counts it

    def choose(self, chunk: Chunk, line_format: LineFormat, *, is_own: bool) -> Alternatives:
        """Choose needles that are rare in a chunk; () to look at every line."""
        if not is_own or self._programs is not None:
            return ()
        candidates = needles_of(self._question.node, line_format)
        sample = chunk.data[: 256 << 10]
        return min(
            candidates,
            key=lambda each: sum(1 + sample.count(needle.text) for needle in each),
            default=(),
        )

    def _of_format(
        self,
        chunk: Chunk,
        part: Part,
        line_format: LineFormat,
        candidates: Iterator[tuple[int, int]],
    ) -> Iterator[Hit]:
        data, span = chunk.data, self._question.span
        is_bounded = not span.is_all
        raw_test = self._raw_test if line_format is NATIVE and part.head.is_own else None
        for begin, end in candidates:
            line_time: int | None = None
            if is_bounded and line_format.fits(data[begin : begin + line_format.type_at]):
                try:
                    line_time = line_format.time_of(data[begin : begin + line_format.type_at])
                except ValueError:
                    line_time = None
                if line_time is not None and not span.has(line_time) and self._programs is None:
                    continue
            if raw_test is not None and self._programs is None:
                truth = raw_test(data, begin, end)
                if truth is False:
                    continue
                if truth and data[end - 1 : end] == b"}":
                    time_ns = line_time
                    if time_ns is None:
                        time_ns = _time_of(line_format, data, begin)
                    if time_ns is not None:
                        yield Hit(time_ns, data[begin:end])
                        continue
            yield from self._parsed(data[begin:end], line_format, part, chunk.offset + begin)

    def _of_any_format(self, chunk: Chunk, path: str) -> Iterator[Hit]:
        """Yield the lines that match in a chunk of no format, or of several."""
        for begin, end in _candidates(chunk.data, ()):
            line = chunk.data[begin:end]
            found = self._decide(line, NATIVE)
            if isinstance(found, _Fault):
                self._broken.add_line(path, chunk.offset + begin, found.text)
                continue
            self._completeness.records += 1
            self._account_line(restore_line(find_format(line) or NATIVE, line))
            yield from found

    def _parsed(
        self, line: bytes, line_format: LineFormat, part: Part, offset: int
    ) -> Iterator[Hit]:
        found = self._decide(line, line_format)
        if not isinstance(found, _Fault):
            yield from found
        elif found.is_json or (line_format.is_event(line) and line.endswith(b"}")):
            self._broken.add_line(part.path, offset, found.text)  # of others, walk() has done so
            self._completeness.records -= 1

    def _decide(self, line: bytes, line_format: LineFormat) -> "tuple[Hit, ...] | _Fault":
        """Return the line as a hit, nothing if it does not match, or what is wrong with it."""
        try:
            fields = restore((find_format(line) or line_format).name, parse_line(line))
            time_ns = read_time(fields["time"].encode())
            matches = self.matches(fields)
        except NotARecordError as error:
            return _Fault(str(error), is_json=False)
        except MALFORMED:
            return _Fault("is not a record", is_json=True)
        if matches and self._question.span.has(time_ns):
            return (Hit(time_ns, line),)
        return ()

    def matches(self, fields: dict[str, Any]) -> bool:
        """Return True if a record matches, at any time. Raises one of errors.MALFORMED."""
        node = self._question.node
        values = RecordValues(fields, self._programs)
        truth = node is None or evaluate(node, values.value) is True
        if self._programs is not None and fields["type"] == "exec" and "errno_code" not in fields:
            values.remember_program(self._programs)
        return truth


def restore_line(line_format: LineFormat, line: bytes) -> dict[str, Any] | None:
    """Return the record of a line; None if it is none."""
    try:
        return restore(line_format.name, parse_line(line))
    except MALFORMED:
        return None


def _time_of(line_format: LineFormat, data: bytes, begin: int) -> int | None:
    try:
        return line_format.time_of(data[begin : begin + line_format.type_at])
    except ValueError:
        return None


def _candidates(data: bytes, needles: Alternatives) -> Iterator[tuple[int, int]]:
    """Yield begin and end of lines with one of the needles; of all lines without needles."""
    if not needles:
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            yield begin, end
            begin = end + 1
        return
    if len(needles) == 1:
        yield from _lines_with(data, needles[0])
        return
    yield from sorted({found for needle in needles for found in _lines_with(data, needle)})


def _lines_with(data: bytes, needle: Needle) -> Iterator[tuple[int, int]]:
    text, is_number = needle
    size = len(text)
    at = data.find(text)
    while at >= 0:
        if is_number and _DIGIT(data, at + size):
            at = data.find(text, at + size)
            continue
        begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        yield begin, end
        at = data.find(text, end)


_DIGIT = re.compile(rb"\d").match
