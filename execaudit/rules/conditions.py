# SPDX-License-Identifier: Apache-2.0
"""Conditions of rules: from a field's name and a value in a rules file to a test.

Owns one small function for each kind of condition, and the refusal of texts that no record can
have. A test takes a value of `field_values` and returns True, False, or None where it cannot know.
`patterns` decides what one pattern matches.
"""

import errno
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_short, show_value
from execaudit.config.values import list_words
from execaudit.records.first_seen import WORDS, values_with
from execaudit.rules.field_values import COMM_BYTES, FIELDS, RESULTS, TYPES, Field, Texts
from execaudit.rules.paths import real_path, resolved_patterns
from execaudit.rules.patterns import (
    REGEX_BYTES,
    Pattern,
    PatternError,
    Truth,
    any_truth,
    parse_pattern,
)

_LARGEST_ID = 2**32 - 2  # 2^32-1 is (uid_t)-1, nobody
_NUMBER = re.compile(r"[0-9]{1,10}")
_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})?")


class Lookups(NamedTuple):
    """Look-ups on this host: ids by name, None for unknown names; and real paths of directories."""

    user: Callable[[str], int | None]
    group: Callable[[str], int | None]
    directory: Callable[[str], str] = real_path


class Source(NamedTuple):
    """All that a condition is made of besides its values."""

    field: str
    kind: Field
    lookups: Lookups
    regex_bytes: int


Test = Callable[[Any], Truth]
Made = tuple[Test, frozenset[Any] | None, tuple[Pattern, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One field and what it must be.

    Attributes:
        field: name in the vocabulary.
        path: where in the rule it stands; () for an implied condition.
        shown: its text in a rules file; conditions of the same text are the same.
        test: returns whether a value (never UNKNOWN) meets it.
        exacts: all values that meet it, where these can be listed.
        patterns: one of these must match, where that is the whole condition.
        elements: its values as read: ranges of numbers (None: unset), patterns, words, flags. Paths
            below links stand there twice: as given, and as records have them.

    """

    field: str
    path: KeyPath
    shown: str
    test: Callable[[Any], Truth]
    exacts: frozenset[Any] | None = None
    patterns: tuple[Pattern, ...] = ()
    elements: tuple[Any, ...] = ()


class ConditionError(ValueError):
    """Wrong values of one condition.

    Attributes:
        mistakes: path in the rule of each mistake, and what is wrong and expected.

    """

    def __init__(self, mistakes: list[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(text for _, text in mistakes))
        self.mistakes = mistakes


def make_condition(
    field: str,
    value: object,
    path: KeyPath,
    lookups: Lookups,
    regex_bytes: int = REGEX_BYTES,
    kind: Field | None = None,
) -> Condition:
    """Return the condition that `field` has `value`, or one of its elements if that is a list.

    `kind`: how to ask for a field that rules do not know. Raises ConditionError with all mistakes.
    """
    source = Source(field, FIELDS[field] if kind is None else kind, lookups, regex_bytes)
    if isinstance(value, list) and not value:
        raise ConditionError([(path, f"is an empty list, expected {source.kind.what}")])
    elements = value if isinstance(value, list) else [value]
    read = _READERS[source.kind.kind]
    read_elements: list[Any] = []
    mistakes: list[tuple[KeyPath, str]] = []
    for index, element in enumerate(elements):
        below = (*path, index) if isinstance(value, list) else path
        try:
            read_elements.append(read(source, element))
        except PatternError as error:
            mistakes.append(((*below, error.key) if error.key else below, str(error)))
    if mistakes:
        raise ConditionError(mistakes)
    if source.kind.is_path:
        read_elements += resolved_patterns(field, read_elements, lookups.directory)
    test, exacts, patterns = _MAKERS[source.kind.kind](source, read_elements)
    shown = f"{field} = {show_value(value)}"
    return Condition(field, path, shown, test, exacts, patterns, tuple(read_elements))


def _read_number(source: Source, value: object) -> range:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_ID:
        return range(value, value + 1)
    if isinstance(value, str):
        found = _RANGE.fullmatch(value)
        if _NUMBER.fullmatch(value) and int(value) <= _LARGEST_ID:
            return range(int(value), int(value) + 1)
        if found:
            first, last = int(found[1]), int(found[2] or _LARGEST_ID)
            if first <= last <= _LARGEST_ID:
                return range(first, last + 1)
            if last < first:
                raise PatternError(f"is {show_short(value)}, a range that ends before it begins")
    raise _wrong(source, value)


def _read_user(source: Source, value: object) -> range:
    return _read_id(source, value, source.lookups.user, "user")


def _read_group(source: Source, value: object) -> range:
    return _read_id(source, value, source.lookups.group, "group")


def _read_id(
    source: Source, value: object, look_up: Callable[[str], int | None], kind: str
) -> range:
    if isinstance(value, str) and value and not value[0].isdigit():
        number = look_up(value)
        if number is None:
            raise PatternError(
                f"is {show_short(value)}, which no {kind} of this host is called, "
                f"expected {source.kind.what}"
            )
        return range(number, number + 1)
    return _read_number(source, value)


def _or_unset(read: Callable[[Source, object], range]) -> Callable[[Source, object], Any]:
    return lambda source, value: None if value == "unset" else read(source, value)


def _make_number(source: Source, ranges: list[range | None]) -> Made:
    single = {one[0] if one else None for one in ranges if one is None or len(one) == 1}
    wide = [one for one in ranges if one is not None and len(one) > 1]
    absent = source.kind.absent
    if absent is not None:
        return lambda value: (
            (absent if value is None else value) in single
            or any((value or 0) in one for one in wide)
        ), None, ()  # fmt: skip
    if not wide:
        return single.__contains__, frozenset(single), ()
    return lambda value: value in single or any(
        value in one for one in wide if value is not None
    ), None, ()  # fmt: skip


def _read_choice(words: tuple[str, ...]) -> Callable[[Source, object], str]:
    def read(_: Source, value: object) -> str:
        if value not in words:
            raise PatternError(
                f"is {show_short(value)}, expected {list_words(list(map(show_short, words)), 'or')}"
            )
        return str(value)

    return read


def _read_errno(source: Source, value: object) -> int:
    if isinstance(value, str) and re.fullmatch("E[A-Z0-9]+", value):
        number = getattr(errno, value, None)
        if isinstance(number, int):
            return number
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 4096:
        return value
    raise _wrong(source, value)


def _make_choice(_: Source, words: Iterable[str | int]) -> Made:
    exacts = frozenset(word.encode() if isinstance(word, str) else word for word in words)
    return exacts.__contains__, exacts, ()


def _read_flag(source: Source, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(source, value)


def _make_flag(_: Source, wanted: list[bool]) -> Made:
    return (lambda value: bool(value) in wanted), None, ()


def _wrong(source: Source, value: object) -> PatternError:
    return PatternError(f"is {show_short(value)}, expected {source.kind.what}")


def _read_pattern(source: Source, value: object) -> Pattern:
    """Read one text. Raises PatternError."""
    pattern = parse_pattern(value, is_path=source.kind.is_path, regex_bytes=source.regex_bytes)
    if pattern.kind in ("exact", "glob", "startswith"):
        _refuse_impossible(source, pattern)
    if "\0" in pattern.text and pattern.kind != "regex":
        raise PatternError("has a NUL, which no text of a record has")
    return pattern


def _refuse_impossible(source: Source, pattern: Pattern) -> None:
    """Raise PatternError for a text that no record can have: a slip, which would never match."""
    kind, text, is_exact = source.kind, pattern.text, pattern.kind == "exact"
    if kind.is_absolute and not text.startswith(("/", "*", "?", "[")):
        raise PatternError(
            f'is "{text}", expected an absolute path such as "/{text}" or "**/{text}"'
        )
    if kind.is_absolute and is_exact and text.endswith("/") and text != "/":
        raise PatternError(f'is "{text}", expected no "/" at the end')
    if kind.is_short and is_exact and len(text.encode()) > COMM_BYTES:
        beginning = text.encode()[:COMM_BYTES].decode(errors="ignore")
        raise PatternError(
            f'is "{text}", but of short names the kernel keeps {COMM_BYTES} bytes, '
            f'expected "{beginning}"'
        )
    suffix = {"unit": ".service", "user_unit": ".service", "slice": ".slice"}.get(source.field)
    if suffix and is_exact and "." not in text:
        raise PatternError(f'is "{text}", expected a name with its type such as "{text}{suffix}"')
    if kind.is_name and "/" in text:
        raise PatternError(f'is "{text}", expected a name without "/", or `exe` for a path')


def _read_text(source: Source, value: object) -> Pattern | bool:
    """Read one text, or a flag that asks if there is any. Raises PatternError."""
    if isinstance(value, bool) and source.kind.can_be_absent:
        return value
    return _read_pattern(source, value)


def _make_text(source: Source, elements: list[Pattern | bool]) -> Made:
    """Return the test of a text that may be absent (None)."""
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
        lambda text: False if text is None else any_truth(each.matches(text) for each in patterns),
        None,
        patterns,
    )


def _presence_test(patterns: tuple[Pattern, ...], presence: set[bool]) -> Test:
    def test(text: bytes | None) -> Truth:
        if (text is not None) in presence:
            return True
        return False if text is None else any_truth(each.matches(text) for each in patterns)

    return test


def _subtree_test(patterns: tuple[Pattern, ...]) -> Test:
    """Return a test of a control group and every group above it: one must match."""

    def test(path: bytes | None) -> Truth:
        if path is None:
            return False
        parts = path.split(b"/")
        above = [b"/".join(parts[: end + 1]) for end in range(1, len(parts))]
        return any_truth(each.matches(one) for one in (*above, b"/") for each in patterns)

    return test


def _make_texts(_: Source, patterns: list[Pattern]) -> Made:
    """Return the test of several texts: one must match."""

    def test(texts: Texts) -> Truth:
        found: Truth = False if texts.is_complete else None
        for pattern in patterns:
            for word in texts.lowered() if pattern.lowers else texts.words:
                match = pattern.matches_prepared(word)
                if match:
                    return True
                found = None if match is None else found
            for piece, more_before, more_after in texts.pieces:
                if pattern.matches_piece(piece, more_before, more_after):
                    return True
        return found

    return test, None, tuple(patterns)


_READERS: dict[str, Callable[[Source, object], Any]] = {
    "user": _read_user,
    "group": _read_group,
    "login": _or_unset(_read_user),
    "session": _or_unset(_read_number),
    "number": _read_number,
    "text": _read_text,
    "texts": _read_pattern,
    "flag": _read_flag,
    "type": _read_choice(TYPES),
    "result": _read_choice(RESULTS),
    "errno": _read_errno,
    "first_seen": _read_choice(WORDS),
}
_MAKERS: dict[str, Callable[[Source, list[Any]], Made]] = {
    **dict.fromkeys(("user", "group", "login", "session", "number"), _make_number),
    "text": _make_text,
    "texts": _make_texts,
    "flag": _make_flag,
    "first_seen": lambda source, words: _make_choice(source, values_with(words)),
    **dict.fromkeys(("type", "result", "errno"), _make_choice),
}
