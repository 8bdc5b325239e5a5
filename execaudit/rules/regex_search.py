# SPDX-License-Identifier: Apache-2.0
"""Searching long texts for a regular expression, only where a literal says a match may begin.

Owns which literals these are, and how far they stand from the beginning of a match. A plain search
tries a match at every byte of a text, which takes 30 ns each.
"""

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

from execaudit.rules.regex_literals import (
    BORDER,
    NOTHING,
    WORD_BYTES,
    Literals,
    join_texts,
    texts_of,
)
from execaudit.rules.regex_tree import Nodes, width

Search = Callable[..., "re.Match[bytes] | None"]
"""Takes a text and, if not from its beginning, where to begin."""

_words_in = re.compile(rb"\w+").findall
_LONG = 4096  # bytes: below it a plain search is as fast
_MOST_BEFORE = 64  # bytes between the beginning of a match and the literal
_MOST_STARTS = 4000  # of matches that are tried in one text


class Lead(NamedTuple):
    """Texts near the beginning of matches: every match has one of them.

    Attributes:
        texts: in lower case.
        least, most: bytes from the beginning of the match to the text.

    """

    texts: tuple[bytes, ...]
    least: int
    most: int


def find_lead(nodes: Nodes) -> Lead | None:
    """Return the rarest texts near the beginning of matches, None where there are none."""
    best: Lead | None = None
    begin = at = (0, 0)
    run = NOTHING
    for node in nodes:
        texts = texts_of(node)
        joined = join_texts(run, texts) if texts else texts
        after = at[0] + width((node,))[0], at[1] + width((node,))[1]
        if joined:
            run = joined
        else:
            best = _rarer(best, run, begin)
            begin, run = (at, texts) if texts else (after, NOTHING)
        at = after
        if at[1] > _MOST_BEFORE:
            break
    return _rarer(best, run, begin)


def _rarer(best: Lead | None, run: Literals, begin: tuple[int, int]) -> Lead | None:
    texts = {each.replace(BORDER, b"") for each in run}
    if begin[1] > _MOST_BEFORE or not all(texts):
        return best
    shortest = min(map(len, texts))
    if best is not None and shortest <= min(map(len, best.texts)):
        return best
    return Lead(tuple(sorted(texts)), *begin) if shortest > 1 else best


def make_search(part: re.Pattern[bytes], nodes: Nodes) -> Search:
    """Return a function that finds the first match of a part at or behind an offset."""
    lead = find_lead(nodes)
    if lead is None:
        return part.search
    _, least, most = lead
    texts = [(text, max(_words_in(text), key=len, default=b"")) for text in lead.texts]

    def search(text: bytes, at: int = 0) -> re.Match[bytes] | None:
        if len(text) - at < _LONG:
            return part.search(text, at)
        lowered = _lower(text)
        vocabulary = _vocabulary(lowered)
        starts: set[int] = set()
        for literal, word in texts:
            if word not in vocabulary:
                continue
            found = lowered.find(literal, at + least)
            while found >= 0:
                starts.update(range(max(at, found - most), found - least + 1))
                if len(starts) > _MOST_STARTS:
                    return part.search(text, at)
                found = lowered.find(literal, found + 1)
        match = part.match
        for start in sorted(starts):
            if (result := match(text, start)) is not None:
                return result
        return None

    return search


@functools.lru_cache(maxsize=1)
def _lower(text: bytes) -> bytes:
    """Return a text in lower case. Remembered: several expressions search the same text."""
    return text.lower()


@functools.lru_cache(maxsize=1)
def _vocabulary(text: bytes) -> bytes:
    """Return the words of a text, each once: a part of a word is in it if it is in the text."""
    return b" ".join(set(text.translate(WORD_BYTES).split()))
