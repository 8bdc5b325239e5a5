# SPDX-License-Identifier: Apache-2.0
"""Which terms a long argument block may match, found by searches for a few bytes of each.

Owns the order of these searches, by what they take in 60 KB: 0.4 µs to learn that a byte is
missing, which rules out every pattern that contains it; 5 µs to search for five bytes in text as
people write it, and up to 60 µs where all letters are as frequent, as in base64; 350 µs to look
every fourth position up, for all patterns at once.
"""

from array import array

from execaudit.rules.pattern_gates import GRAM, aligned_grams
from execaudit.rules.regex_literals import WORD_BYTES
from execaudit.rules.term_set import TermSet, numbers_in

NEEDLE_BYTES = 5
"""CPython prepares for longer ones, which takes as long as the search itself (3.11, fastsearch.h).
"""

_MOST_SEARCHES = 12
_MOST_NEEDLES = 500  # to ask of each whether its terms matter takes longer than to look for all
_USUAL = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789/")


class NeedleIndex:
    """Finds terms by text that must occur, for the terms that matter only."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, bytes], int] = {}
        self._needles: list[bytes] = []
        self._terms: list[TermSet] = []
        self._with_byte: dict[int, int] = {}
        self._aligned: dict[int, int] = {}
        self._with_word: dict[bytes, int] = {}
        self._rest = 0

    def add(self, literal: bytes, bits: TermSet, word: bytes = b"") -> None:
        """List terms under a literal in lower case, which is not empty.

        `word`: stands in the text as a word, where the literal does; b"" for none known.
        """
        number = self._numbers.setdefault((literal, word), len(self._needles))
        if number < len(self._needles):
            self._terms[number] |= bits
            return
        self._needles.append(choose_needle(literal))
        self._terms.append(bits)
        for byte in set(literal):
            self._with_byte[byte] = self._with_byte.get(byte, 0) | 1 << number
        grams = aligned_grams(literal)
        for gram in grams:
            self._aligned[gram] = self._aligned.get(gram, 0) | 1 << number
        if word and not grams:
            self._with_word[word] = self._with_word.get(word, 0) | 1 << number
        elif not grams:
            self._rest |= 1 << number

    def find(self, text: bytes, live: TermSet) -> TermSet:
        """Return members of `live` whose literal may occur in the text (in lower case)."""
        found = 0
        is_there: dict[bytes, bool] = {}  # several literals have the same needle
        for number in self._choose(text, live):
            terms = self._terms[number] & live
            if terms & ~found:
                needle = self._needles[number]
                if needle not in is_there:
                    is_there[needle] = needle in text
                if is_there[needle]:
                    found |= terms
        return found

    def _choose(self, text: bytes, live: TermSet) -> list[int]:
        """Return the literals that are worth a search."""
        missing = 0
        for byte, literals in self._with_byte.items():
            if byte not in text:
                missing |= literals
        possible = ((1 << len(self._needles)) - 1) & ~missing
        if len(self._needles) <= _MOST_NEEDLES:
            chosen = [number for number in numbers_in(possible) if self._terms[number] & live]
            if len({self._needles[number] for number in chosen}) <= _MOST_SEARCHES:
                return chosen
        possible &= self._seen_in(text)
        return [number for number in numbers_in(possible) if self._terms[number] & live]

    def _seen_in(self, text: bytes) -> int:
        """Return the literals that four bytes of the text at once, or a word, do not rule out."""
        seen = self._rest
        for gram in self._aligned.keys() & array("I", text[: len(text) & -GRAM]):
            seen |= self._aligned[gram]
        if self._with_word:
            for word in self._with_word.keys() & text.translate(WORD_BYTES).split():
                seen |= self._with_word[word]
        return seen


def choose_needle(literal: bytes) -> bytes:
    """Return the part of a literal that is likely to be missing: the one with least usual bytes."""
    parts = [
        literal[begin : begin + NEEDLE_BYTES]
        for begin in range(max(1, len(literal) - NEEDLE_BYTES + 1))
    ]
    # The end of a path or an option tells more than its beginning.
    return min(reversed(parts), key=lambda part: sum(byte in _USUAL for byte in part))
