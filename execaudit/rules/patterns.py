# SPDX-License-Identifier: Apache-2.0
"""One text pattern of a rule: exact, with wildcards, or a regular expression, over bytes.

Owns how a value in a rules file says which of them it is, and the bound on the time that matching
takes, whatever the text. It knows no field and no rule.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from execaudit.config.toml_text import show_short
from execaudit.config.values import compile_regex
from execaudit.rules.regex_cost import worst_degree
from execaudit.rules.regex_literals import required_literals, usefulness
from execaudit.rules.regex_search import Search, make_search
from execaudit.rules.regex_tree import (
    ONE_BYTE,
    CostlyRegexError,
    Nodes,
    RegexError,
    join,
    parse_regex,
    required_literal,
    surroundings,
    width,
)
from execaudit.rules.wildcards import WildcardError, has_wildcards, translate_wildcards

Truth = bool | None
"""None: nobody can know, because something that matters is missing."""

REGEX_BYTES = 4096
"""Bytes that a regular expression sees of a text if its time can grow with their square."""

KINDS = ("exact", "glob", "contains", "startswith", "endswith", "regex")
_IGNORE_CASE = "ignore_case"
_ANYTHING = (b".*", b".*?", b".+", b".+?")
_NO_TEXT = b"\0" * 300  # no argument has such a byte
_EXPECTED = "a text or { KIND = … } with exact, glob, contains, startswith, endswith or regex"


class PatternError(ValueError):
    """A value that is no pattern; the message reads "is …, expected …".

    Attributes:
        key: the member of the value that is wrong; "" for the value itself.

    """

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


class Pattern(NamedTuple):
    """A compiled pattern.

    Attributes:
        kind: one of KINDS.
        text: as the rules file has it.
        exact: the only bytes that match, None where others do.
        search: returns something true where bytes match.
        literal: text that every match contains, in any case; itself in lower case, b"" for none.
        needs_before: a match depends on what precedes a piece of text.
        needs_after: a match depends on what follows it.
        most_bytes: of a longer text only the two ends are seen; 0: all of any text.
        lowers: `search` takes the text in lower case.
        ignores_case: letters of ASCII match in either case.
        literals: texts in lower case, every match contains one of them; with
            `regex_literals.BORDER` at borders of words. Only of regular expressions, () for none.

    """

    kind: str
    text: str
    exact: bytes | None
    search: Callable[[bytes], Any]
    literal: bytes
    needs_before: bool
    needs_after: bool
    most_bytes: int = 0
    lowers: bool = False
    ignores_case: bool = False
    literals: tuple[bytes, ...] = ()

    def matches(self, text: bytes) -> Truth:
        """Return whether a text matches; None where it is too long to be seen in full."""
        return self.matches_prepared(text.lower() if self.lowers else text)

    def matches_prepared(self, text: bytes) -> Truth:
        """Return what `matches` returns; the text is in lower case if `lowers`."""
        if self.most_bytes and len(text) > self.most_bytes:
            half = self.most_bytes // 2
            return self.matches_piece(text[:half], False, True) or self.matches_piece(
                text[-half:], True, False
            )
        return bool(self.search(text))

    def matches_piece(self, text: bytes, more_before: bool, more_after: bool) -> Truth:
        """Return True if a text matches because this piece of it does; None if nobody can know.

        `more_before`, `more_after`: unseen text precedes or follows the piece.
        """
        if (more_before and self.needs_before) or (more_after and self.needs_after):
            return None
        return self.matches(text) or None


def parse_pattern(value: object, *, is_path: bool, regex_bytes: int = REGEX_BYTES) -> Pattern:
    """Return the pattern for a value of a rules file.

    A text has wildcards if it contains `*`, `?` or `[…]`, else it is exact. A table names its kind,
    and may ignore case. Raises PatternError.
    """
    if isinstance(value, str):
        return _glob(value, is_path, "") if has_wildcards(value) else _exact(value)
    kinds = [key for key in value if key != _IGNORE_CASE] if isinstance(value, Mapping) else []
    if not isinstance(value, Mapping) or len(kinds) != 1 or kinds[0] not in KINDS:
        raise PatternError(f"is {show_short(value)}, expected {_EXPECTED}")
    kind, ignores_case = kinds[0], value.get(_IGNORE_CASE, False)
    text = value[kind]
    if not isinstance(text, str):
        raise PatternError(f"is {show_short(text)}, expected a text", kind)
    if not isinstance(ignores_case, bool):
        raise PatternError(f"is {show_short(ignores_case)}, expected true or false", _IGNORE_CASE)
    if kind == "regex":
        return _regex(text, regex_bytes, ignores_case)
    wanted = _lower_ascii(text) if ignores_case else text
    if kind in _PARTS:
        pattern = _part(kind, wanted)
    else:
        pattern = _exact(wanted) if kind == "exact" else _glob(wanted, is_path, kind)
    if not ignores_case:
        return pattern
    pattern = pattern._replace(text=text, exact=None, ignores_case=True)
    if kind in _PARTS_WITHOUT_CASE:  # no need for all of a long text in lower case
        return pattern._replace(search=_PARTS_WITHOUT_CASE[kind](pattern.literal))
    return pattern._replace(lowers=True)


def _lower_ascii(text: str) -> str:
    """Return text with letters of ASCII in lower case, as bytes.lower() does."""
    return text.encode("utf-8", "surrogateescape").lower().decode("utf-8", "surrogateescape")


def _exact(text: str) -> Pattern:
    raw = text.encode("utf-8", "surrogateescape")  # a search may name bytes that are not UTF-8
    return Pattern("exact", text, raw, raw.__eq__, raw.lower(), True, True)


_PARTS: dict[str, Callable[[bytes], Callable[[bytes], bool]]] = {
    "contains": lambda part: lambda text: part in text,
    "startswith": lambda part: lambda text: text.startswith(part),
    "endswith": lambda part: lambda text: text.endswith(part),
}
_PARTS_WITHOUT_CASE: dict[str, Callable[[bytes], Callable[[bytes], bool]]] = {
    "exact": lambda part: lambda text: len(text) == len(part) and text.lower() == part,
    "startswith": lambda part: lambda text: text[: len(part)].lower() == part,
    "endswith": lambda part: lambda text: text[-len(part) :].lower() == part,
}


def _part(kind: str, text: str) -> Pattern:
    if not text:
        raise PatternError('is "", which every text has, expected one that can be missing', kind)
    raw = text.encode("utf-8", "surrogateescape")
    search, is_begin, is_end = _PARTS[kind](raw), kind == "startswith", kind == "endswith"
    return Pattern(kind, text, None, search, raw.lower(), is_begin, is_end)


def _glob(text: str, is_path: bool, key: str) -> Pattern:
    try:
        found = translate_wildcards(text, is_path=is_path)
    except WildcardError as error:
        raise PatternError(f'is "{text}": {error}', key) from None
    return Pattern(
        "glob",
        text,
        None,
        found.match,
        found.literal.lower(),
        not found.begins_open,
        not found.ends_open,
    )


def _regex(text: str, regex_bytes: int, ignores_case: bool) -> Pattern:
    try:
        whole = _compile(text, re.IGNORECASE if ignores_case else re.NOFLAG)
        parts, degree = _take_apart(whole)
        around = [surroundings(nodes) for _, nodes in parts]
    except CostlyRegexError as error:
        raise PatternError(
            f"{error}; expected one that takes bounded time: use wildcards, several conditions, "
            "or less repetition",
            "regex",
        ) from None
    except RegexError as error:
        raise PatternError(str(error), "regex") from None
    except RecursionError:
        raise PatternError("is nested too deeply, expected fewer groups", "regex") from None
    searches = [make_search(part, nodes) for part, nodes in parts]
    return Pattern(
        "regex",
        text,
        None,
        searches[0] if len(searches) == 1 else _in_order(searches),
        max((required_literal(nodes) for _, nodes in parts), key=len).lower(),
        any(before for before, _ in around),
        any(after for _, after in around),
        regex_bytes if degree > 1 else 0,
        ignores_case=ignores_case,
        literals=tuple(
            sorted(max((required_literals(nodes) for _, nodes in parts), key=usefulness))
        ),
    )


def _in_order(searches: list[Search]) -> Callable[[bytes], bool]:
    """Return a search for parts one behind the other, each where it is first found, for good."""

    def search(text: bytes) -> bool:
        at = 0
        for each in searches:
            found = each(text, at)
            if not found:
                return False
            at = found.end()
        return True

    return search


def _compile(text: str, flags: re.RegexFlag) -> re.Pattern[bytes]:
    try:
        # A line break in an argument must hide nothing.
        compiled = compile_regex(text.encode(), re.DOTALL | flags)
    except ValueError as error:
        raise RegexError(f"is not a regular expression: {error}") from None
    if compiled.flags & re.LOCALE:
        raise RegexError("depends on the locale, expected no (?L)")
    return compiled


def _take_apart(whole: re.Pattern[bytes]) -> tuple[list[tuple[re.Pattern[bytes], Nodes]], int]:
    """Return the parts of a regular expression, and the degree of its cost. Raises RegexError."""
    parts = _split_at_anything(whole)
    degree = max((worst_degree(nodes, part.pattern) for part, nodes in parts), default=0)
    if whole.search(b"") and whole.search(_NO_TEXT):  # its cost is known: the search ends
        raise RegexError("matches every text, expected one that can fail to match")
    return parts, degree


def _split_at_anything(whole: re.Pattern[bytes]) -> list[tuple[re.Pattern[bytes], Nodes]]:
    """Split a regular expression at `.*` and `.+` where what lies before has a fixed length.

    There, whether a match exists is the same as whether the parts follow one another, which takes
    time that grows with the text only, not with a power of it.
    """
    items = parse_regex(whole)
    parts: list[tuple[bytes, Nodes]] = [(b"", ())]
    for item in items:
        source = whole.pattern[item.start : item.end]
        regex, nodes = parts[-1]
        if source not in _ANYTHING:
            parts[-1] = regex + source, nodes + item.nodes
            continue
        if source.startswith(b".+"):
            parts[-1] = regex + b".", (*nodes, ONE_BYTE)
        parts.append((b"", ()))
    widths = [width(nodes) for _, nodes in parts[:-1]]
    if any(least != most for least, most in widths) or not widths:
        return [(whole, join(items))]
    return [(compile_regex(regex, whole.flags), nodes) for regex, nodes in parts if regex]


def any_truth(truths: Iterable[Truth]) -> Truth:
    """Return True where one is true, None where one is not known, else False."""
    found: Truth = False
    for truth in truths:
        if truth:
            return True
        found = None if truth is None else found
    return found
