# SPDX-License-Identifier: Apache-2.0
"""Which terms of rules a value lets through, found without trying them one by one.

Owns the tables. A set of terms is a Python integer with a bit for each: to combine what several
fields say is one `&` each, whatever the number of rules. What a value lets through is worked out
when it is first seen, and cached; values that only one kind of pattern can match are found by four
bytes of what the pattern must contain. Every table is bounded.
"""

import sys
from array import array
from collections.abc import Callable, Iterable
from typing import Any

from execaudit.rules.condition_tree import SignedCondition
from execaudit.rules.field_values import UNKNOWN, Texts, testable
from execaudit.rules.patterns import Pattern

TermSet = int
"""A bit for each term."""

Wants = tuple[TermSet, tuple[SignedCondition, ...]]
"""Terms, and what each of them asks."""

_MAX_VALUES = 4096
_MAX_BYTES = 8 << 20  # for the sets of one table
_LONG_TEXT = 1024  # longer ones are not worth keeping
_GRAM = 4


class _BoundedTable(dict[Any, TermSet]):
    """Terms by value, worked out when a value is first seen."""

    def __init__(self, max_values: int) -> None:
        super().__init__()
        self._max_values = max_values

    def _keep(self, value: Any, found: TermSet) -> TermSet:
        if _text_bytes(value) <= _LONG_TEXT:
            if len(self) >= self._max_values:
                self.clear()
            self[value] = found
        return found


def _text_bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_text_bytes, value))
    return len(value) if isinstance(value, str | bytes) else 0


class SubstringIndex:
    """Finds terms by text that must occur: each by four bytes of it, or four times four.

    A text that must occur and has seven bytes or more contains, wherever it begins, four bytes that
    lie at a multiple of four. Of these each of the four possible ones is listed, and of the text
    looked at only every fourth position has to be looked up.
    """

    def __init__(self) -> None:
        self._aligned: dict[int, TermSet] = {}
        self._anywhere: dict[int, TermSet] = {}

    def add(self, literal: bytes, bits: TermSet) -> None:
        """List terms under a literal of four bytes or more, in lower case."""
        if len(literal) < 2 * _GRAM - 1:
            _add(self._anywhere, literal[-_GRAM:], bits)
        else:
            # The end of a path or an option tells more than its beginning.
            tail = literal[-(2 * _GRAM - 1) :]
            for shift in range(_GRAM):
                _add(self._aligned, tail[shift : shift + _GRAM], bits)

    def find(self, text: bytes) -> TermSet:
        """Terms whose literal may occur in the text (in lower case)."""
        found = 0
        shifts = _GRAM if self._anywhere else 1 if self._aligned else 0
        for shift in range(shifts):
            grams = set(array("I", text[shift : shift + (len(text) - shift & ~3)]))
            if not shift:
                for gram in self._aligned.keys() & grams:
                    found |= self._aligned[gram]
            for gram in self._anywhere.keys() & grams:
                found |= self._anywhere[gram]
        return found


def _add(table: dict[int, TermSet], gram: bytes, bits: TermSet) -> None:
    number = int.from_bytes(gram, sys.byteorder)
    table[number] = table.get(number, 0) | bits


def _limit_values(all_terms: TermSet) -> int:
    """How many values a table may keep, so that it stays below _MAX_BYTES."""
    return max(64, min(_MAX_VALUES, _MAX_BYTES // (all_terms.bit_length() // 8 + 64)))


class PatternGates:
    """Finds patterns that may match a text: each by the text, by its last component or a part."""

    def __init__(self) -> None:
        self._whole: dict[bytes, TermSet] = {}
        self._names: dict[bytes, TermSet] = {}
        self._parts = SubstringIndex()

    def add(self, pattern: Pattern, bits: TermSet) -> None:
        """List a pattern for which is_gated() is true."""
        if pattern.kind == "exact":
            self._whole[pattern.literal] = self._whole.get(pattern.literal, 0) | bits
        elif name := _last_component(pattern):
            self._names[name] = self._names.get(name, 0) | bits
        else:
            self._parts.add(pattern.literal, bits)

    def find(self, text: bytes) -> TermSet:
        """Return what may match a text in lower case."""
        found = self._parts.find(text)
        if self._whole:
            found |= self._whole.get(text, 0)
        if self._names:
            found |= self._names.get(text.rpartition(b"/")[2], 0)
        return found


def is_gated(pattern: Pattern) -> bool:
    """Return True if PatternGates can find a pattern."""
    is_long = len(pattern.literal) >= _GRAM
    return is_long or pattern.kind == "exact" or bool(_last_component(pattern))


def _last_component(pattern: Pattern) -> bytes:
    """Return what follows the last "/" of every text that matches, as with `**/NAME`."""
    slash, name = pattern.text.rpartition("/")[1:]
    if pattern.kind not in ("glob", "endswith") or not slash:
        return b""
    if pattern.kind == "glob" and any(char in name for char in "*?[]"):
        return b""
    return name.encode("utf-8", "surrogateescape").lower()


def cheapest_patterns(
    conditions: Iterable[SignedCondition], fits: Callable[[Pattern], bool]
) -> tuple[Pattern, ...]:
    """Return patterns, one must match, by the condition that has fewest.

    Conditions count that are wanted and of whose patterns all fit; () where there is none.
    """
    chosen = [
        each.condition.patterns
        for each in conditions
        if each.wanted and each.condition.patterns and all(map(fits, each.condition.patterns))
    ]
    return min(chosen, key=len, default=())


class FieldTable(_BoundedTable):
    """For each value of one field the terms that it lets through.

    Of each term it takes what the term wants of this field. Keys are values as `field_values` gives
    them before they are made `testable`.
    """

    def __init__(self, wants: Iterable[Wants], all_terms: TermSet) -> None:
        super().__init__(_limit_values(all_terms))
        self._exact: dict[Any, TermSet] = {}
        self._gates = PatternGates()
        self._gated: list[Wants] = []
        tests: dict[tuple[tuple[str, bool], ...], Wants] = {}
        listed = 0
        for bits, conditions in wants:
            listed |= bits
            if self._add_exact(bits, conditions):
                continue
            key = tuple((each.condition.shown, each.wanted) for each in conditions)
            tests[key] = (tests.get(key, (0, ()))[0] | bits, conditions)
        self._without = all_terms & ~listed
        self._tests = [wants for wants in tests.values() if not self._gate(*wants)]

    def _add_exact(self, bits: TermSet, conditions: tuple[SignedCondition, ...]) -> bool:
        exacts = conditions[0].condition.exacts
        if len(conditions) > 1 or exacts is None or not conditions[0].wanted:
            return False
        for value in exacts:
            self._exact[value] = self._exact.get(value, 0) | bits
        return True

    def _gate(self, bits: TermSet, conditions: tuple[SignedCondition, ...]) -> bool:
        patterns = cheapest_patterns(conditions, is_gated)
        if not patterns:
            return False
        for pattern in patterns:
            self._gates.add(pattern, 1 << len(self._gated))
        self._gated.append((bits, conditions))
        return True

    def __missing__(self, value: Any) -> TermSet:
        return self._keep(value, self._find(value))

    def _find(self, value: Any) -> TermSet:
        found = self._without
        if value is UNKNOWN:
            return found
        tested = testable(value)
        if self._exact and not isinstance(value, tuple):
            bits = self._exact.get(tested)
            if bits:  # else a copy would be made of what is large
                found |= bits
        for bits, conditions in self._tests:
            if all(each.holds(tested) for each in conditions):
                found |= bits
        return self._find_gated(tested, found) if self._gated else found

    def _find_gated(self, tested: Any, found: TermSet) -> TermSet:
        if isinstance(tested, Texts):
            texts = [*tested.lowered(), *(piece.lower() for piece, _, _ in tested.pieces)]
        else:
            texts = [tested.lower()] if isinstance(tested, bytes) else []
        candidates = 0
        for text in texts:
            candidates |= self._gates.find(text)
        while candidates:
            lowest = candidates & -candidates
            candidates ^= lowest
            bits, conditions = self._gated[lowest.bit_length() - 1]
            if all(each.holds(tested) for each in conditions):
                found |= bits
        return found


class ArgumentsTable(_BoundedTable):
    """For each argument block the terms that may match it: those left out cannot.

    Of each term it takes one condition on arguments that must be true, where there is one whose
    patterns contain a word, or a part of one, to look up. All is looked up at once: of arguments
    that differ a little, most were never seen.
    """

    def __init__(self, wants: Iterable[Wants], all_terms: TermSet) -> None:
        super().__init__(_limit_values(all_terms) // 2)
        self._words: dict[bytes, TermSet] = {}
        self._parts = SubstringIndex()
        listed = 0
        for bits, conditions in wants:
            texts = [each for each in conditions if each.condition.field in ("argv", "cmdline")]
            patterns = cheapest_patterns(texts, lambda pattern: bool(_part_of_word(pattern)))
            words = cheapest_patterns([e for e in texts if e.condition.field == "argv"], _is_word)
            if not patterns and not words:
                continue
            listed |= bits
            if words and (not patterns or len(words) <= len(patterns)):
                for pattern in words:
                    self._words[pattern.literal] = self._words.get(pattern.literal, 0) | bits
            else:
                for pattern in patterns:
                    self._parts.add(_part_of_word(pattern), bits)
        self._without: TermSet = all_terms & ~listed

    def __missing__(self, raw: bytes) -> TermSet:
        found = self._without
        if raw:
            lowered = raw.lower()
            found |= self._parts.find(lowered)
            if self._words:
                for word in self._words.keys() & lowered[:-1].split(b"\0"):
                    found |= self._words[word]
        return self._keep(raw, found)


def _is_word(pattern: Pattern) -> bool:
    return pattern.kind == "exact"


def _part_of_word(pattern: Pattern) -> bytes:
    """Return what lies within one argument even where they are joined; b"" if it is short."""
    part = max(pattern.literal.split(b" "), key=len)
    return part if len(part) >= _GRAM else b""
