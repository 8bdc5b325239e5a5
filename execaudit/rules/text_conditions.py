# SPDX-License-Identifier: Apache-2.0
"""Conditions on text: one text, any of several, present or not, a subtree of paths.

Owns the tests and the refusal of texts that no record can have. Which field takes which of them is
the business of `conditions`, how one pattern matches is the business of `patterns`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from execaudit.rules.field_values import Texts
from execaudit.rules.fields import COMM_BYTES, Field
from execaudit.rules.patterns import Pattern, Truth, parse_pattern


class Lookups(NamedTuple):
    """Ids of names, None for a name that this host does not know."""

    user: Callable[[str], int | None]
    group: Callable[[str], int | None]


class MistakeError(ValueError):
    """One wrong element. `key` is the member of it that is meant."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


class Source(NamedTuple):
    """What a condition is made from, apart from its values."""

    field: str
    kind: Field
    lookups: Lookups
    regex_bytes: int


Test = Callable[[Any], Truth]
Made = tuple[Test, frozenset[Any] | None, tuple[Pattern, ...]]


def read_pattern(source: Source, value: object) -> Pattern:
    """Read one text. Raises MistakeError or PatternError."""
    pattern = parse_pattern(value, is_path=source.kind.is_path, regex_bytes=source.regex_bytes)
    if pattern.kind != "regex":
        _refuse_impossible(source, pattern)
    return pattern


def _refuse_impossible(source: Source, pattern: Pattern) -> None:
    """Refuse what no record can have: most such rules are slips, and never match silently."""
    kind, text, is_exact = source.kind, pattern.text, pattern.kind == "exact"
    if kind.is_absolute and not text.startswith(("/", "*", "?", "[")):
        raise MistakeError(
            f'is "{text}", expected an absolute path such as "/{text}" or "**/{text}"'
        )
    if kind.is_absolute and is_exact and text.endswith("/") and text != "/":
        raise MistakeError(f'is "{text}", expected no "/" at the end')
    if kind.is_short and is_exact and len(text.encode()) > COMM_BYTES:
        beginning = text.encode()[:COMM_BYTES].decode(errors="ignore")
        raise MistakeError(
            f'is "{text}", but of short names the kernel keeps {COMM_BYTES} bytes, '
            f'expected "{beginning}"'
        )
    suffix = {"unit": ".service", "user_unit": ".service", "slice": ".slice"}.get(source.field)
    if suffix and is_exact and "." not in text:
        raise MistakeError(f'is "{text}", expected a name with its type such as "{text}{suffix}"')
    if "\0" in text:
        raise MistakeError("has a NUL, which no text of a record has")


def read_text(source: Source, value: object) -> Pattern | bool:
    """Read one text, or whether there is any. Raises MistakeError or PatternError."""
    if isinstance(value, bool) and source.kind.can_be_absent:
        return value
    return read_pattern(source, value)


def make_text(source: Source, elements: list[Pattern | bool]) -> Made:
    """Test a text that may be absent (None)."""
    patterns = tuple(each for each in elements if isinstance(each, Pattern))
    presence = {each for each in elements if isinstance(each, bool)}
    below = source.field == "cgroup"
    if presence or below:
        test = _presence_test(patterns, presence) if presence else _subtree_test(patterns)
        return test, None, ()
    if all(each.exact is not None for each in patterns):
        exacts = frozenset(each.exact for each in patterns)
        return exacts.__contains__, exacts, patterns
    if len(patterns) == 1:
        matches = patterns[0].matches
        return lambda text: False if text is None else matches(text), None, patterns
    return (
        lambda text: False if text is None else _any(each.matches(text) for each in patterns),
        None,
        patterns,
    )


def _presence_test(patterns: tuple[Pattern, ...], presence: set[bool]) -> Test:
    def test(text: bytes | None) -> Truth:
        if (text is not None) in presence:
            return True
        return False if text is None else _any(each.matches(text) for each in patterns)

    return test


def _subtree_test(patterns: tuple[Pattern, ...]) -> Test:
    """A control group or any group it lies in."""

    def test(path: bytes | None) -> Truth:
        if path is None:
            return False
        parts = path.split(b"/")
        above = [b"/".join(parts[: end + 1]) for end in range(1, len(parts))]
        return _any(each.matches(one) for one in (*above, b"/") for each in patterns)

    return test


def make_texts(_: Source, patterns: list[Pattern]) -> Made:
    """Test several texts: any of them counts."""

    def test(texts: Texts) -> Truth:
        found: Truth = False if texts.is_complete else None
        for pattern in patterns:
            for word in texts.words:
                match = pattern.matches(word)
                if match:
                    return True
                found = None if match is None else found
            for piece, more_before, more_after in texts.pieces:
                if pattern.matches_piece(piece, more_before, more_after):
                    return True
        return found

    return test, None, tuple(patterns)


def _any(truths: Any) -> Truth:
    found: Truth = False
    for truth in truths:
        if truth:
            return True
        found = None if truth is None else found
    return found
