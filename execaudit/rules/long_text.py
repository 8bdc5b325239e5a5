# SPDX-License-Identifier: Apache-2.0
"""Which terms a long argument block may match, found by searches for a few bytes of each.

Owns the order of these searches, by their cost in 60 KB: 0.4 µs to learn that a byte is missing,
which rules out every pattern that contains it; 5 µs to search for five bytes in usual text, up to
60 µs where all letters are equally frequent, as in base64; 350 µs to look up every fourth position,
for all patterns at once.
"""

from array import array
from collections.abc import Iterator

from execaudit.rules.pattern_gates import GRAM, aligned_grams
from execaudit.rules.regex_literals import WORD_BYTES
from execaudit.rules.term_set import TermSet, numbers_in

NEEDLE_BYTES = 5
"""For longer ones CPython builds a table, as slow as the search itself (fastsearch.h of 3.11)."""

_MOST_SEARCHES = 12
_MOST_SETS = 64
_USUAL = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789/")


class NeedleIndex:
    """Finds terms by texts that must occur, only for terms that can still hold."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, bytes], int] = {}
        self._needles: list[bytes] = []
        self._terms: list[TermSet] = []
        self._with_byte: dict[int, int] = {}
        self._aligned: dict[int, int] = {}
        self._with_word: dict[bytes, int] = {}
        self._in_parts = self._as_words = 0
        self._by_terms: dict[TermSet, int] = {}

    def add(self, literal: bytes, bits: TermSet, word: bytes = b"") -> None:
        """List terms under a literal in lower case, which is not empty.

        `word`: a whole word of every text that contains the literal; b"" where none is known.
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
        if grams:
            self._in_parts |= 1 << number
        elif word:
            self._with_word[word] = self._with_word.get(word, 0) | 1 << number
            self._as_words |= 1 << number

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

    def _choose(self, text: bytes, live: TermSet) -> Iterator[int]:
        """Yield the numbers of literals that are worth a search."""
        missing = 0
        for byte, literals in self._with_byte.items():
            if byte not in text:
                missing |= literals
        wanted = self._needles_of(live) & ~missing
        if wanted.bit_count() > _MOST_SEARCHES:
            wanted &= self._seen_in(text, wanted)
        return numbers_in(wanted)

    def _needles_of(self, live: TermSet) -> int:
        """Return the literals of terms, a bit for each."""
        known = self._by_terms.get(live)
        if known is None:
            if len(self._by_terms) >= _MOST_SETS:
                self._by_terms.clear()
            known = sum(1 << n for n, terms in enumerate(self._terms) if terms & live)
            self._by_terms[live] = known
        return known

    def _seen_in(self, text: bytes, wanted: int) -> int:
        """Return the literals that neither four bytes at a time nor the words of the text rule out.

        Such a pass takes longer than a few searches: with few literals there is none.
        """
        seen = ~self._in_parts & ~self._as_words
        if (wanted & self._in_parts).bit_count() <= _MOST_SEARCHES:
            seen |= self._in_parts
        else:
            for gram in self._aligned.keys() & array("I", text[: len(text) & -GRAM]):
                seen |= self._aligned[gram]
        if (wanted & self._as_words).bit_count() <= _MOST_SEARCHES:
            seen |= self._as_words
        else:
            for word in self._with_word.keys() & text.translate(WORD_BYTES).split():
                seen |= self._with_word[word]
        return seen


def choose_needle(literal: bytes) -> bytes:
    """Return the part of a literal that is most likely missing: with the fewest usual bytes."""
    parts = [
        literal[begin : begin + NEEDLE_BYTES]
        for begin in range(max(1, len(literal) - NEEDLE_BYTES + 1))
    ]
    # The end of a path or an option is rarer than its beginning.
    return min(reversed(parts), key=lambda part: sum(byte in _USUAL for byte in part))
