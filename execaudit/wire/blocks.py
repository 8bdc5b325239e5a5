# SPDX-License-Identifier: Apache-2.0
"""Puts an argument or environment block together from its pieces, and says what is missing.

Owns the arithmetic of gaps. A block is `total` bytes long; of it the budget kept [0, head) and
[tail, total).
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from execaudit.wire.event import Gap


class Chunk(NamedTuple):
    """A piece of a block that came before its record; `data` is empty where it was unreadable."""

    area: int  # AREA_ARGV or AREA_ENV
    offset: int  # in the block, in bytes
    wanted: int  # its length, in bytes
    data: bytes


class Block(NamedTuple):
    """What arrived of an argument or environment block in the record itself."""

    inline: bytes
    total: int
    head: int
    tail: int


class Piece(NamedTuple):
    """A contiguous stretch of a block that arrived."""

    offset: int
    data: bytes


class Hole(NamedTuple):
    """Missing bytes [begin, end) of a block, and why."""

    begin: int
    end: int
    reason: str  # "budget", "ring" or "unreadable"


def assemble(block: Block, chunks: Iterable[Chunk]) -> tuple[list[Piece], list[Hole]]:
    """Return pieces in order, neighbors joined, and the holes between and behind them.

    `chunks` are the chunks of this block in any order; one that lies outside the block is ignored.
    """
    inline, total, head, tail = block
    found = [(0, len(inline), inline)] if inline else []
    found += [(c.offset, c.wanted, c.data) for c in chunks if c.offset + c.wanted <= total]
    found.sort(key=lambda item: item[0])
    runs: list[tuple[int, list[bytes]]] = []
    holes: list[Hole] = []
    at = 0
    is_joined = False
    for offset, wanted, data in found:
        if offset < at:
            continue
        if offset > at:
            holes += _explain(at, offset, head, tail)
            is_joined = False
        at = offset + wanted
        if len(data) != wanted:
            holes.append(Hole(offset, at, "unreadable"))
            is_joined = False
        elif is_joined:
            runs[-1][1].append(data)
        else:
            runs.append((offset, [data]))
            is_joined = True
    holes += _explain(at, total, head, tail)
    return [Piece(offset, b"".join(parts)) for offset, parts in runs], holes


def _explain(begin: int, end: int, head: int, tail: int) -> list[Hole]:
    """Say why [begin, end) is missing: the budget took [head, tail), the full ring the rest."""
    cuts = sorted({begin, end, *(cut for cut in (head, tail) if begin < cut < end)})
    return [Hole(a, b, "budget" if head <= a and b <= tail else "ring") for a, b in pairwise(cuts)]


def split_strings(pieces: list[Piece], holes: list[Hole]) -> tuple[list[bytes], list[Gap]]:
    """Return the NUL terminated strings of the pieces, and where among them each hole lies.

    Without holes these are exactly the block's strings, empty ones included. A string that a hole
    cuts gives two elements, its beginning and its end.
    """
    strings: list[bytes] = []
    gaps: list[Gap] = []
    parts: list[tuple[int, Piece | Hole]] = [(p.offset, p) for p in pieces]
    parts += [(hole.begin, hole) for hole in holes]
    parts.sort(key=lambda item: item[0])
    is_ended = False
    for _, part in parts:
        if isinstance(part, Hole):
            # The gap begins at the end of the text before it, whose NUL is not shown either.
            missing = part.end - part.begin + is_ended
            is_ended = False
            gaps.append(Gap(len(strings) - 1, missing, part.reason))
            continue
        texts = part.data.split(b"\0")
        is_ended = part.data.endswith(b"\0")
        if is_ended:
            texts.pop()
        strings += texts
    return strings, gaps


def join_strings(strings: Iterable[bytes]) -> bytes:
    """Return a block of NUL terminated strings."""
    return b"".join([string + b"\0" for string in strings])
