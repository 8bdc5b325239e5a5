# SPDX-License-Identifier: Apache-2.0
"""Puts an argument or environment block together again from its pieces, and says what is missing.

Owns the arithmetic of gaps. A block is `total` bytes long; of it the budget kept [0, head) and
[tail, total).
"""

from itertools import pairwise
from typing import Any, NamedTuple

from execaudit.wire.decode import Chunk


class Piece(NamedTuple):
    """A contiguous stretch of a block that arrived."""

    offset: int
    data: bytes


class Gap(NamedTuple):
    """Missing bytes [begin, end) of a block, and why."""

    begin: int
    end: int
    reason: str  # "budget", "ring" or "unreadable"


def assemble(
    inline: bytes, total: int, head: int, tail: int, chunks: list[Chunk]
) -> tuple[list[Piece], list[Gap]]:
    """Pieces in order, neighbours joined, and the gaps between and behind them.

    `chunks` are those of this block in any order; one that lies outside the block is ignored.
    """
    found = [(0, len(inline), inline)] if inline else []
    found += [(c.offset, c.wanted, c.data) for c in chunks if c.offset + c.wanted <= total]
    found.sort(key=lambda item: item[0])
    runs: list[tuple[int, list[bytes]]] = []
    gaps: list[Gap] = []
    at = 0
    is_joined = False
    for offset, wanted, data in found:
        if offset < at:
            continue
        if offset > at:
            gaps += _explain(at, offset, head, tail)
            is_joined = False
        at = offset + wanted
        if len(data) != wanted:
            gaps.append(Gap(offset, at, "unreadable"))
            is_joined = False
        elif is_joined:
            runs[-1][1].append(data)
        else:
            runs.append((offset, [data]))
            is_joined = True
    gaps += _explain(at, total, head, tail)
    return [Piece(offset, b"".join(parts)) for offset, parts in runs], gaps


def _explain(begin: int, end: int, head: int, tail: int) -> list[Gap]:
    """What is missing in [begin, end): the budget took [head, tail), the full ring the rest."""
    cuts = sorted({begin, end, *(cut for cut in (head, tail) if begin < cut < end)})
    return [Gap(a, b, "budget" if head <= a and b <= tail else "ring") for a, b in pairwise(cuts)]


def split_strings(pieces: list[Piece], gaps: list[Gap]) -> tuple[list[bytes], list[dict[str, Any]]]:
    """NUL terminated strings of the pieces, and for each gap where it lies among them.

    Without gaps these are exactly the block's strings, empty ones included. A string that a gap
    cuts gives two elements, its beginning and its end. Gaps come as the members of
    `truncated.argv` in docs/record.md; index -1 is a gap before the first element.
    """
    strings: list[bytes] = []
    marks: list[dict[str, Any]] = []
    parts: list[tuple[int, Piece | Gap]] = [(p.offset, p) for p in pieces]
    parts += [(g.begin, g) for g in gaps]
    parts.sort(key=lambda item: item[0])
    is_ended = False
    for _, part in parts:
        if isinstance(part, Gap):
            missing = part.end - part.begin
            # The gap begins at the end of the text before it, whose NUL is not shown either.
            missing += is_ended
            is_ended = False
            index = len(strings) - 1
            marks.append({"index": index, "missing_bytes": missing, "reason": part.reason})
            continue
        texts = part.data.split(b"\0")
        is_ended = part.data.endswith(b"\0")
        if is_ended:
            texts.pop()
        strings += texts
    return strings, marks
