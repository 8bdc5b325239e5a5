# SPDX-License-Identifier: Apache-2.0
"""Arguments cut in their middle: what is kept of them, and which gaps they have then.

Owns the arithmetic. Three quarters of what is kept are the beginning, as the kernel side does; the
new gap takes up those that lie within it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from execaudit.wire.event import Gap


class Cut(NamedTuple):
    """What is left of arguments.

    Attributes:
        strings: the elements that are kept; one that the cut goes through gives two.
        gaps: all gaps that they have.
        head: how many elements stand before the cut.
        first: the index, before, of the one whose end, or all of it, stands behind the cut.

    """

    strings: list[bytes]
    gaps: list[Gap]
    head: int
    first: int

    def move(self, indexes: Iterable[int]) -> tuple[int, ...]:
        """Return the indexes by which the elements that are kept are known now."""
        return tuple(
            index if index < self.head else index - self.first + self.head
            for index in indexes
            if index < self.head or index >= self.first
        )


def cut_middle(block: bytes, gaps: Sequence[Gap], room: int, reason: str) -> Cut:
    """Keep `room` bytes of a block of NUL terminated strings, which is longer."""
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
    """Where a character begins at `at`, or next to it in a direction."""
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
