# SPDX-License-Identifier: Apache-2.0
"""The nodes of a regular expression over bytes, and what they say without running it.

Owns sets of bytes, text that must occur, lengths of matches, and what a match depends on around
it. How long matching may take is the business of `regex_cost`, what text they stand for of
`regex_parser`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

ANY_BYTE = (1 << 256) - 1
UNBOUNDED = 1 << 32
"""More than any expression can ask for."""


class CostlyRegexError(ValueError):
    """Matching could take too long; the message says what causes it."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Exactly one byte.

    Attributes:
        codes: those that match, as bits. Letters stand for both cases, so that expressions that
            ignore case need no care.
        literal: the only one that was written, None where there were several.
        is_open: written as what does not match, or as any. `re` makes one class of alternatives of
            one byte each where none is, and else tries each by itself.

    """

    codes: int
    literal: int | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """A sequence, from `least` to `most` times."""

    least: int
    most: int
    body: "Nodes"
    is_possessive: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several sequences."""

    branches: "tuple[Nodes, ...]"


@dataclass(frozen=True, slots=True)
class Group:
    """A sequence that is captured, or is never tried a second time.

    `number` tells groups apart that look alike: what one captured is not what the other did.
    """

    body: "Nodes"
    number: int
    is_atomic: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    """A look-ahead or look-behind."""

    body: "Nodes"
    is_behind: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position. What stands before or after it matters; `is_start`: nothing is before it."""

    before: bool
    after: bool
    is_start: bool = False


Node = Bytes | Repeat | Branch | Group | Assertion | Anchor
Nodes = tuple[Node, ...]


def codes_of(one_byte: re.Pattern[bytes]) -> int:
    """Return the bytes that an expression for exactly one byte matches, as bits."""
    return sum(1 << code for code in range(256) if one_byte.match(bytes([code])))


def both_cases(codes: int) -> int:
    """Return a set of bytes with both cases of each letter in it."""
    upper = codes >> 65 & (1 << 26) - 1
    lower = codes >> 97 & (1 << 26) - 1
    return codes | (upper | lower) << 65 | (upper | lower) << 97


def sequences_of(node: Node) -> tuple[Nodes, ...]:
    """Return the sequences of nodes below a node."""
    if isinstance(node, Branch):
        return node.branches
    return () if isinstance(node, Bytes | Anchor) else (node.body,)


def walk(nodes: Nodes) -> Iterator[Node]:
    """Yield all nodes, those below included."""
    for node in nodes:
        yield node
        for sequence in sequences_of(node):
            yield from walk(sequence)


def width(nodes: Nodes) -> tuple[int, int]:
    """Return the least and the largest number of bytes that a match has."""
    least = most = 0
    for node in nodes:
        low, high = _node_width(node)
        least, most = least + low, most + high
    return least, most


def _node_width(node: Node) -> tuple[int, int]:
    if isinstance(node, Bytes):
        return 1, 1
    if isinstance(node, Assertion | Anchor):
        return 0, 0
    widths = [width(sequence) for sequence in sequences_of(node)]
    least, most = min(low for low, _ in widths), max(high for _, high in widths)
    return (node.least * least, node.most * most) if isinstance(node, Repeat) else (least, most)


class Surroundings(NamedTuple):
    """Whether a match depends on what stands before or after it.

    Where not, what matches a piece of a text matches the whole text too.
    """

    before: bool
    after: bool


def surroundings(nodes: Nodes) -> Surroundings:
    """Find anchors, word boundaries and assertions."""
    before = after = False
    for node in walk(nodes):
        if isinstance(node, Anchor):
            before, after = before or node.before, after or node.after
        elif isinstance(node, Assertion):
            before, after = before or node.is_behind, after or not node.is_behind
        elif (isinstance(node, Group) and node.is_atomic) or (
            isinstance(node, Repeat) and node.is_possessive
        ):
            after = True  # with more text they might take more and leave none for the rest
    return Surroundings(before, after)


def required_literal(nodes: Nodes) -> bytes:
    """Return the longest text that every match contains, regardless of case; b"" for none."""
    return bytes(max(_literal_runs(nodes, [bytearray()]), key=len))


def _literal_runs(nodes: Nodes, runs: list[bytearray]) -> list[bytearray]:
    for node in nodes:
        if isinstance(node, Bytes) and node.literal is not None:
            runs[-1].append(node.literal)
        elif isinstance(node, Group):
            _literal_runs(node.body, runs)
        elif not isinstance(node, Anchor):
            runs.append(bytearray())
    return runs
