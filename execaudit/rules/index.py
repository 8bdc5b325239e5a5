# SPDX-License-Identifier: Apache-2.0
"""Which terms of which rules a value lets through, found without trying them one by one.

Owns the tables. A set of terms is a Python integer with a bit for each: to combine what several
fields say is one `&` each, whatever the number of rules. What a value lets through is worked out
when it is first seen and kept; values that only one kind of pattern can match are found by four
bytes of what the pattern must contain. Every table is bounded.
"""

import sys
from array import array
from collections.abc import Iterable
from typing import Any

from execaudit.rules.conditions import Condition
from execaudit.rules.tree import Literal
from execaudit.rules.values import UNKNOWN, Texts, testable

Bits = int
"""A set of terms."""

_KEPT_VALUES = 4096
_KEPT_BYTES = 8 << 20  # for the sets of one table
_LONG_TEXT = 1024  # longer ones are not worth keeping
_GRAM = 4


class Literals:
    """Finds terms by text that must occur: each by four bytes of it, or four times four.

    A text that must occur and has seven bytes or more contains, wherever it begins, four bytes that
    lie at a multiple of four. Of these each of the four possible ones is listed, and of the text
    looked at only every fourth position has to be looked up.
    """

    def __init__(self) -> None:
        self._aligned: dict[int, Bits] = {}
        self._anywhere: dict[int, Bits] = {}

    def add(self, literal: bytes, bits: Bits) -> bool:
        """List terms under a literal in lower case; False if it is too short for that."""
        if len(literal) < _GRAM:
            return False
        if len(literal) < 2 * _GRAM - 1:
            _add(self._anywhere, literal[-_GRAM:], bits)
        else:
            # The end of a path or an option tells more than its beginning.
            tail = literal[-(2 * _GRAM - 1) :]
            for shift in range(_GRAM):
                _add(self._aligned, tail[shift : shift + _GRAM], bits)
        return True

    def find(self, text: bytes) -> Bits:
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


def _add(table: dict[int, Bits], gram: bytes, bits: Bits) -> None:
    number = int.from_bytes(gram, sys.byteorder)
    table[number] = table.get(number, 0) | bits


def _keep_values(all_terms: Bits) -> int:
    """How many values a table may keep, so that it stays below _KEPT_BYTES."""
    return max(64, min(_KEPT_VALUES, _KEPT_BYTES // (all_terms.bit_length() // 8 + 64)))


class FieldTable(dict[Any, Bits]):
    """For each value of one field the terms that it lets through. Bounded.

    Of each term it takes what the term wants of this field. Keys are values as `rule_values` gives
    them before they are made `testable`.
    """

    def __init__(self, wants: Iterable[tuple[Bits, tuple[Literal, ...]]], all_terms: Bits) -> None:
        super().__init__()
        self.misses = 0
        self._keep = _keep_values(all_terms)
        self._exact: dict[Any, Bits] = {}
        self._literals = Literals()
        self._gated: list[tuple[Bits, Literal]] = []
        tests: dict[tuple[tuple[str, bool], ...], tuple[Bits, tuple[Literal, ...]]] = {}
        listed = 0
        for bits, literals in wants:
            listed |= bits
            if self._add_exact(bits, literals):
                continue
            key = tuple((each.condition.shown, each.wanted) for each in literals)
            tests[key] = (tests.get(key, (0, ()))[0] | bits, literals)
        self._without = all_terms & ~listed
        self._tests = []
        for bits, literals in tests.values():
            if not self._gate(bits, literals):
                self._tests.append((bits, literals))

    def _add_exact(self, bits: Bits, literals: tuple[Literal, ...]) -> bool:
        exacts = literals[0].condition.exacts
        if len(literals) > 1 or exacts is None or not literals[0].wanted:
            return False
        for value in exacts:
            self._exact[value] = self._exact.get(value, 0) | bits
        return True

    def _gate(self, bits: Bits, literals: tuple[Literal, ...]) -> bool:
        patterns = literals[0].condition.patterns
        if len(literals) > 1 or not literals[0].wanted or not patterns:
            return False
        if any(len(pattern.literal) < _GRAM for pattern in patterns):
            return False
        for pattern in patterns:
            self._literals.add(pattern.literal, 1 << len(self._gated))
        self._gated.append((bits, literals[0]))
        return True

    def __missing__(self, value: Any) -> Bits:
        self.misses += 1
        found = self._find(value)
        if not isinstance(value, str) or len(value) <= _LONG_TEXT:
            if len(self) >= self._keep:
                self.clear()
            self[value] = found
        return found

    def _find(self, value: Any) -> Bits:
        found = self._without
        if value is UNKNOWN:
            return found
        tested = testable(value)
        if self._exact and not isinstance(value, tuple):
            bits = self._exact.get(tested)
            if bits:
                found |= bits
        for bits, literals in self._tests:
            if all(literal.holds(tested) for literal in literals):
                found |= bits
        return self._find_gated(tested, found) if self._gated else found

    def _find_gated(self, tested: Any, found: Bits) -> Bits:
        texts = tested.words if isinstance(tested, Texts) else (tested,) if tested else ()
        candidates = 0
        for text in texts:
            candidates |= self._literals.find(text.lower())
        while candidates:
            lowest = candidates & -candidates
            candidates ^= lowest
            bits, literal = self._gated[lowest.bit_length() - 1]
            if literal.holds(tested):
                found |= bits
        return found


class ArgumentsTable(dict[bytes, Bits]):
    """For each argument block the terms that may match it: those left out cannot. Bounded.

    Of each term it takes one condition on arguments that must be true, where there is one whose
    patterns contain a word, or a part of one, to look up. Most words of an argument block were
    seen before, in others.
    """

    def __init__(self, wants: Iterable[tuple[Bits, tuple[Literal, ...]]], all_terms: Bits) -> None:
        super().__init__()
        self._keep = _keep_values(all_terms) // 2
        self._words = _WordTable(self._keep)
        listed = 0
        for bits, literals in wants:
            gates = [each.condition for each in literals if each.wanted and _is_gate(each)]
            if gates:
                listed |= bits
                self._words.add(bits, min(gates, key=lambda gate: len(gate.patterns)))
        self._without: Bits = all_terms & ~listed

    def __missing__(self, raw: bytes) -> Bits:
        found = self._without
        if raw:
            words = self._words
            for word in raw[:-1].split(b"\0"):
                bits = words[word]
                if bits:  # else a copy would be made of what is large
                    found |= bits
        if len(raw) <= _LONG_TEXT:
            if len(self) >= self._keep:
                self.clear()
            self[raw] = found
        return found


class _WordTable(dict[bytes, Bits]):
    """For each argument the terms that it may satisfy. Bounded."""

    def __init__(self, keep: int) -> None:
        super().__init__()
        self._keep = keep
        self._exact: dict[bytes, Bits] = {}
        self._literals = Literals()

    def add(self, bits: Bits, condition: Condition) -> None:
        for pattern in condition.patterns:
            if pattern.exact is not None and condition.field == "argv":
                self._exact[pattern.exact] = self._exact.get(pattern.exact, 0) | bits
            else:
                self._literals.add(_longest_word(pattern.literal), bits)

    def __missing__(self, word: bytes) -> Bits:
        found = self._exact.get(word, 0) | self._literals.find(word.lower())
        if len(word) <= _LONG_TEXT:
            if len(self) >= self._keep:
                self.clear()
            self[word] = found
        return found


def _longest_word(literal: bytes) -> bytes:
    """The longest part that lies within one argument even where they are joined."""
    return max(literal.split(b" "), key=len)


def _is_gate(literal: Literal) -> bool:
    condition = literal.condition
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
