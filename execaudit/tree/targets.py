# SPDX-License-Identifier: Apache-2.0
"""Which processes a tree is for: by identity, number or match; without any, all.

Owns sorting the words of the command line, and which records of a chunk they mean.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from execaudit.errors import InvalidArgument
from execaudit.query.line_matcher import IsMatch, LineMatcher
from execaudit.rules.condition_tree import Node
from execaudit.store.chunks import Chunk
from execaudit.store.part import Part
from execaudit.store.times import ALWAYS, Span
from execaudit.tree.lineage import Ancestor, Lineage, process_of

_PROCESS = re.compile(r"[0-9a-f]{12}-[0-9a-f]+-[0-9a-f]+(-[0-9a-f]+)?").fullmatch
_LARGEST_PID = 4_194_304  # PID_MAX_LIMIT, include/linux/threads.h
_MOST_DIGITS = 64  # Python converts no number of many thousands


class Words(NamedTuple):
    """The words of the command line, sorted: identities, numbers, matches."""

    keys: frozenset[bytes]
    pids: frozenset[int]
    matches: list[str]


def read_words(words: Sequence[str]) -> Words:
    """Return words sorted into identities, numbers and matches. Raises InvalidArgument."""
    keys: set[bytes] = set()
    pids: set[int] = set()
    matches: list[str] = []
    for word in words:
        found = _PROCESS(word)
        if found:
            keys.add(process_of(word.encode()) if found[1] else word.encode())
        elif word.isascii() and word.isdigit():
            if len(word) > _MOST_DIGITS or not 0 < int(word) <= _LARGEST_PID:
                raise InvalidArgument(f"Failed to use process {word}: there is no such number")
            pids.add(int(word))
        else:
            matches.append(word)
    return Words(frozenset(keys), frozenset(pids), matches)


class Targets:
    """Which processes are asked for."""

    def __init__(
        self, keys: frozenset[bytes], pids: frozenset[int], node: Node | None, span: Span
    ) -> None:
        self._keys = keys
        self._pids = pids
        self._pid_texts = frozenset(b"%d" % pid for pid in pids)
        self.is_everything = not keys and not pids and node is None
        self._matcher = None if node is None else LineMatcher(node, span)

    def has_process(self, lineage: Lineage | Ancestor) -> bool:
        """Return True for a process that was asked for by its number or identity."""
        return lineage.key in self._keys or lineage.pid in self._pids

    def has_found(self, key: bytes, pid: bytes) -> bool:
        """Return True for such a process, by the bytes of a line."""
        return key in self._keys or pid in self._pid_texts

    def matcher(self, chunk: Chunk, part: Part) -> IsMatch:
        """Return a function that tells which records of a chunk match."""
        if self._matcher is None:
            return lambda _: self.is_everything
        return self._matcher.matcher(chunk, part)

    def matches(self, record: Callable[[], dict[str, Any]]) -> bool:
        """Return True if a record matches. Raises one of errors.MALFORMED."""
        return self.is_everything if self._matcher is None else self._matcher.matches(record())


NOTHING = Targets(frozenset((b"",)), frozenset(), None, ALWAYS)
"""Asks for no process at all."""
