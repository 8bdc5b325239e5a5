# SPDX-License-Identifier: Apache-2.0
"""Which records of a chunk match, for a reader that goes through all of them.

Owns relating the hits of a search in a chunk to the lines of the chunk.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from execaudit.query.scan import Question, Scanner
from execaudit.rules.condition_tree import Node
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.completeness import Completeness
from execaudit.store.part import Part
from execaudit.store.times import Span

if TYPE_CHECKING:
    from execaudit.query.needles import Alternatives

IsMatch = Callable[[int], bool]
"""Takes the offset of a record's line in its chunk; calls must be in order."""

_NEWLINE = ord("\n")


class LineMatcher:
    """Says which records match a condition."""

    def __init__(self, node: Node, span: Span) -> None:
        question = Question(node, span)
        self.wants_order = question.wants_programs
        # The reader of the chunk accounts for losses and broken lines.
        self._scanner = Scanner(question, Broken(), Completeness(span))
        self._needles: dict[int, Alternatives] = {}  # of the file that is being read

    def matcher(self, chunk: Chunk, part: Part) -> IsMatch:
        """Return a function that tells which records of a chunk match."""
        head, needles = part.head, self._needles.get(id(part))
        if needles is None and head.format is not None:
            needles = self._scanner.choose(chunk, head.format, is_own=head.is_own)
            self._needles = {id(part): needles}
        hits = self._scanner.chunk_hits(chunk, part, needles or ())
        begins = _begins(chunk.data, (hit.line for hit in hits))
        following = next(begins, None)

        def is_match(begin: int) -> bool:
            nonlocal following
            while following is not None and following < begin:
                following = next(begins, None)
            return following == begin

        return is_match

    def matches(self, record: dict[str, Any]) -> bool:
        """Return True if a record matches. Raises one of errors.MALFORMED."""
        return self._scanner.matches(record)


def _begins(data: bytes, lines: Iterator[bytes]) -> Iterator[int]:
    """Yield the offsets of lines, which are in a chunk in this order."""
    at = 0
    for line in lines:
        at = data.find(line + b"\n", at)
        while at > 0 and data[at - 1] != _NEWLINE:
            at = data.find(line + b"\n", at + 1)
        if at < 0:
            return
        yield at
        at += len(line)
