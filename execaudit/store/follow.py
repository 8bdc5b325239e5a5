# SPDX-License-Identifier: Apache-2.0
"""Follows a log as it grows, across rotation.

Owns when to look again, and which files came in between. No line is lost or repeated if the file is
renamed and a new one takes its name. If it is emptied in place (copytruncate), or removed, lines
written since the last look may be lost, which is noted.
"""

import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from execaudit.errors import ExecauditError
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.log import Log, open_log
from execaudit.store.part import Part
from execaudit.store.pipe import Pipe
from execaudit.store.position import fingerprint

INTERVAL_S = 0.2
_BEGINNING_BYTES = 128  # of a first line, with its time: no other file begins so


class Grown(NamedTuple):
    """New lines, and their file."""

    part: Part
    chunk: Chunk


def pause() -> bool:
    """Wait a moment before the next look; return True to go on."""
    time.sleep(INTERVAL_S)
    return True


class Follower:
    """Follows an open log from where it ends now. The log itself is read up to there only.

    Attributes:
        part: the file; None for a pipe, which is not followed.
        offset: how far it was read.

    """

    def __init__(self, log: Log, broken: Broken) -> None:
        self._path = log.path
        self._broken = broken
        self._beginning = b""
        self._before = _stem_of(log.parts[-2]) if len(log.parts) > 1 else ""
        self.part: Part | None = None
        self.offset = 0
        last = log.parts[-1]
        if not isinstance(last, Pipe):
            self.part = last.twin()
        if not last.is_compressed:
            self.offset = last.end_of_lines()
            self._beginning = os.pread(last.fd, _BEGINNING_BYTES, 0)
        if last.is_growing:
            last.limit = self.offset

    def poll(self) -> Iterator[Grown]:
        """Yield all new lines."""
        yield from self._take()
        while self._is_rotated():
            yield from self._take()  # what was written between the look and the rename
            before = self.part
            yield from self._move_on()
            if self.part is before:
                return  # the new file cannot be opened; the next look tries again
            yield from self._take()

    def _take(self) -> Iterator[Grown]:
        """Yield the new lines of the file."""
        part = self.part
        if part is None or part.is_compressed:
            return
        beginning = os.pread(part.fd, _BEGINNING_BYTES, 0)
        is_same = part.size >= self.offset and beginning.startswith(self._beginning)
        if self.offset and not is_same:
            self.offset = 0
            self._broken.add_file(
                part.path, "was emptied while it was followed; its last lines may be missing"
            )
        self._beginning = beginning
        at, end = self.offset, part.end_of_lines()
        if at >= end:
            return
        for chunk in part.chunks(self._broken, at, end):
            at = chunk.offset + len(chunk.data)
            yield Grown(part, chunk)
        self.offset = end if part.size >= end else at  # emptied while it was read

    def _is_rotated(self) -> bool:
        """Return True if another file has the name now."""
        if self.part is None:
            return False
        try:
            status = os.stat(self._path)  # noqa: PTH116 - beside the descriptor's own
        except OSError:
            return False  # not there yet
        if not stat.S_ISREG(status.st_mode):
            return False  # a directory or a pipe is no log
        return (status.st_dev, status.st_ino) != self.part.identity

    def _move_on(self) -> Iterator[Grown]:
        """Yield the lines of files that were rotated since, and go on with the newest file."""
        noted, read = Broken(), self.part
        try:
            parts = open_log(self._path, noted).parts
        except ExecauditError:
            return
        first = 0 if read is None else self._first_behind(read, parts)
        for part in parts[:first]:
            part.close()
        if first == len(parts):
            return  # the new file is gone again
        self._broken.merge(noted)
        self.close()
        for part in parts[first:-1]:
            yield from self._whole(part)
            part.close()
        self.part, self.offset, self._beginning = parts[-1], 0, b""
        self._before = _stem_of(parts[-2]) if len(parts) > 1 else ""
        if self.part.is_compressed:
            yield from self._whole(self.part)

    def _whole(self, part: Part) -> Iterator[Grown]:
        for chunk in part.chunks(self._broken):
            yield Grown(part, chunk)

    def _first_behind(self, part: Part, parts: list[Part]) -> int:
        """Return the index of the first file behind the one that was read."""
        behind = _index_of(parts, part)
        if behind is not None:
            return behind + 1
        stems = [_stem_of(each) for each in parts]
        if self._before in stems:
            return stems.index(self._before) + 1  # others have moved or removed it
        if not os.fstat(part.fd).st_nlink:
            self._broken.add_file(
                part.path, "was removed while it was followed; what came next may be missing"
            )
        return 0

    def close(self) -> None:
        """Close the file."""
        if self.part is not None:
            self.part.close()


def _stem_of(part: Part) -> str:
    """Return the path of a file without the suffix of compression."""
    return part.path.removesuffix(".gz").removesuffix(".zst")


def _index_of(parts: list[Part], part: Part) -> int | None:
    """Return the index of a file among others, also after it was compressed; None if missing."""
    for index, each in enumerate(parts):
        if each.identity == part.identity:
            return index
    name = fingerprint(part)
    for index, each in enumerate(parts[:-1]):
        if name and fingerprint(each) == name:
            return index
    return None
