# SPDX-License-Identifier: Apache-2.0
"""What of an exec can be new to a host: bits of an Event, and words of its record.

Owns the order of the words, which numbers the bits. The baseline decides what is new.
"""

from collections.abc import Iterable

from execaudit.records.vocabulary.kinds import FIRST_SEEN_WORDS

WORDS = FIRST_SEEN_WORDS

EXE, FILE, PAIR, USER = (1 << index for index in range(len(WORDS)))


def words_of(bits: int) -> list[str]:
    """Return the words for the bits of an Event."""
    return [word for index, word in enumerate(WORDS) if bits >> index & 1]


def bits_of(words: Iterable[str]) -> int:
    """Return the bits for the words of a record. Raises ValueError for an unknown word."""
    return sum(1 << WORDS.index(word) for word in set(words))


def values_with(words: Iterable[str]) -> list[int]:
    """Return every value of Event.first_seen that has one of the words."""
    asked = bits_of(words)
    return [bits for bits in range(1 << len(WORDS)) if bits & asked]
