# SPDX-License-Identifier: Apache-2.0
"""Which terms an argument block may satisfy, by the texts that their patterns cannot match without.

Owns the choice of one condition for each term, and where its texts are looked up: whole words in
one table, longer texts by four bytes of them, all others one by one. Blocks are in lower case, with
spaces between the arguments: a text may reach over several arguments.
"""

from collections.abc import Iterable

from execaudit.rules.condition_tree import SignedCondition
from execaudit.rules.long_text import NeedleIndex
from execaudit.rules.pattern_gates import GRAM, SubstringIndex
from execaudit.rules.patterns import Pattern
from execaudit.rules.regex_literals import WORD_BYTES, bounded_word, longest_part, usefulness
from execaudit.rules.term_set import TermSet


class ArgumentGates:
    """Finds terms by lists of texts: one of each list must occur."""

    def __init__(self) -> None:
        self._words: dict[bytes, TermSet] = {}
        self._parts = SubstringIndex()
        self._rest: list[tuple[bytes, TermSet]] = []
        self._needles = NeedleIndex()

    def add(self, literals: Iterable[bytes], bits: TermSet) -> None:
        """List terms under literals, which are not empty."""
        for literal in literals:
            word, part = bounded_word(literal), longest_part(literal)
            self._needles.add(part, bits, word)
            if word and len(part) < len(word) + GRAM:
                self._words[word] = self._words.get(word, 0) | bits
            elif len(part) >= GRAM:
                self._parts.add(part, bits)
            else:
                self._rest.append((part, bits))

    def find(self, text: bytes) -> TermSet:
        """Return terms that may hold for a text in lower case, with spaces between arguments."""
        found = self._parts.find(text)
        if self._words:
            for word in self._words.keys() & text.translate(WORD_BYTES).split():
                found |= self._words[word]
        for part, bits in self._rest:
            if part in text:
                found |= bits
        return found

    def find_long(self, text: bytes, live: TermSet) -> TermSet:
        """Return the members of `live` that may hold for a long text in lower case."""
        return self._needles.find(text, live)


def choose_literals(conditions: Iterable[SignedCondition]) -> tuple[bytes, ...]:
    """Return texts: if all conditions hold, at least one occurs; () where none are known."""
    chosen = [
        found
        for each in conditions
        if each.wanted and (found := _literals_of(each.condition.patterns))
    ]
    return max(chosen, key=usefulness, default=())


def _literals_of(patterns: tuple[Pattern, ...]) -> tuple[bytes, ...]:
    found = [each.literals or ((each.literal,) if each.literal else ()) for each in patterns]
    return tuple(dict.fromkeys(one for each in found for one in each)) if all(found) else ()
