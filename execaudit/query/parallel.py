# SPDX-License-Identifier: Apache-2.0
"""Scans pieces of logs on all processors; the hits come in the order of the pieces.

Owns the child processes: each takes every n-th piece and sends its hits through a pipe, which
blocks it until its turn. If a child dies, its pieces are noted as unreadable.
"""

import contextlib
import json
import mmap
import os
import signal
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from execaudit.query.scan import Hit, Question, Scanner
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness, Missing
from execaudit.store.log import Piece
from execaudit.store.times import Span

if TYPE_CHECKING:
    from tempfile import SpooledTemporaryFile

LEAST_BYTES = 32 << 20
"""With less to read, another process costs more than it saves."""

_FRAME = struct.Struct("<qi")  # time and length; length -1: a JSON report follows as a frame
_END = -1
_BUFFER_BYTES = 256 << 10
_IN_MEMORY_BYTES = 4 << 20
_SLOT = struct.Struct("<q")


class Progress:
    """Counts the bytes scanned, by all processes together."""

    def __init__(self, slots: int) -> None:
        self._memory = mmap.mmap(-1, max(slots, 1) * _SLOT.size)
        self._slots = slots

    def add(self, slot: int, size: int) -> None:
        """Note that a process has scanned `size` more bytes."""
        at = slot * _SLOT.size
        _SLOT.pack_into(self._memory, at, _SLOT.unpack_from(self._memory, at)[0] + size)

    @property
    def bytes(self) -> int:
        """All that was scanned."""
        return sum(_SLOT.unpack_from(self._memory, at * _SLOT.size)[0] for at in range(self._slots))


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


class Search:
    """Scans pieces for a question.

    Attributes:
        broken: what could not be read; complete once all hits were taken.
        completeness: what was read; complete once all hits were taken.
        count: how many matched; complete once all hits were taken.
        progress: bytes scanned so far.

    """

    def __init__(
        self, question: Question, broken: Broken, completeness: Completeness, workers: int = 1
    ) -> None:
        self._question = question
        self.broken = broken
        self.completeness = completeness
        self.count = 0
        self._workers = 1 if question.wants_programs else workers
        self.progress = Progress(self._workers)

    def hits(
        self, pieces: Sequence[Piece], *, reverse: bool = False, count_only: bool = False
    ) -> Iterator[Hit]:
        """Yield the hits of all pieces, in order or backwards; with `count_only` yield none."""
        ordered = list(reversed(pieces)) if reverse else list(pieces)
        workers = min(self._workers, len(ordered))
        if self._question.wants_programs and reverse:
            found = _backwards(self._serial(pieces, reverse=False))
        elif workers < 2 or sum(map(bytes_of, ordered)) < LEAST_BYTES:
            found = self._serial(ordered, reverse=reverse)
        else:
            yield from self._parallel(ordered, workers, reverse=reverse, count_only=count_only)
            return
        for hit in found:
            self.count += 1
            if not count_only:
                yield hit

    def _serial(self, pieces: Sequence[Piece], *, reverse: bool) -> Iterator[Hit]:
        if not reverse:
            scanner = self._scanner(0, self.broken, self.completeness)
            for piece in pieces:
                yield from scanner.hits(piece)
            return
        for piece in pieces:
            before = Completeness(self._question.span)
            scanner = self._scanner(0, self.broken, before)
            yield from _in_order(scanner, piece, reverse=True, done=partial(self._merge, before))

    def _merge(self, before: Completeness) -> None:
        self.completeness.merge(before, is_before=True)

    def _scanner(self, slot: int, broken: Broken, completeness: Completeness) -> Scanner:
        scanner = Scanner(self._question, broken, completeness)
        scanner.on_chunk = lambda size: self.progress.add(slot, size)
        return scanner

    def _parallel(
        self, pieces: list[Piece], workers: int, *, reverse: bool, count_only: bool
    ) -> Iterator[Hit]:
        children: list[tuple[int, BinaryIO]] = []
        try:
            for slot in range(workers):
                children.append(self._fork(pieces, slot, workers, children, reverse, count_only))
            for index, piece in enumerate(pieces):
                yield from self._receive(children[index % workers][1], piece, reverse=reverse)
        except GeneratorExit:
            for pid, _ in children:  # nobody wants the rest
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            for _, stream in children:
                stream.close()
            for pid, _ in children:
                os.waitpid(pid, 0)

    def _fork(
        self,
        pieces: list[Piece],
        slot: int,
        workers: int,
        children: list[tuple[int, BinaryIO]],
        reverse: bool,
        count_only: bool,
    ) -> tuple[int, BinaryIO]:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid:
            os.close(write_end)
            return pid, os.fdopen(read_end, "rb", buffering=_BUFFER_BYTES)
        status = 1
        try:
            os.close(read_end)
            for _, stream in children:
                os.close(stream.fileno())
            with os.fdopen(write_end, "wb", buffering=_BUFFER_BYTES) as out:
                for piece in pieces[slot::workers]:
                    self._send(out, slot, piece, reverse=reverse, count_only=count_only)
            status = 0
        except BrokenPipeError:
            status = 0
        finally:
            os._exit(status)

    def _send(
        self, out: BinaryIO, slot: int, piece: Piece, *, reverse: bool, count_only: bool
    ) -> None:
        broken, completeness = Broken(), Completeness(self._question.span)
        scanner = self._scanner(slot, broken, completeness)
        count = 0
        for time_ns, line in _in_order(scanner, piece, reverse=reverse):
            count += 1
            if not count_only:
                out.write(_FRAME.pack(time_ns, len(line)))
                out.write(line)
        report = json.dumps({"count": count} | account_as_json(broken, completeness)).encode()
        out.write(_FRAME.pack(len(report), _END))
        out.write(report)
        out.flush()

    def _receive(self, stream: BinaryIO, piece: Piece, *, reverse: bool) -> Iterator[Hit]:
        while True:
            frame = stream.read(_FRAME.size)
            if len(frame) < _FRAME.size:
                self.broken.add_file(piece.part.path, "the process that read it ended early")
                return
            number, size = _FRAME.unpack(frame)
            if size != _END:
                yield Hit(number, stream.read(size))
                continue
            report = json.loads(stream.read(number))
            self.count += report["count"]
            found, other = read_account(report, self._question.span)
            self.broken.merge(found)
            self.completeness.merge(other, is_before=reverse)
            return


def bytes_of(piece: Piece) -> int:
    """Return about how many bytes of text a piece has."""
    if piece.part.is_compressed:
        return piece.part.size * 8
    return (piece.part.size if piece.end is None else piece.end) - piece.begin


def _in_order(
    scanner: Scanner, piece: Piece, *, reverse: bool, done: Callable[[], None] = lambda: None
) -> Iterator[Hit]:
    """Yield the hits of a piece; `done` is called when it has been read."""
    if not reverse:
        yield from scanner.hits(piece)
        done()
        return
    yield from _backwards(scanner.hits(piece), done)


def _make_spool() -> "SpooledTemporaryFile[bytes]":
    """Make a file without a name, which is in memory while it is small."""
    from tempfile import SpooledTemporaryFile  # noqa: PLC0415 - it takes long to load

    return SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)


def _backwards(hits: Iterator[Hit], done: Callable[[], None] = lambda: None) -> Iterator[Hit]:
    """Yield hits in reverse; many of them wait in a file without a name."""
    with _make_spool() as spool:
        times, ends = array("q"), array("q")
        end = 0
        for time_ns, line in hits:
            spool.write(line)
            end += len(line)
            times.append(time_ns)
            ends.append(end)
        done()
        for index in range(len(ends) - 1, -1, -1):
            begin = ends[index - 1] if index else 0
            spool.seek(begin)
            yield Hit(times[index], spool.read(ends[index] - begin))


def account_as_json(broken: Broken, completeness: Completeness) -> dict[str, Any]:
    """Return the account of what was read, in a form for another process."""
    return {
        "broken": [broken.lines, list(broken.unread), broken.named],
        "records": completeness.records,
        "times": [completeness.first_ns, completeness.last_ns],
        "missing": list(map(list, completeness.missing)),
        "stopped": completeness.stopped_ns,
    }


def read_account(account: dict[str, Any], span: Span) -> tuple[Broken, Completeness]:
    """Return the account of another process."""
    broken = Broken()
    broken.lines, unread, broken.named = account["broken"]
    broken.unread = dict.fromkeys(unread)
    completeness = Completeness(span)
    completeness.records = account["records"]
    completeness.first_ns, completeness.last_ns = account["times"]
    completeness.missing = [Missing(*each) for each in account["missing"]]
    completeness.stopped_ns = account["stopped"]
    return broken, completeness


def spooled(hits: Iterator[Hit]) -> Iterator[Hit]:
    """Take all hits now, and return an iterator over them, from a file without a name."""
    spool = _make_spool()
    for time_ns, line in hits:
        spool.write(_FRAME.pack(time_ns, len(line)))
        spool.write(line)
    spool.seek(0)

    def again() -> Iterator[Hit]:
        with contextlib.closing(spool):
            while frame := spool.read(_FRAME.size):
                time_ns, size = _FRAME.unpack(frame)
                yield Hit(time_ns, spool.read(size))

    return again()
