# SPDX-License-Identifier: Apache-2.0
"""Follows a log as it grows, across rotation.

Owns when to look again, and which files came in between. No line is lost or repeated if the file is
renamed and a new one takes its name. If it is emptied in place (copytruncate), lines written
between two looks may be lost.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from execaudit.errors import ExecauditError, failed_call
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.log import open_log
from execaudit.store.part import Part
from execaudit.store.position import fingerprint

INTERVAL_S = 0.2


class Grown(NamedTuple):
    """New lines, and their file."""

    part: Part
    chunk: Chunk


def pause() -> bool:
    """Wait a moment before the next look; return True to go on."""
    time.sleep(INTERVAL_S)
    return True


def follow(
    path: str, broken: Broken, begin: int | None = None, wait: Callable[[], bool] = pause
) -> Iterator[Grown]:
    """Yield lines written to a log from an offset on, by default from its end.

    `wait` is called when there is nothing new; if it returns False, following ends. Raises
    ExecauditError.
    """
    follower = Follower(path, broken, begin)
    try:
        while True:
            yield from follower.poll()
            if not wait():
                return
    finally:
        follower.close()


class Follower:
    """Follows the live file, by default from its end.

    Attributes:
        part: the file; None while there is none.
        offset: how far it was read.

    """

    def __init__(self, path: str, broken: Broken, begin: int | None = None) -> None:
        self._path = path
        self._broken = broken
        self.part = _open(path)
        self.offset = begin or 0
        if begin is None and self.part is not None:
            self.offset = self.part.end_of_lines()

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
        if part is None:
            return
        end = part.end_of_lines()
        if part.size < self.offset:
            self.offset = 0  # emptied in place
        for chunk in part.chunks(self._broken, self.offset, max(end, self.offset)):
            yield Grown(part, chunk)
        self.offset = max(end, self.offset)

    def _is_rotated(self) -> bool:
        """Return True if another file has the name now."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - beside the descriptor's own
        except OSError:
            return False  # not there yet
        if not stat.S_ISREG(status.st_mode):
            return False  # a directory or a pipe is no log
        return self.part is None or (status.st_dev, status.st_ino) != self.part.identity

    def _move_on(self) -> Iterator[Grown]:
        """Yield the lines of files that were rotated since, and go on with the newest file."""
        try:
            parts = open_log(self._path, Broken()).parts
        except ExecauditError:
            return
        first = len(parts) - 1
        if self.part is not None:
            behind = _index_of(parts, self.part)
            first = first if behind is None else behind + 1
            if first == len(parts):  # the new file is gone again
                for part in parts:
                    part.close()
                return
            self.part.close()
        for part in parts[:first]:
            part.close()
        for part in parts[first:-1]:
            for chunk in part.chunks(self._broken):
                yield Grown(part, chunk)
            part.close()
        self.part, self.offset = parts[-1], 0

    def close(self) -> None:
        """Close the file."""
        if self.part is not None:
            self.part.close()


def _open(path: str) -> Part | None:
    try:
        return Part(path, is_growing=True)
    except FileNotFoundError:
        return None  # to be made by the daemon
    except OSError as error:
        raise failed_call(f"open '{path}'", error) from error


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
