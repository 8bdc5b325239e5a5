# SPDX-License-Identifier: Apache-2.0
"""Which terms of which rules a value lets through, found without trying them one by one.

Owns the tables. A set of terms is a Python integer with a bit for each: to combine what several
fields say is one `&` each, whatever the number of rules. What a value lets through is worked out
when it is first seen, and cached; values that only one kind of pattern can match are found by four
bytes of what the pattern must contain. Every table is bounded.
"""

import sys
from array import array
from collections.abc import Iterable
from typing import Any

from execaudit.rules.condition_tree import SignedCondition
from execaudit.rules.conditions import Condition
from execaudit.rules.field_values import UNKNOWN, Texts, testable

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
        if not isinstance(value, str | bytes) or len(value) <= _LONG_TEXT:
            if len(self) >= self._max_values:
                self.clear()
            self[value] = found
        return found


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
        if self._aligned:
            grams = array("I", text[: len(text) & ~3])
            if not self._aligned.keys().isdisjoint(grams):
                for gram in self._aligned.keys() & set(grams):
                    found |= self._aligned[gram]
        if self._anywhere:
            for shift in range(_GRAM):
                grams = array("I", text[shift : shift + (len(text) - shift & ~3)])
                for gram in self._anywhere.keys() & set(grams):
                    found |= self._anywhere[gram]
        return found


def _add(table: dict[int, TermSet], gram: bytes, bits: TermSet) -> None:
    number = int.from_bytes(gram, sys.byteorder)
    table[number] = table.get(number, 0) | bits


def _limit_values(all_terms: TermSet) -> int:
    """How many values a table may keep, so that it stays below _MAX_BYTES."""
    return max(64, min(_MAX_VALUES, _MAX_BYTES // (all_terms.bit_length() // 8 + 64)))


class FieldTable(_BoundedTable):
    """For each value of one field the terms that it lets through.

    Of each term it takes what the term wants of this field. Keys are values as `field_values` gives
    them before they are made `testable`.
    """

    def __init__(self, wants: Iterable[Wants], all_terms: TermSet) -> None:
        super().__init__(_limit_values(all_terms))
        self._exact: dict[Any, TermSet] = {}
        self._substrings = SubstringIndex()
        self._gated: list[tuple[TermSet, SignedCondition]] = []
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
        patterns = conditions[0].condition.patterns
        if len(conditions) > 1 or not conditions[0].wanted or not patterns:
            return False
        if any(len(pattern.literal) < _GRAM for pattern in patterns):
            return False
        for pattern in patterns:
            self._substrings.add(pattern.literal, 1 << len(self._gated))
        self._gated.append((bits, conditions[0]))
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
        texts = tested.words if isinstance(tested, Texts) else (tested,) if tested else ()
        candidates = 0
        for text in texts:
            candidates |= self._substrings.find(text.lower())
        while candidates:
            lowest = candidates & -candidates
            candidates ^= lowest
            bits, condition = self._gated[lowest.bit_length() - 1]
            if condition.holds(tested):
                found |= bits
        return found


class ArgumentsTable(_BoundedTable):
    """For each argument block the terms that may match it: those left out cannot.

    Of each term it takes one condition on arguments that must be true, where there is one whose
    patterns contain a word, or a part of one, to look up. Most words of an argument block were
    seen before, in others.
    """

    def __init__(self, wants: Iterable[Wants], all_terms: TermSet) -> None:
        super().__init__(_limit_values(all_terms) // 2)
        self._words = _WordTable(self._max_values)
        listed = 0
        for bits, conditions in wants:
            gates = [
                each.condition for each in conditions if each.wanted and _is_gate(each.condition)
            ]
            if gates:
                listed |= bits
                self._words.add(bits, min(gates, key=lambda gate: len(gate.patterns)))
        self._without: TermSet = all_terms & ~listed

    def __missing__(self, raw: bytes) -> TermSet:
        found = self._without
        if raw:
            words = self._words
            for word in raw[:-1].split(b"\0"):
                bits = words[word]
                if bits:
                    found |= bits
        return self._keep(raw, found)


class _WordTable(_BoundedTable):
    """For each argument the terms that it may satisfy."""

    def __init__(self, max_values: int) -> None:
        super().__init__(max_values)
        self._exact: dict[bytes, TermSet] = {}
        self._substrings = SubstringIndex()

    def add(self, bits: TermSet, condition: Condition) -> None:
        for pattern in condition.patterns:
            if pattern.exact is not None and condition.field == "argv":
                self._exact[pattern.exact] = self._exact.get(pattern.exact, 0) | bits
            else:
                self._substrings.add(_longest_word(pattern.literal), bits)

    def __missing__(self, word: bytes) -> TermSet:
        return self._keep(word, self._exact.get(word, 0) | self._substrings.find(word.lower()))


def _longest_word(literal: bytes) -> bytes:
    """The longest part that lies within one argument even where they are joined."""
    return max(literal.split(b" "), key=len)


def _is_gate(condition: Condition) -> bool:
    # What is asked of the environment is not to be found among the arguments.
    return (
        condition.field != "env"
        and bool(condition.patterns)
        and all(
            len(_longest_word(pattern.literal)) >= _GRAM
            or (condition.field == "argv" and pattern.exact is not None)
            for pattern in condition.patterns
        )
    )
