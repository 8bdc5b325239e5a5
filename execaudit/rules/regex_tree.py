# SPDX-License-Identifier: Apache-2.0
"""What the parse tree of a regular expression over bytes tells without running it.

Owns the reading of Python's parse tree (`re._parser`: private, but the same from 3.11 to 3.14, and
held by tests): sets of bytes, text that must occur, what a match depends on around it. How
long matching may take is `regex_cost`'s business.
"""

import functools
import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

ANY_BYTE = (1 << 256) - 1

Node = tuple[Any, Any]
"""(opcode, its arguments), as `re._parser` gives them."""

_parser: Any = importlib.import_module("re._parser")
REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_CATEGORIES = {"DIGIT": rb"\d", "SPACE": rb"\s", "WORD": rb"\w"}


def parse_tree(regex: bytes, flags: int) -> list[Node]:
    """Return the nodes of an expression that `re.compile` accepted."""
    return list(_parser.parse(regex, flags))


def width(regex: bytes, flags: int) -> tuple[int, int]:
    """Return the least and the largest number of bytes that a match has."""
    least, largest = _parser.parse(regex, flags).getwidth()
    return int(least), int(largest)


def opcode(node: Node) -> str:
    """Name of what a node is."""
    return str(node[0])


def byte_set(node: Node) -> int | None:
    """Bytes, as bits, that a node for exactly one byte can match; None for any other node.

    Letters stand for both cases, so that expressions that ignore case need no care.
    """
    code, argument = node
    name = str(code)
    if name == "LITERAL":
        return _both_cases(1 << int(argument))
    if name == "NOT_LITERAL":
        return ANY_BYTE & ~(1 << int(argument))
    if name == "ANY":
        return ANY_BYTE
    if name == "IN":
        return _class_set(argument)
    return None


def _class_set(items: list[Node]) -> int:
    found = 0
    is_negated = False
    for code, argument in items:
        name = str(code)
        if name == "NEGATE":
            is_negated = True
        elif name == "LITERAL":
            found |= 1 << argument
        elif name == "RANGE":
            found |= (1 << argument[1] + 1) - (1 << argument[0])
        else:
            found |= _category_set(str(argument))
    # Of a negated class more bytes, not fewer, must be assumed: no folding before.
    return ANY_BYTE & ~found if is_negated else _both_cases(found)


@functools.cache
def _category_set(name: str) -> int:
    _, _, kind = name.removeprefix("CATEGORY_").rpartition("_")
    matches = re.compile(_CATEGORIES[kind]).match
    found = sum(1 << code for code in range(256) if matches(bytes([code])))
    return ANY_BYTE & ~found if "NOT" in name else found


def _both_cases(codes: int) -> int:
    upper = codes >> 65 & (1 << 26) - 1
    lower = codes >> 97 & (1 << 26) - 1
    return codes | (upper | lower) << 65 | (upper | lower) << 97


def children(node: Node) -> list[list[Node]]:
    """Sequences of nodes below a node."""
    code, argument = node
    name = str(code)
    if name == "SUBPATTERN":
        return [list(argument[3])]
    if name in REPEATS:
        return [list(argument[2])]
    if name == "BRANCH":
        return [list(branch) for branch in argument[1]]
    if name == "ATOMIC_GROUP":
        return [list(argument)]
    if name in ("ASSERT", "ASSERT_NOT"):
        return [list(argument[1])]
    return []


def walk(nodes: list[Node]) -> Iterator[Node]:
    """All nodes, those below included."""
    for node in nodes:
        yield node
        for sequence in children(node):
            yield from walk(sequence)


class Surroundings(NamedTuple):
    """Whether a match depends on what stands before or after it.

    Where not, what matches a piece of a text matches the whole text too.
    """

    before: bool
    after: bool


def surroundings(nodes: list[Node]) -> Surroundings:
    """Find anchors, word boundaries and assertions."""
    before = after = False
    for node in walk(nodes):
        name = opcode(node)
        if name == "AT":
            place = str(node[1])
            before = before or "BEGINNING" in place or "BOUNDARY" in place
            after = after or "END" in place or "BOUNDARY" in place
        elif name in ("ASSERT", "ASSERT_NOT"):
            before = before or node[1][0] < 0
            after = after or node[1][0] > 0
        elif name in ("ATOMIC_GROUP", "POSSESSIVE_REPEAT"):
            after = True  # with more text they might take more and leave none for the rest
    return Surroundings(before, after)


def required_literal(nodes: list[Node]) -> bytes:
    """Return the longest text that every match contains, regardless of case; b"" for none."""
    runs = [bytearray()]

    def follow(sequence: list[Node], end_run: Callable[[], None]) -> None:
        for node in sequence:
            name = opcode(node)
            if name == "LITERAL":
                runs[-1].append(node[1])
            elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
                follow(children(node)[0], end_run)
            elif name == "AT":
                continue
            else:
                end_run()

    follow(nodes, lambda: runs.append(bytearray()))
    return bytes(max(runs, key=len))
