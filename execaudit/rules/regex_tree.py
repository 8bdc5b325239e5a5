# SPDX-License-Identifier: Apache-2.0
"""Regular expressions over bytes as trees, and what these say of matches.

Owns the parser, for text that `re.compile` has accepted (Python's own parser is private to `re`),
text that must occur, lengths of matches, and what a match depends on around it. `regex_cost` says
how long matching may take. The parser refuses expressions that nobody can bound.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from execaudit.config.values import compile_regex

ANY_BYTE = (1 << 256) - 1
UNBOUNDED = 1 << 32
"""Number of repetitions without a bound: more than any expression can name."""


class RegexError(ValueError):
    """Rules do not accept the expression; the message says why."""


class CostlyRegexError(RegexError):
    """Matching could take too long; the message says what causes it."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Exactly one byte.

    Attributes:
        codes: the bytes that match, a bit for each. Letters stand for both cases: expressions that
            ignore case need no care.
        literal: the byte, where the expression names just one, else None.

    """

    codes: int
    literal: int | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A sequence, from `least` to `most` times."""

    least: int
    most: int
    body: "Nodes"


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several sequences."""

    branches: "tuple[Nodes, ...]"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position, which depends on what stands before or after it.

    A look-ahead or look-behind is an anchor with a body.

    Attributes:
        before, after: it depends on the text on this side.
        is_start: it matches at the beginning of the text only.
        is_border: no word reaches across it.

    """

    before: bool
    after: bool
    is_start: bool = False
    is_border: bool = False
    body: "Nodes" = ()


Node = Bytes | Repeat | Branch | Anchor
Nodes = tuple[Node, ...]


class Item(NamedTuple):
    """The nodes of a piece of the expression, and its offsets there, its repetition included."""

    nodes: Nodes
    start: int
    end: int


ONE_BYTE = Bytes(ANY_BYTE)
_UP_TO_HERE = Anchor(before=False, after=True)
_NO_BORDER = Anchor(before=True, after=True)
_END = Anchor(before=False, after=True, is_border=True)
_ANCHORS = {
    rb"\A": Anchor(before=True, after=False, is_start=True),
    rb"\Z": _END,
    rb"\z": _END,
    b"$": _END,
    rb"\b": Anchor(before=True, after=True, is_border=True),
    rb"\B": _NO_BORDER,
}
_ATOM = re.compile(
    rb"\[\^?\]?(?:[^\]\\]|\\.)*\]"
    rb"|\\(?:x[0-9A-Fa-f]{2}|0[0-7]{0,2}|[0-3][0-7]{2}|(?P<reference>[0-9])|.)"
    rb"|.",
    re.DOTALL,
)
_REPEAT = re.compile(rb"(?:([*+?])|\{(?!\})([0-9]*)(,?)([0-9]*)\})([?+]?)")
_GROUP = re.compile(
    rb"\((?:\?(?:P<[^>]*>|(?P<flags>[aimsu]*(?:-[ims]+)?):|(?P<around><?[=!]|>)))?(?!\?)"
)
_NOTHING = re.compile(rb"\(\?(?:[aimsux]+|#[^)]*)\)")
_BLANK = re.compile(rb"(?:[ \t\n\r\v\f]|#[^\n]*)*")


def parse_regex(regex: re.Pattern[bytes]) -> list[Item]:
    """Return the items of an expression in order: one, where alternatives stand outside of groups.

    Raises RegexError.
    """
    return _Parser(regex).items()


class _Parser:
    """One pass. Methods take what begins at `at` and leave `at` behind it."""

    def __init__(self, regex: re.Pattern[bytes]) -> None:
        self.text = regex.pattern
        self.at = 0
        self.is_verbose = bool(regex.flags & re.VERBOSE)
        self.is_multiline = bool(regex.flags & re.MULTILINE)

    def items(self) -> list[Item]:
        first = self.sequence()
        if self.at == len(self.text):
            return first
        return [Item(self.alternatives(first), 0, len(self.text))]

    def alternatives(self, first: list[Item]) -> Nodes:
        """Take `|` and what follows it, up to the end of the group.

        The bytes that all of them begin with stand before them.
        """
        branches = [join(first)]
        while self.text.startswith(b"|", self.at):
            self.at += 1
            branches.append(join(self.sequence()))
        prefix: list[Node] = []
        while len(branches) > 1 and all(branches) and len({each[0] for each in branches}) == 1:
            if not isinstance(branches[0][0], Bytes | Anchor):
                break
            prefix.append(branches[0][0])
            branches = [each[1:] for each in branches]
        return (*prefix, Branch(tuple(branches))) if len(branches) > 1 else branches[0]

    def sequence(self) -> list[Item]:
        items: list[Item] = []
        while True:
            if self.is_verbose and (blank := _BLANK.match(self.text, self.at)):
                self.at = blank.end()
            start = self.at
            if start == len(self.text) or self.text[start] in b"|)":
                return items
            nothing = _NOTHING.match(self.text, start)
            repeat = _REPEAT.match(self.text, start)
            if nothing:  # a comment, or flags, which the whole has
                self.at = nothing.end()
            elif repeat and items:
                item = items.pop()
                items.append(Item(self.repeat(repeat, item.nodes), item.start, self.at))
            else:
                items.append(Item(self.atom(), start, self.at))

    def repeat(self, found: re.Match[bytes], body: Nodes) -> Nodes:
        self.at = found.end()
        sign, low, comma, high, suffix = found.groups()
        if sign:
            least, most = {b"*": (0, UNBOUNDED), b"+": (1, UNBOUNDED), b"?": (0, 1)}[sign]
        else:
            least = int(low or 0)
            most = int(high) if high else UNBOUNDED if comma else least
        node = Repeat(least, most, body)
        # With more text it might take more and leave none for the rest.
        return (_UP_TO_HERE, node) if suffix == b"+" else (node,)

    def atom(self) -> Nodes:
        """Take a group or what stands for one byte or position."""
        if self.text.startswith(b"(", self.at):
            return self.group()
        found = _ATOM.match(self.text, self.at)
        if not found:
            raise ValueError("re.compile accepts what this parser does not")
        if found["reference"]:
            raise CostlyRegexError("refers back to a group, which no bound on time allows")
        self.at = found.end()
        if found[0] == b"^":
            return (Anchor(before=True, after=False, is_start=not self.is_multiline),)
        return (_ANCHORS.get(found[0]) or _byte(found[0]),)

    def group(self) -> Nodes:
        found = _GROUP.match(self.text, self.at)
        if not found:
            if self.text.startswith((b"(?P=", b"(?("), self.at):
                raise CostlyRegexError("refers back to a group, which no bound on time allows")
            raise RegexError("changes x or L for a group, expected (?x) at the beginning, no L")
        self.at = found.end()
        if b"m" in (found["flags"] or b""):
            self.is_multiline = True  # costs more, since ^ is no start: so for all that follows
        nodes = self.alternatives(self.sequence())
        self.at += 1  # the parenthesis
        around = found["around"]
        if around == b">":
            return (_UP_TO_HERE, *nodes)
        if around:
            is_behind = around.startswith(b"<")
            return (Anchor(before=is_behind, after=not is_behind, body=nodes),)
        return nodes


@lru_cache(64)
def _byte(atom: bytes) -> Bytes:
    """Return the node of an atom that matches one byte, in either case."""
    if atom.startswith(b"[") and not atom.isascii():  # it would be a class of single bytes
        raise RegexError(
            f"has a class with a character beyond ASCII, {atom.decode()}, but is matched byte by "
            "byte: expected alternatives such as (?:é|è)"
        )
    if atom == b".":
        return ONE_BYTE
    source = atom if len(atom) > 1 else re.escape(atom)
    exact, any_case = (
        sum(1 << code for code in range(256) if one_byte.match(bytes([code])))
        for one_byte in (compile_regex(source), compile_regex(source, re.IGNORECASE))
    )
    return Bytes(exact | any_case, exact.bit_length() - 1 if exact.bit_count() == 1 else None)


def join(items: list[Item]) -> Nodes:
    """Return the nodes of items in order."""
    return tuple(node for item in items for node in item.nodes)


def sequences_of(node: Node) -> tuple[Nodes, ...]:
    """Return the sequences of nodes below a node."""
    if isinstance(node, Branch):
        return node.branches
    return () if isinstance(node, Bytes) else (node.body,)


def walk(nodes: Nodes) -> Iterator[Node]:
    """Yield all nodes, those below included."""
    for node in nodes:
        yield node
        for sequence in sequences_of(node):
            yield from walk(sequence)


def width(nodes: Nodes) -> tuple[int, int]:
    """Return the least and the largest number of bytes of a match."""
    least = most = 0
    for node in nodes:
        if isinstance(node, Bytes):
            low = high = 1
        elif isinstance(node, Anchor):
            low = high = 0
        else:
            widths = [width(sequence) for sequence in sequences_of(node)]
            low, high = min(low for low, _ in widths), max(high for _, high in widths)
            if isinstance(node, Repeat):
                low, high = node.least * low, node.most * high
        least, most = least + low, most + high
    return least, most


def surroundings(nodes: Nodes) -> tuple[bool, bool]:
    """Return True if a match depends on text before it, and True if on text after it.

    Where it depends on neither, an expression that matches a piece of a text matches the text.
    """
    anchors = [node for node in walk(nodes) if isinstance(node, Anchor)]
    return any(one.before for one in anchors), any(one.after for one in anchors)


def required_literal(nodes: Nodes) -> bytes:
    """Return the longest text that every match contains, regardless of case; b"" for none."""
    runs = [bytearray()]
    for node in nodes:
        if isinstance(node, Bytes) and node.literal is not None:
            runs[-1].append(node.literal)
        elif not isinstance(node, Anchor):
            runs.append(bytearray())
    return bytes(max(runs, key=len))
