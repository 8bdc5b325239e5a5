# SPDX-License-Identifier: Apache-2.0
"""How far a log was read: found again after rotation, compression and retention.

Owns naming a file by its first line, which no other file has, and a place in it by the offset.
"""

from typing import NamedTuple

from execaudit.config.digest import sha256
from execaudit.store.broken import Broken
from execaudit.store.log import Log, Piece
from execaudit.store.part import Part

_WHOLE = -1


class Position(NamedTuple):
    """A place in a log.

    Attributes:
        file: SHA-256 of the first line of the file; "" for the beginning of the log.
        offset: in the text of the file; -1 for its end.

    """

    file: str = ""
    offset: int = 0


class Found(NamedTuple):
    """What to read from a position on.

    Attributes:
        pieces: in order.
        end: the position at their end.
        is_gone: the file of the position was removed, and perhaps later ones.

    """

    pieces: list[Piece]
    end: Position
    is_gone: bool


def fingerprint(part: Part) -> str:
    """Return the SHA-256 of a file's first line; "" without a whole line."""
    for chunk in part.chunks(Broken(), 0, 1):
        line, newline, _ = chunk.data.partition(b"\n")
        if newline:
            digest = sha256()
            digest.update(line)
            return str(digest.hexdigest())
    return ""


def read_on(log: Log, position: Position) -> Found:
    """Return what a log has after a position, up to the last whole line now."""
    end = _end_of(log)
    if not position.file:
        return Found([_until(part, 0, end, log) for part in log.parts], end, is_gone=False)
    for index in range(len(log.parts) - 1, -1, -1):
        part = log.parts[index]
        if fingerprint(part) != position.file:
            continue
        later = [_until(each, 0, end, log) for each in log.parts[index + 1 :]]
        if position.offset == _WHOLE:
            return Found(later, end, is_gone=False)
        begin = position.offset
        if not part.is_compressed and begin > part.size:
            begin = 0  # emptied and written again, with the same first line: all of it is new
        return Found([_until(part, begin, end, log), *later], end, is_gone=False)
    return Found([_until(part, 0, end, log) for part in log.parts], end, is_gone=True)


def _end_of(log: Log) -> Position:
    """Return the position behind the last whole line of a log now."""
    for part in reversed(log.parts):
        name = fingerprint(part)
        if not name:
            continue
        if part.is_growing and not part.is_compressed:
            return Position(name, part.end_of_lines())
        return Position(name, _WHOLE)
    return Position()


def _until(part: Part, begin: int, end: Position, log: Log) -> Piece:
    is_last = part is log.parts[-1] and part.is_growing and not part.is_compressed
    # Without a whole line it is not what the end is in: what comes by then is read the next time.
    return Piece(part, begin, max(end.offset, begin) if is_last else None)
