# SPDX-License-Identifier: Apache-2.0
"""Which terms of rules a value lets through, found without trying them one by one.

Owns the tables: terms by value, found when the value is first seen. `pattern_gates` says which
patterns may match it. Every table is bounded.
"""

from collections.abc import Callable, Iterable
from typing import Any

from execaudit.rules.argument_gates import ArgumentGates, choose_literals
from execaudit.rules.condition_tree import SignedCondition
from execaudit.rules.field_values import UNKNOWN, Texts, testable
from execaudit.rules.pattern_gates import PatternGates, is_gated
from execaudit.rules.patterns import Pattern
from execaudit.rules.term_set import TermSet, numbers_in

Wants = tuple[TermSet, tuple[SignedCondition, ...]]
"""Terms, and the conditions that each of them has."""

_MAX_VALUES = 4096
_MAX_BYTES = 8 << 20  # for the sets of one table
LONG_TEXT = 1024
"""Bytes of the longest text whose terms are remembered: a longer one hardly ever comes again."""


class _BoundedTable(dict[Any, TermSet]):
    """Terms by value. Bounded."""

    def __init__(self, max_values: int) -> None:
        super().__init__()
        self._max_values = max_values

    def _keep(self, value: Any, found: TermSet) -> TermSet:
        if _text_bytes(value) <= LONG_TEXT:
            if len(self) >= self._max_values:
                self.clear()
            self[value] = found
        return found


def _text_bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_text_bytes, value))
    return len(value) if isinstance(value, str | bytes) else 0


def _limit_values(all_terms: TermSet) -> int:
    """Return how many values a table may keep so that it stays below _MAX_BYTES."""
    return max(64, min(_MAX_VALUES, _MAX_BYTES // (all_terms.bit_length() // 8 + 64)))


def cheapest_patterns(
    conditions: Iterable[SignedCondition], fits: Callable[[Pattern], bool]
) -> tuple[Pattern, ...]:
    """Return the patterns of the condition that has fewest; () where there is none.

    Only conditions count that must hold, and whose patterns all fit.
    """
    chosen = [
        each.condition.patterns
        for each in conditions
        if each.wanted and each.condition.patterns and all(map(fits, each.condition.patterns))
    ]
    return min(chosen, key=len, default=())


def _opposite_patterns(conditions: tuple[SignedCondition, ...]) -> tuple[Pattern, ...]:
    """Return the patterns of the only condition if it must not hold, else ().

    Nor with a regular expression: for a long text it may give no answer.
    """
    if len(conditions) > 1 or conditions[0].wanted:
        return ()
    patterns = conditions[0].condition.patterns
    is_sure = all(each.kind != "regex" and is_gated(each) for each in patterns)
    return patterns if is_sure else ()


class FieldTable(_BoundedTable):
    """The terms that each value of one field lets through.

    `wants` has the conditions of terms on this field. Keys are values as `field_values` gives them,
    before `testable`.
    """

    def __init__(self, wants: Iterable[Wants], all_terms: TermSet) -> None:
        super().__init__(_limit_values(all_terms))
        self._exact: dict[Any, TermSet] = {}
        self._gates = PatternGates()
        self._gated: list[Wants] = []
        self._opposites = 0
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
        patterns = cheapest_patterns(conditions, is_gated) or _opposite_patterns(conditions)
        if not patterns:
            return False
        if not conditions[0].wanted and len(conditions) == 1:
            self._opposites |= 1 << len(self._gated)
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
            if bits:  # or else `|` copies a large number
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
        if self._opposites:
            if isinstance(tested, bytes):
                for number in numbers_in(self._opposites & ~candidates):
                    found |= self._gated[number][0]
            else:  # something that is not known may match
                candidates |= self._opposites
        for number in numbers_in(candidates):
            bits, conditions = self._gated[number]
            if all(each.holds(tested) for each in conditions):
                found |= bits
        return found


class ArgumentsTable(_BoundedTable):
    """The terms that may match each argument block; the other terms cannot.

    Of each term it takes one condition on arguments that must hold and whose patterns contain a
    text to look up. All texts are looked up at once: most argument blocks come only once.
    """

    def __init__(self, wants: Iterable[Wants], all_terms: TermSet) -> None:
        super().__init__(_limit_values(all_terms) // 2)
        self._words: dict[bytes, TermSet] = {}
        self._gates = ArgumentGates()
        listed = 0
        for bits, conditions in wants:
            texts = [each for each in conditions if each.condition.field in ("argv", "cmdline")]
            literals = choose_literals(texts)
            words = cheapest_patterns([e for e in texts if e.condition.field == "argv"], _is_word)
            if not literals and not words:
                continue
            listed |= bits
            if words and (not literals or len(words) <= len(literals)):
                for pattern in words:
                    self._words[pattern.literal] = self._words.get(pattern.literal, 0) | bits
            else:
                self._gates.add(literals, bits)
        self._without: TermSet = all_terms & ~listed

    def narrow(self, live: TermSet, raw: bytes) -> TermSet:
        """Return the members of `live` that a long argument block may match."""
        lowered = raw.lower()
        found = live & self._without
        found |= self._gates.find_long(lowered[:-1].replace(b"\0", b" "), live & ~found)
        for word in self._words.keys() & lowered[:-1].split(b"\0"):
            found |= live & self._words[word]
        return found

    def __missing__(self, raw: bytes) -> TermSet:
        found = self._without
        if raw:
            lowered = raw[:-1].lower()
            found |= self._gates.find(lowered.replace(b"\0", b" "))
            if self._words:
                for word in self._words.keys() & lowered.split(b"\0"):
                    found |= self._words[word]
        return self._keep(raw, found)


def _is_word(pattern: Pattern) -> bool:
    return pattern.kind == "exact"
