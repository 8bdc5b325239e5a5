# SPDX-License-Identifier: Apache-2.0
"""A log: the live file and its rotated ones, oldest first, and what to read of them for a period.

Owns which file holds which stretch of time. Names and first lines say it, unless the clock was set
or the host rebooted within a file: then a plain file is sampled every 1 MiB, and a compressed one
is read as a whole. Events from the time of a restart come after the daemon's `start` record, so a
little more is read before a period than its events need.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from execaudit.errors import ExecauditError, NoPermission
from execaudit.sinks.rotation import Series
from execaudit.store.broken import Broken
from execaudit.store.chunks import CHUNK_BYTES, Chunk, hold_memory
from execaudit.store.listing import Listing, listings
from execaudit.store.part import Clock, Part
from execaudit.store.pipe import Pipe
from execaudit.store.times import LATEST_NS, SECOND_NS, Span

SLACK_NS = 10 * SECOND_NS
"""The most that events can be out of order by time: batches, held failures, losses."""

BEFORE_BYTES = 8 << 20
"""How much is read before a period: the lines of a full ring buffer."""

_SPLIT_BYTES = 48 << 20
_is_rotated = re.compile(r"\.\d{8}T\d{6}Z(?:-\d+)?(?:\.gz|\.zst)?$").search


class Piece(NamedTuple):
    """The part of a file to read: the lines that begin in a range of its text.

    `stop_ns`: reading may end after an event later than this; None: read all.
    """

    part: Part
    begin: int = 0
    end: int | None = None
    stop_ns: int | None = None

    def chunks(self, broken: Broken) -> Iterator[Chunk]:
        """Yield its lines in chunks of about 1 MiB."""
        line_format = self.part.head.format
        for chunk in self.part.chunks(broken, self.begin, self.end):
            yield chunk
            if self.stop_ns is None or line_format is None:
                continue
            last = chunk.data[chunk.data.rfind(b"\n", 0, -1) + 1 :]
            with contextlib.suppress(ValueError):  # whoever reads the line says that it is broken
                if line_format.is_event(last) and line_format.time_of(last) > self.stop_ns:
                    return

    def split(self, size: int = _SPLIT_BYTES) -> list["Piece"]:
        """Return it as pieces of about `size` bytes, in order, for reading in parallel."""
        if self.part.is_compressed:
            return [self]
        end = self.part.size if self.end is None else self.end
        count = max(-(-(end - self.begin) // size), 1)
        bounds = [self.begin + (end - self.begin) * index // count for index in range(count)]
        ends: list[int | None] = [*bounds[1:], self.end]
        return [self._replace(begin=a, end=b) for a, b in zip(bounds, ends, strict=True)]


class Log:
    """The files of one log, opened.

    Attributes:
        path: path of the live file.
        parts: its files, oldest first.
        broken: files that could not be opened.

    """

    def __init__(self, path: str, parts: Iterable[Part], broken: Broken) -> None:
        self.path = path
        self.parts = list(parts)
        self.broken = broken

    @property
    def begin_ns(self) -> int | None:
        """The time of its first event, the oldest that retention has left; None without events."""
        for part in self.parts:
            if part.head.time_ns is not None:
                return part.head.time_ns
        return None

    def pieces(self, span: Span) -> list[Piece]:
        """Return the pieces to read for a period, oldest first."""
        if span.is_all:
            return [Piece(part) for part in self.parts]
        found: list[Piece] = []
        reaches_end = False
        for index, part in enumerate(self.parts):
            after = self.parts[index + 1] if index + 1 < len(self.parts) else None
            pieces = _pieces_of(part, after, span)
            if not pieces and reaches_end:
                pieces = [_before_events(part)]  # a `start` there may name a gap before it
            reaches_end = bool(pieces) and pieces[-1].end is None
            found += pieces
        return found

    def close(self) -> None:
        """Close all files."""
        _close(self.parts)


def open_log(path: str, broken: Broken | None = None) -> Log:
    """Open a log and all its rotated files.

    The path of a rotated file opens that file alone; "-" is standard input. Files that cannot be
    opened are noted. Raises ExecauditError if there is none at all.
    """
    hold_memory()
    broken = Broken() if broken is None else broken
    series = Series(path)
    listed, parts = Listing(), list[Part]()
    for listed in listings(lambda: _list(series)):
        _close(parts)
        live = _open_live(path, listed.broken)
        if isinstance(live, Pipe):
            return Log(path, [live], broken)
        parts = _open_generations(listed, path)
        parts += listed.keep([] if live is None else [live])
    if not parts:
        why = _why(path, listed.broken)
        if listed.broken.is_denied:
            why = f"{why}; run as root, or as a member of its group"
            raise NoPermission(f"Failed to open '{path}': {why}")
        raise ExecauditError(f"Failed to open '{path}': {why}")
    broken.merge(listed.broken)
    return Log(path, parts, broken)


def _list(series: Series) -> Listing:
    """List the live file and the rotated ones, without those set aside and compressed copies."""
    listed = Listing()
    listed.add(series.path)
    try:
        members = [one.name for one in series.members() if not one.is_torn]
    except OSError as error:
        listed.broken.add_error(series.directory or ".", error)
        return listed
    listed.files |= dict.fromkeys(map(series.full_path, members))
    listed.leave_out_copies()
    return listed


def _open_live(path: str, broken: Broken) -> Part | None:
    try:
        if path == "-" or not _is_regular(path):
            return Pipe(path)
        return Part(path, is_growing=_is_rotated(path) is None)
    except FileNotFoundError:
        return None  # just rotated, or the host keeps rotated files only
    except OSError as error:
        broken.add_error(path, error)
        return None


def _why(path: str, broken: Broken) -> str:
    if broken.named:
        return broken.named[-1].rpartition(": ")[2]
    return os.strerror(2) if not os.path.lexists(path) else "there is nothing to read"


def _is_regular(path: str) -> bool:
    return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - as the rest here


def _open_generations(listed: Listing, live: str) -> list[Part]:
    parts: list[Part] = []
    for path in listed.files:
        if path != live:
            try:
                parts.append(Part(path))
            except (OSError, ExecauditError) as error:
                listed.broken.add_error(path, error)
    return parts


def _close(parts: Iterable[Part]) -> None:
    for part in parts:
        part.close()


def _pieces_of(part: Part, after: Part | None, span: Span) -> list[Piece]:
    """Return the pieces to read of one file; `after` is the next one."""
    head = part.head
    if head.time_ns is None:
        return [Piece(part)]  # its first lines have no time
    end_ns = LATEST_NS if after is None or after.head.time_ns is None else after.head.time_ns
    if not _is_steady(part, head.clock, after):
        return [Piece(part)] if part.is_compressed else _sampled(part, span)
    if not span.meets(head.time_ns - SLACK_NS, min(end_ns + SLACK_NS, LATEST_NS)):
        return []
    if part.is_compressed:
        return [Piece(part, stop_ns=min(span.end_ns + SLACK_NS, LATEST_NS))]
    begin, end = 0, None
    if span.begin_ns > head.time_ns:
        begin = part.find_time(span.begin_ns - SLACK_NS)[0]
        begin = max(begin - BEFORE_BYTES, 0)
    if span.end_ns + SLACK_NS < end_ns:
        _, behind = part.find_time(span.end_ns + SLACK_NS, begin)
        following = part.event_at(behind, part.size)  # records before it may be of the period
        end = None if following is None else following[0]
    return [Piece(part, begin, end)]


def _before_events(part: Part) -> Piece:
    """Return the lines of a file before its first event."""
    first = None if part.is_compressed else part.event_at(0, part.size)
    return Piece(part, 0, 1 if first is None else max(first[0], 1))


def _is_steady(part: Part, clock: Clock | None, after: Part | None) -> bool:
    """Return True if the clock was not set, and the host not rebooted, within a file."""
    if clock is None:
        return False
    if not part.is_compressed:
        return clock.agrees(part.tail_clock())
    return after is not None and clock.agrees(after.head.clock)


def _sampled(part: Part, span: Span) -> list[Piece]:
    """Sample a plain file every 1 MiB; return the ranges that may be of the period."""
    size = part.size
    # What begins after the next sample is found by that one.
    starts = range(0, size, CHUNK_BYTES)
    samples = [part.event_at(at, min(at + CHUNK_BYTES, size)) for at in starts]
    marks = sorted({sample for sample in samples if sample is not None})
    pieces: list[Piece] = []
    for index, (offset, time_ns) in enumerate(marks):
        begin, end = offset if index else 0, None
        if index + 1 < len(marks):
            end, next_ns = marks[index + 1]
            low, high = min(time_ns, next_ns), max(time_ns, next_ns)
            if not span.meets(low - SLACK_NS, high + SLACK_NS):
                continue
        begin = max(begin - BEFORE_BYTES, 0)
        if pieces and (pieces[-1].end or 0) >= begin:
            pieces[-1] = pieces[-1]._replace(end=end)
        else:
            pieces.append(Piece(part, begin, end))
    return pieces
