# SPDX-License-Identifier: Apache-2.0
"""The syntax of Python's regular expressions over bytes, as far as rules accept it.

Owns the step from text that `re.compile` accepted to nodes. Python's own parser is private to `re`.
What nodes say about matching is the business of `regex_tree`. References to groups are refused:
nothing bounds the time that they take.
"""

import re
from typing import NamedTuple

from execaudit.rules.regex_tree import (
    ANY_BYTE,
    UNBOUNDED,
    Anchor,
    Assertion,
    Branch,
    Bytes,
    CostlyRegexError,
    Group,
    Node,
    Nodes,
    Repeat,
    both_cases,
    codes_of,
)


def byte_node(codes: int) -> Bytes:
    """Make the node for one byte of a set, given as bits, in either case."""
    is_single = codes.bit_count() == 1
    return Bytes(both_cases(codes), codes.bit_length() - 1 if is_single else None)


ONE_BYTE = Bytes(ANY_BYTE, is_open=True)
"""Any byte."""

_REPEAT = re.compile(rb"([*+?])|\{(?!\})([0-9]*)(,?)([0-9]*)\}")
_GROUP = re.compile(
    rb"\((?:\?(?P<flags>[aiLmsux]*(?:-[imsx]+)?)(?P<scope>[:)])"
    rb"|\?#[^)]*(?P<comment>\))"
    rb"|\?(?P<kind><?[=!]|>)"
    rb"|\?(?P<reference>P=|\()"
    rb"|(?:\?P<[^>]*>)?)"
)
_BLANK = re.compile(rb"(?:[ \t\n\r\v\f]|#[^\n]*)*")
_OCTAL = re.compile(rb"0[0-7]{0,2}|[0-3][0-7]{2}")
_OCTAL_IN_CLASS = re.compile(rb"[0-7]{1,3}")
_ESCAPES = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
_CLASSES = {code: codes_of(re.compile(b"\\" + bytes([code]))) for code in b"dDsSwW"}
_ANCHORS = {
    ord("A"): Anchor(before=True, after=False, is_start=True),
    ord("Z"): Anchor(before=False, after=True),
    ord("z"): Anchor(before=False, after=True),
    ord("b"): Anchor(before=True, after=True),
    ord("B"): Anchor(before=True, after=True),
}
_SINGLES: dict[int, Node] = {
    ord("."): ONE_BYTE,
    ord("$"): Anchor(before=False, after=True),
}


class Item(NamedTuple):
    """What one piece of the text stands for.

    Attributes:
        nodes: several, of a group that captures nothing.
        start, end: where it stands, its repetition included.

    """

    nodes: Nodes
    start: int
    end: int


def parse_regex(regex: re.Pattern[bytes]) -> list[Item]:
    """Return the items of an expression in order: one, where alternatives stand outside of groups.

    Raises CostlyRegexError.
    """
    return _Parser(regex).items()


class _Parser:
    """One pass. Methods take what begins at `at` and leave `at` behind it."""

    def __init__(self, regex: re.Pattern[bytes]) -> None:
        self.text = regex.pattern
        self.at = 0
        self.groups = 0
        self.is_verbose = bool(regex.flags & re.VERBOSE)
        self.is_multiline = bool(regex.flags & re.MULTILINE)

    def items(self) -> list[Item]:
        first = self.sequence()
        if self.at == len(self.text):
            return first
        return [Item(self.alternatives(first), 0, len(self.text))]

    def alternatives(self, first: list[Item]) -> Nodes:
        """Take `|` and what follows it, up to the end of the group."""
        branches = [_join(first)]
        while self.text.startswith(b"|", self.at):
            self.at += 1
            branches.append(_join(self.sequence()))
        return _branch(branches)

    def sequence(self) -> list[Item]:
        items: list[Item] = []
        while True:
            if self.is_verbose:
                self.at = self.match(_BLANK).end()
            start = self.at
            if start == len(self.text) or self.text[start] in b"|)":
                return items
            repeat = _REPEAT.match(self.text, start)
            if repeat and items:
                item = items.pop()
                items.append(Item((self.repeat(repeat, item.nodes),), item.start, self.at))
            else:
                nodes = self.atom()
                items += [Item(nodes, start, self.at)] if nodes is not None else []

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError("not what re.compile accepts")
        return found

    def repeat(self, found: re.Match[bytes], body: Nodes) -> Repeat:
        sign, low, comma, high = found.groups()
        if sign:
            least, most = {b"*": (0, UNBOUNDED), b"+": (1, UNBOUNDED), b"?": (0, 1)}[sign]
        else:
            least = int(low or 0)
            most = int(high) if high else UNBOUNDED if comma else least
        self.at = found.end()
        suffix = self.text[self.at : self.at + 1]
        self.at += suffix in (b"?", b"+")
        return Repeat(least, most, body, is_possessive=suffix == b"+")

    def atom(self) -> Nodes | None:
        """Take one node, or a group. None for what is neither, such as a comment."""
        code = self.text[self.at]
        if code == ord("("):
            return self.group()
        self.at += 1
        if code == ord("["):
            return (self.byte_class(),)
        if code == ord("\\"):
            return (self.escape(),)
        if code == ord("^"):
            return (Anchor(before=True, after=False, is_start=not self.is_multiline),)
        return (_SINGLES.get(code) or byte_node(1 << code),)

    def group(self) -> Nodes | None:
        found = self.match(_GROUP)
        self.at = found.end()
        if found["comment"] or found["scope"] == b")":  # flags of the whole are known
            return None
        if found["reference"]:
            raise CostlyRegexError("refers back to a group, which no bound on time allows")
        before = self.is_verbose, self.is_multiline
        if found["flags"]:
            on, _, off = found["flags"].partition(b"-")
            self.is_verbose = b"x" not in off and (b"x" in on or self.is_verbose)
            self.is_multiline = b"m" not in off and (b"m" in on or self.is_multiline)
        self.groups += 1
        number = self.groups
        nodes = self.alternatives(self.sequence())
        self.is_verbose, self.is_multiline = before
        self.at += 1  # the parenthesis
        kind = found["kind"]
        if kind == b">":
            return (Group(nodes, 0, is_atomic=True),)
        if kind:
            return (Assertion(nodes, is_behind=kind.startswith(b"<")),)
        is_plain = found["scope"] and not found["flags"]
        return nodes if is_plain else (Group(nodes, number),)

    def escape(self) -> Node:
        code = self.text[self.at]
        if code in _CLASSES:
            self.at += 1
            return byte_node(_CLASSES[code])
        if code in _ANCHORS:
            self.at += 1
            return _ANCHORS[code]
        if code in b"0123456789" and not _OCTAL.match(self.text, self.at):
            raise CostlyRegexError("refers back to a group, which no bound on time allows")
        return byte_node(1 << self.escaped_byte(_OCTAL))

    def escaped_byte(self, octal: re.Pattern[bytes]) -> int:
        found = octal.match(self.text, self.at)
        if found:
            self.at = found.end()
            return int(found[0], 8)
        code = self.text[self.at]
        self.at += 1
        if code == ord("x"):
            self.at += 2
            return int(self.text[self.at - 2 : self.at], 16)
        return _ESCAPES.get(code, code)

    def byte_class(self) -> Bytes:
        is_negated = self.text.startswith(b"^", self.at)
        self.at += is_negated
        first = self.at
        found = 0
        while self.at == first or self.text[self.at] != ord("]"):
            codes = self.class_member()
            is_range = self.text.startswith(b"-", self.at) and self.text[self.at + 1] != ord("]")
            if is_range:
                self.at += 1
                last = self.class_member()
                codes = (last << 1) - codes  # all bits from the one to the other
            found |= codes
        self.at += 1
        # Of a negated class more bytes, not fewer, must be assumed: no folding before.
        return Bytes(ANY_BYTE & ~found, is_open=True) if is_negated else byte_node(found)

    def class_member(self) -> int:
        code = self.text[self.at]
        self.at += 1
        if code != ord("\\"):
            return 1 << code
        if self.text[self.at] in _CLASSES:
            self.at += 1
            return _CLASSES[self.text[self.at - 1]]
        return 1 << self.escaped_byte(_OCTAL_IN_CLASS)


def _join(items: list[Item]) -> Nodes:
    return tuple(node for item in items for node in item.nodes)


def _branch(branches: list[Nodes]) -> Nodes:
    """Make alternatives, after the bytes that all of them begin with, as `re` does."""
    prefix: list[Node] = []
    while len(branches) > 1 and all(branches) and len({each[0] for each in branches}) == 1:
        first = branches[0][0]
        if not isinstance(first, Bytes | Anchor):
            break
        prefix.append(first)
        branches = [each[1:] for each in branches]
    if len(branches) == 1:
        return branches[0]
    codes = 0
    for each in branches:
        if len(each) != 1 or not isinstance(each[0], Bytes) or each[0].is_open:
            return (*prefix, Branch(tuple(branches)))
        codes |= each[0].codes
    return (*prefix, Bytes(codes))
