# SPDX-License-Identifier: Apache-2.0
"""Execs and exits of a period, one after another: by their bytes if that is certain.

Owns which lines can be read by their bytes: lines of our own encoder that begin and end as the line
of an event. All others are parsed: the daemon's own records go to the account of what was read, all
else to the broken lines.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from execaudit.errors import MALFORMED
from execaudit.formats.entries import entry_fields
from execaudit.formats.restore import restore
from execaudit.records.journal import PREFIX
from execaudit.records.journal_fields import REPEATED
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.completeness import Completeness
from execaudit.store.journal import Journal
from execaudit.store.line_formats import NATIVE, find_format
from execaudit.store.lines import NotARecordError, parse_line
from execaudit.store.part import Part
from execaudit.store.times import EARLIEST_NS, LATEST_NS, TEXT_BYTES, Span, read_time, show_time

EVENTS = ("exec", "exit")
TIME_AT = len(NATIVE.before_time)
TIME_END = TIME_AT + TEXT_BYTES
_BEGINNINGS = tuple(NATIVE.before_type + kind.encode() + b'","' for kind in EVENTS)
_BRACE = ord("}")


EventLine = tuple[int, int, dict[str, Any] | None]
"""Begin and end of a record in a chunk, and its fields; None: read the event by its bytes."""


class Bounds(NamedTuple):
    """A period, as texts of times that can be compared."""

    first: bytes
    last: bytes


def bounds_of(span: Span) -> Bounds | None:
    """Return the bounds of a period as texts; None if it has none."""
    if span.is_all:
        return None
    return Bounds(
        b"" if span.begin_ns == EARLIEST_NS else show_time(span.begin_ns).encode(),
        b"~" if span.end_ns == LATEST_NS else show_time(span.end_ns).encode(),
    )


def chunk_events(
    chunk: Chunk, part: Part, span: Span, broken: Broken, completeness: Completeness
) -> Iterator[EventLine]:
    """Yield the records of a chunk within a period, in order."""
    data = chunk.data
    find, startswith = data.find, data.startswith
    by_bytes = part.head.format is NATIVE and part.head.is_own
    bounds = bounds_of(span)
    begin = count = 0
    while (end := find(b"\n", begin)) >= 0:
        if (
            by_bytes
            and startswith(NATIVE.before_time, begin)
            and startswith(_BEGINNINGS, begin + TIME_END)
            and data[end - 1] == _BRACE
        ):
            count += 1
            if bounds is None or bounds[0] <= data[begin + TIME_AT : begin + TIME_END] <= bounds[1]:
                yield begin, end, None
        else:
            fields = _parse(data[begin:end], part, chunk.offset + begin, broken, completeness)
            if fields is not None and (bounds is None or _is_within(fields, span)):
                yield begin, end, fields
        begin = end + 1
    completeness.records += count
    if count:
        _see_times(data, completeness)


def _see_times(data: bytes, completeness: Completeness) -> None:
    """Note the times of the first and the last line."""
    last = data.rfind(b"\n", 0, -1) + 1
    for at in (0, last):
        if data.startswith(NATIVE.before_time, at):
            try:
                time_ns = read_time(data[at + TIME_AT : at + TIME_END])
            except ValueError:
                continue
            completeness.see(time_ns, time_ns)


def _parse(
    line: bytes, part: Part, offset: int, broken: Broken, completeness: Completeness
) -> dict[str, Any] | None:
    """Return the record of a line and account for it; None if it is no record."""
    line_format = find_format(line) or part.head.format or NATIVE
    try:
        fields = restore(line_format.name, parse_line(line))
        time_ns = read_time(fields["time"].encode())
        if fields["type"] in EVENTS:
            completeness.see(time_ns, time_ns)
        else:
            completeness.add(fields, "file")
    except NotARecordError as error:
        broken.add_line(part.path, offset, str(error))
        return None
    except MALFORMED:
        broken.add_line(part.path, offset, "is not a record")
        return None
    completeness.records += 1
    return fields


def _is_within(fields: dict[str, Any], span: Span) -> bool:
    return span.has(read_time(fields["time"].encode()))


def journal_events(
    journal: Journal, span: Span, names: Sequence[str], broken: Broken, completeness: Completeness
) -> Iterator[dict[str, Any]]:
    """Yield the records of a journal in a period.

    Events have only the fields `names`, `time` and `type`; `journal.record()` returns the whole one
    until the next is asked for. Raises ExecauditError.
    """
    journal.match()
    begin_ns = journal.begin_ns()
    if begin_ns is not None:
        completeness.begin_ns[journal.name] = begin_ns
    journal.match()
    for _ in journal.entries(span):
        try:
            fields = _entry(journal, names)
            time_ns = read_time(fields["time"].encode())
            if fields["type"] in EVENTS:
                completeness.see(time_ns, time_ns)
            else:
                completeness.add(fields, "journal")
        except MALFORMED:
            broken.add_line(journal.name, 0, f"entry {journal.cursor()} is no record")
            continue
        completeness.records += 1
        if span.has(time_ns):
            yield fields


def _entry(journal: Journal, names: Sequence[str]) -> dict[str, Any]:
    kind = journal.field("type")
    if kind not in (b"exec", b"exit"):
        return journal.record()
    entry = {PREFIX + "TYPE": kind.decode()}
    for name in ("time", *names):
        value = journal.field(name)
        if value is not None:
            entry[PREFIX + name.upper()] = value.decode()
    fields = entry_fields(entry)
    several = fields.keys() & set(REPEATED)
    if several:
        whole = journal.record()
        fields |= {name: whole[name] for name in several}
    return fields
