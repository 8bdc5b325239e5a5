# SPDX-License-Identifier: Apache-2.0
"""Arguments cut in their middle: what is kept of them, and which gaps they have then.

Owns the arithmetic. Of what is kept, three quarters are from the beginning, as on the kernel side.
The new gap takes in the gaps that lie within it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from execaudit.wire.event import Gap


class Cut(NamedTuple):
    """What is left of arguments.

    Attributes:
        strings: the elements that are kept; an element that the cut divides gives two.
        gaps: all gaps among them.
        head: number of elements before the cut.
        first: index in the uncut arguments of the first element behind the cut.

    """

    strings: list[bytes]
    gaps: list[Gap]
    head: int
    first: int

    def move(self, indexes: Iterable[int]) -> tuple[int, ...]:
        """Return the new indexes of elements, by their indexes before; a cut element has none."""
        return tuple(
            index if index < self.head else index - self.first + self.head
            for index in indexes
            if index < self.head or index >= self.first
        )


def cut_middle(block: bytes, gaps: Sequence[Gap], room: int, reason: str) -> Cut:
    """Keep `room` bytes of a longer block of NUL terminated strings, which has `gaps`.

    `reason` is the new gap's.
    """
    count = block.count(b"\0")
    end = _find_character(block, room - room // 4, -1)
    begin = _find_character(block, len(block) - room // 4, 1)
    if end and not block[end - 1]:
        end -= 1  # the NUL that ends the last argument is missing, not its text
        head = block[:end].split(b"\0")
    else:
        head = block[:end].split(b"\0") if end else []
    tail = block[begin:-1].split(b"\0") if begin < len(block) else []
    first = count - len(tail)
    return Cut(
        head + tail,
        _join_gaps(gaps, Gap(len(head) - 1, begin - end, reason), len(head), first),
        len(head),
        first,
    )


def _find_character(block: bytes, at: int, step: int) -> int:
    """Return `at`, or the next offset in steps of `step` at which a UTF-8 character begins."""
    for _ in range(3):
        if not 0 < at < len(block) or block[at] & 0xC0 != 0x80:
            break
        at += step
    return at


def _join_gaps(gaps: Sequence[Gap], new: Gap, head: int, first: int) -> list[Gap]:
    before: list[Gap] = []
    after: list[Gap] = []
    missing = new.missing_bytes
    for gap in gaps:
        if gap.index < new.index:
            before.append(gap)
        elif gap.index >= first:
            after.append(Gap(gap.index - first + head, gap.missing_bytes, gap.reason))
        elif gap.missing_bytes is None:
            missing = None
        elif missing is not None:
            missing += gap.missing_bytes - 1  # for the NUL between its neighbors
    return [*before, Gap(new.index, missing, new.reason), *after]
