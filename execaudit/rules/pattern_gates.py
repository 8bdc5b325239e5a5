# SPDX-License-Identifier: Apache-2.0
"""Which patterns may match a text, found without trying them one by one.

Owns the look-ups: by the whole text, its beginning or end, its last component, or four bytes that a
match must contain. It says which patterns may match, never which do.
"""

import sys
from array import array

from execaudit.rules.patterns import Pattern
from execaudit.rules.term_set import TermSet

GRAM = 4
"""Bytes that are looked up at a time. Shorter literals are in no index of substrings."""


class SubstringIndex:
    """Finds terms by a literal that must occur: by four bytes of it, or four times four.

    A literal of seven bytes or more contains, wherever it begins in a text, four bytes that lie at
    a multiple of four. All four candidates for these are listed, and only every fourth position of
    the text is looked up.
    """

    def __init__(self) -> None:
        self._aligned: dict[int, TermSet] = {}
        self._anywhere: dict[int, TermSet] = {}

    def add(self, literal: bytes, bits: TermSet) -> None:
        """List terms under a literal of four bytes or more, in lower case."""
        grams = aligned_grams(literal)
        for gram in grams:
            self._aligned[gram] = self._aligned.get(gram, 0) | bits
        if not grams:
            gram = _number(literal[-GRAM:])
            self._anywhere[gram] = self._anywhere.get(gram, 0) | bits

    def find(self, text: bytes) -> TermSet:
        """Return terms whose literal may occur in a text in lower case."""
        found = 0
        shifts = GRAM if self._anywhere else 1 if self._aligned else 0
        for shift in range(shifts):
            grams = set(array("I", text[shift : shift + (len(text) - shift & ~3)]))
            if not shift:
                for gram in self._aligned.keys() & grams:
                    found |= self._aligned[gram]
            for gram in self._anywhere.keys() & grams:
                found |= self._anywhere[gram]
        return found


def aligned_grams(literal: bytes) -> list[int]:
    """Return four pieces of a literal, four bytes each, as numbers; none of a short literal.

    Where a text contains the literal, one of them lies at a multiple of four.
    """
    if len(literal) < 2 * GRAM - 1:
        return []
    # The end of a path or an option is rarer than its beginning.
    tail = literal[1 - 2 * GRAM :]
    return [_number(tail[shift : shift + GRAM]) for shift in range(GRAM)]


def _number(gram: bytes) -> int:
    return int.from_bytes(gram, sys.byteorder)


class PatternGates:
    """Finds patterns that may match a text: each by the text, its last component, or a part."""

    def __init__(self) -> None:
        self._whole: dict[bytes, TermSet] = {}
        self._names: dict[bytes, TermSet] = {}
        self._begins: dict[int, dict[bytes, TermSet]] = {}
        self._ends: dict[int, dict[bytes, TermSet]] = {}
        self._parts = SubstringIndex()

    def add(self, pattern: Pattern, bits: TermSet) -> None:
        """List a pattern for which is_gated() is true."""
        if pattern.kind == "exact":
            self._whole[pattern.literal] = self._whole.get(pattern.literal, 0) | bits
        elif name := _last_component(pattern):
            self._names[name] = self._names.get(name, 0) | bits
        elif pattern.kind == "startswith":
            _add_part(self._begins, pattern.literal[:GRAM], bits)
        elif pattern.kind == "endswith":
            _add_part(self._ends, pattern.literal[-GRAM:], bits)
        else:
            self._parts.add(pattern.literal, bits)

    def find(self, text: bytes) -> TermSet:
        """Return the bits of patterns that may match a text in lower case."""
        found = self._parts.find(text)
        if self._whole:
            found |= self._whole.get(text, 0)
        if self._names:
            found |= self._names.get(text.rpartition(b"/")[2], 0)
        for length, terms in self._begins.items():
            found |= terms.get(text[:length], 0)
        for length, terms in self._ends.items():
            found |= terms.get(text[-length:], 0)
        return found


def _add_part(table: dict[int, dict[bytes, TermSet]], part: bytes, bits: TermSet) -> None:
    terms = table.setdefault(len(part), {})
    terms[part] = terms.get(part, 0) | bits


def is_gated(pattern: Pattern) -> bool:
    """Return True if PatternGates can find a pattern."""
    is_long = len(pattern.literal) >= GRAM
    is_looked_up = pattern.kind in ("exact", "startswith", "endswith")
    return is_long or is_looked_up or bool(_last_component(pattern))


def _last_component(pattern: Pattern) -> bytes:
    """Return what follows the last "/" of every match, as with `**/NAME`; b"" if that varies."""
    slash, name = pattern.text.rpartition("/")[1:]
    if pattern.kind not in ("glob", "endswith") or not slash:
        return b""
    if pattern.kind == "glob" and any(char in name for char in "*?[]"):
        return b""
    return name.encode("utf-8", "surrogateescape").lower()
