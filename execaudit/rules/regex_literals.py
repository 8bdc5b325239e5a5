# SPDX-License-Identifier: Apache-2.0
"""Texts that matches of a regular expression contain: at least one of a list.

Owns how alternatives, optional parts and small classes become a list of texts, and which of several
lists rules out most. It runs nothing.
"""

import re
from collections.abc import Iterable

from execaudit.rules.regex_tree import Anchor, Branch, Bytes, Node, Nodes, Repeat

BORDER = b"\0"
"""Byte of a literal for a border of a word. No argument has this byte."""

WORD_BYTES = (
    bytes(code if chr(code).isalnum() or code == ord("_") else ord(" ") for code in range(128))
    + b" " * 128
)
"""Translation of all bytes to spaces that `\\w` does not match in an expression over bytes."""

Literals = frozenset[bytes]
"""Texts in lower case, one of them occurs; empty where none are known."""

NO_LITERALS: Literals = frozenset()
NOTHING: Literals = frozenset({b""})
_BORDER: Literals = frozenset({BORDER})
_MOST_LITERALS = 64
_MOST_CODES = 3
_ENOUGH = 8  # bytes: longer literals rule out no more
_WORD_CODES = sum(1 << code for code in range(128) if re.match(rb"\w", bytes([code])))
_WORD = re.compile(rb"(?<=\W)\w+(?=\W)")


def required_literals(nodes: Nodes, before: Literals = NOTHING) -> Literals:
    """Return the literals that rule out most; every match contains one of them.

    `before`: texts, one of them stands right before the match.
    """
    best, run = NO_LITERALS, before
    for node in nodes:
        texts = texts_of(node)
        joined = join_texts(run, texts) if texts else NO_LITERALS
        if joined:
            run = joined
            continue
        border = _BORDER if all(each.endswith(BORDER) for each in run) else NOTHING
        if _is_border((node,)):
            run = join_texts(run, _BORDER)
        best = max(best, _without_empty(run), _within(node, border), key=usefulness)
        run = texts or (_BORDER if _is_border((node,), at_end=True) else NOTHING)
    return max(best, _without_empty(run), key=usefulness)


def usefulness(literals: Iterable[bytes]) -> tuple[int, int]:
    """Return a key that is larger the fewer texts contain one of these literals."""
    literals = list(literals)
    return min((_rarity(each) for each in literals), default=0), -len(literals)


def _rarity(literal: bytes) -> int:
    word = bounded_word(literal)
    return min(_ENOUGH, max(len(longest_part(literal)), len(word) + 2 if word else 0))


def longest_part(literal: bytes) -> bytes:
    """Return the longest text in a literal, which has no borders."""
    return max(literal.split(BORDER), key=len)


def bounded_word(literal: bytes) -> bytes:
    """Return the longest word in a literal that has a border on either side; b"" for none."""
    return max(_WORD.findall(literal), key=len, default=b"")


def _without_empty(run: Literals) -> Literals:
    return run if all(longest_part(each) for each in run) else NO_LITERALS


def join_texts(before: Literals, after: Literals) -> Literals:
    """Return each text of `before` with each of `after` behind it, empty where that is too much."""
    if len(before) * len(after) > _MOST_LITERALS:
        return NO_LITERALS
    return frozenset(one + other for one in before for other in after)


def texts_of(node: Node) -> Literals:
    """Return all that a node can match, empty where that is too much."""
    if isinstance(node, Bytes):
        return _codes_of(node)
    if isinstance(node, Anchor):
        return _BORDER if node.is_border or node.is_start else NOTHING
    if isinstance(node, Branch):
        found = [_texts_of_all(each) for each in node.branches]
        joined = frozenset[bytes]().union(*found) if all(found) else NO_LITERALS
        return joined if len(joined) <= _MOST_LITERALS else NO_LITERALS
    if node.most == 1:
        texts = _texts_of_all(node.body)
        return texts | NOTHING if texts and not node.least else texts
    return NO_LITERALS


def _texts_of_all(nodes: Nodes) -> Literals:
    run = NOTHING
    for node in nodes:
        run = join_texts(run, texts_of(node))
        if not run:
            break
    return run


def _codes_of(node: Bytes) -> Literals:
    if node.literal is not None:
        return frozenset({bytes([node.literal]).lower()})
    if node.codes.bit_count() > 2 * _MOST_CODES:
        return NO_LITERALS
    codes = {bytes([code]).lower() for code in range(256) if node.codes >> code & 1}
    return frozenset(codes) if len(codes) <= _MOST_CODES else NO_LITERALS


def _is_border(nodes: Nodes, *, at_end: bool = False) -> bool:
    """Return True if no match begins (`at_end`: ends) with a byte of a word."""
    if not nodes:
        return False
    edge, rest = (nodes[-1], nodes[:-1]) if at_end else (nodes[0], nodes[1:])
    if isinstance(edge, Bytes):
        return not edge.codes & _WORD_CODES
    if isinstance(edge, Anchor):
        return edge.is_border or edge.is_start
    if isinstance(edge, Branch):
        return all(_is_border(each, at_end=at_end) for each in edge.branches)
    is_there = edge.least > 0 or _is_border(rest, at_end=at_end)
    return is_there and _is_border(edge.body, at_end=at_end)


def _within(node: Node, before: Literals) -> Literals:
    """Return literals of parts of a node that every match of it needs."""
    if isinstance(node, Branch):
        found = [required_literals(each, before) for each in node.branches]
        joined = frozenset[bytes]().union(*found) if all(found) else NO_LITERALS
        return joined if len(joined) <= _MOST_LITERALS else NO_LITERALS
    if isinstance(node, Repeat) and node.least:
        return required_literals(node.body, before if node.most == 1 else NOTHING)
    return NO_LITERALS
