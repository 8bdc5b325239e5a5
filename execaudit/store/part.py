# SPDX-License-Identifier: Apache-2.0
"""One file of a log: plain or compressed, read in chunks, searched by time.

Owns what the first lines of a file say, and finding a time in a plain file by bisection with reads
of 8 KiB. Only execs and exits count for that: the daemon's own records may be written long after
their time.
"""

import contextlib
import copy
import json
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from execaudit.errors import ExecauditError
from execaudit.formats.content import COMPRESSED
from execaudit.records.text import dumps
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk, next_line, read_range, read_stream
from execaudit.store.decompression import open_compressed
from execaudit.store.line_formats import LineFormat, find_format
from execaudit.store.times import SECOND_NS, read_time

_STEP_BYTES = 8 << 10
_HEAD_BYTES = 256 << 10
_HEAD_LINES = 64


class Clock(NamedTuple):
    """The boot of a record, and how far its wall clock was ahead of the time since boot."""

    boot: str
    offset_ns: int

    def agrees(self, other: "Clock | None") -> bool:
        """Return True if no step of a second or more is between two records."""
        return (
            other is not None
            and self.boot == other.boot
            and abs(self.offset_ns - other.offset_ns) < SECOND_NS
        )


class Head(NamedTuple):
    """What the first lines of a file say.

    Attributes:
        format: the format of its lines; None if it is none of ours.
        is_own: our encoder has written its lines, so they can be searched for literals.
        time_ns: time of the first exec or exit; None if there is none.
        clock: clock of the first exec that shows it.
        first: the first line, which no other file has; b"" without a whole one.

    """

    format: LineFormat | None = None
    is_own: bool = False
    time_ns: int | None = None
    clock: Clock | None = None
    first: bytes = b""


class Part:
    """An open file. It can be read to its end after others have moved or removed it.

    Attributes:
        path: its path when it was opened.
        is_growing: it is being written to.
        is_compressed: it can be read from its beginning only.
        limit: offset in a plain file from which lines are left out; None for no limit.

    Raises OSError, or ExecauditError if it is not a regular file.

    """

    def __init__(self, path: str, *, is_growing: bool = False) -> None:
        self.path = path
        self.is_growing = is_growing
        self.is_compressed = path.endswith(COMPRESSED)
        self.limit: int | None = None
        self._head: Head | None = None
        # O_NONBLOCK: a FIFO must not block us. fstat tells if it is one.
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        status = os.fstat(self.fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self.fd)
            raise ExecauditError(f"Failed to read '{path}': it is not a regular file")
        self.identity = status.st_dev, status.st_ino
        # A half line of the end may be taken back.
        self._lines_end = self.end_of_lines() if is_growing else status.st_size

    @property
    def size(self) -> int:
        """Bytes on the disk, now."""
        return os.fstat(self.fd).st_size

    def chunks(self, broken: Broken, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """Yield the lines that begin in a range of the file's text.

        Errors go to `broken`. In a compressed file, which is read from its beginning, both offsets
        must be beginnings of lines.
        """

        def note(offset: int, problem: str) -> None:
            broken.add_line(self.path, offset, problem)

        try:
            if not self.is_compressed:
                stop = min((each for each in (end, self.limit) if each is not None), default=None)
                yield from read_range(self.fd, begin, stop, note, is_growing=self.is_growing)
                if self.size < self._lines_end and (end is None or self.size < end):
                    broken.add_file(self.path, "was emptied while it was read")
                return
            with self._open_text() as stream:
                for data, offset in read_stream(stream, note):
                    if end is not None and offset >= end:
                        return
                    if offset >= begin:
                        yield Chunk(data, offset)
                    elif offset + len(data) > begin:
                        yield Chunk(data[begin - offset :], begin)
        except (OSError, EOFError, ExecauditError) as error:
            broken.add_error(self.path, error)

    def _open_text(self) -> BinaryIO:
        """Open the text of a compressed file at its beginning, also after it was moved."""
        return open_compressed(f"/proc/self/fd/{self.fd}", self.path[-4:])

    @property
    def head(self) -> Head:
        """What its first lines say. They are read once."""
        if self._head is None:
            self._head = read_head(self._first_lines())
        return self._head

    def _first_lines(self) -> list[bytes]:
        try:
            if not self.is_compressed:
                data = os.pread(self.fd, _STEP_BYTES, 0)
                if data.count(b"\n") < 2:
                    data = os.pread(self.fd, _HEAD_BYTES, 0)
            else:
                with self._open_text() as stream:
                    data = stream.read(_STEP_BYTES * 8)
        except (OSError, EOFError, ExecauditError):
            return []
        return data.split(b"\n")[:-1][:_HEAD_LINES]

    def tail_clock(self) -> Clock | None:
        """Return the clock of the last record of a plain file that shows one; None without."""
        for step in (_STEP_BYTES * 2, _HEAD_BYTES):
            begin = max(self.size - step, 0)
            lines = os.pread(self.fd, step, begin).split(b"\n")
            for line in reversed(lines[1:] if begin else lines):
                clock = read_clock(line)
                if clock is not None:
                    return clock
        return None

    def end_of_lines(self) -> int:
        """Return the offset behind the last newline of a plain file."""
        end = self.size
        while end:
            begin = max(end - _HEAD_BYTES, 0)
            newline = os.pread(self.fd, end - begin, begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            end = begin
        return 0

    # -- by time, in plain files ----------------------------------------------------------------

    def find_time(self, time_ns: int, begin: int = 0, end: int | None = None) -> tuple[int, int]:
        """Return two offsets, between which the first event at or after a time begins.

        Times must grow from `begin` to `end`. All events before the first offset are earlier; none
        from the second on is, unless that is `end`.
        """
        low, high = begin, self.size if end is None else end
        while high - low > _STEP_BYTES:
            middle = (low + high) // 2
            found = self.event_at(middle, high)
            if found is None:
                high = middle
            elif found[1] < time_ns:
                low = found[0]
            else:
                high = middle
        return low, high

    def event_at(self, offset: int, end: int) -> tuple[int, int] | None:
        """Return offset and time of the first event from `offset` on, before `end`, if any."""
        line_format = self.head.format
        if line_format is None:
            return None
        at = next_line(self.fd, offset - 1) if offset else 0
        while at < end:
            beginning = os.pread(self.fd, line_format.type_at + 8, at)
            if line_format.is_event(beginning):
                with contextlib.suppress(ValueError):
                    return at, line_format.time_of(beginning)
            if not beginning:
                break
            at = next_line(self.fd, at)
        return None

    def twin(self) -> "Part":
        """Return the same file, open a second time, and without a limit."""
        twin = copy.copy(self)
        twin.fd, twin.limit = os.dup(self.fd), None
        return twin

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)


def read_head(lines: list[bytes]) -> Head:
    """Return what the first lines of a file say."""
    formats = [each for each in map(find_format, lines) if each is not None]
    first = lines[0] if lines else b""
    if not formats:
        return Head(first=first)
    line_format = formats[0]
    is_own = True
    time_ns = clock = None
    for line in lines:
        if not line_format.fits(line):
            continue
        is_own = is_own and _is_own_spelling(line)
        if line_format.is_event(line):
            try:
                time_ns = line_format.time_of(line) if time_ns is None else time_ns
            except ValueError:
                continue
            clock = read_clock(line)
            if clock is not None:
                break
    return Head(line_format, is_own, time_ns, clock, first)


def _is_own_spelling(line: bytes) -> bool:
    try:
        return dumps(json.loads(line)) == line
    except (ValueError, RecursionError):
        return True  # a broken line says nothing about the other lines


def read_clock(line: bytes) -> Clock | None:
    """Return the clock of an event: it has the start of its process by two clocks. None without."""
    line_format = find_format(line)
    if line_format is None or not line_format.is_event(line):
        return None
    try:
        record = json.loads(line)
        if line_format.name == "ecs":
            identity, start = record["process"]["entity_id"], record["process"]["start"]
            boot = record["host"]["boot"]["id"].replace("-", "")
        elif line_format.name == "ocsf":
            actor = record["process"]
            identity, start_ms = actor["uid"], actor["created_time"]
            return Clock(record["device"]["boot_uid"], start_ms * 10**6 - _since_boot(identity))
        else:
            identity, start, boot = record["id"], record["start"], record["boot"]
        return Clock(boot, read_time(start.encode()) - _since_boot(identity))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None


def _since_boot(identity: str) -> int:
    return int(identity.split("-")[2], 16)
