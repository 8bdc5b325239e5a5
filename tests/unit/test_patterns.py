# SPDX-License-Identifier: Apache-2.0
"""Patterns of rules: how a value says what it is, and that shortcuts change nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execaudit.rules.patterns import Pattern, PatternError, parse_pattern

KINDS = "a text or { KIND = … } with exact, glob, contains, startswith, endswith or regex"


def parse(value: object, *, is_path: bool = False, regex_bytes: int = 4096) -> Pattern:
    return parse_pattern(value, is_path=is_path, regex_bytes=regex_bytes)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("plain", "exact"),
        ("[", "exact"),
        ("~tilde", "exact"),
        ("^a$", "exact"),
        ("a*", "glob"),
        ({"exact": "a*"}, "exact"),
        ({"glob": "a"}, "glob"),
        ({"regex": "a"}, "regex"),
        ({"contains": "a*"}, "contains"),
        ({"startswith": "a"}, "startswith"),
        ({"endswith": "a", "ignore_case": True}, "endswith"),
    ],
)
def test_value_says_what_it_is(value: object, kind: str) -> None:
    assert parse(value).kind == kind


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [
        (3, "", f"is 3, expected {KINDS}"),
        ({}, "", f"is {{}}, expected {KINDS}"),
        (
            {"regexp": "x"},
            "",
            f'is {{ regexp = "x" }}, expected {KINDS}',
        ),
        ({"regex": 3}, "regex", "is 3, expected a text"),
        ({"ignore_case": True}, "", f"is {{ ignore_case = true }}, expected {KINDS}"),
        ({"exact": "a", "ignore_case": 1}, "ignore_case", "is 1, expected true or false"),
        (
            {"contains": ""},
            "contains",
            'is "", which every text has, expected one that can be missing',
        ),
        (
            {"regex": "a("},
            "regex",
            "is not a regular expression: missing ), unterminated subpattern at position 1",
        ),
        ({"regex": ".*"}, "regex", "matches every text, expected one that can fail to match"),
        ({"regex": "x*"}, "regex", "matches every text, expected one that can fail to match"),
        ({"regex": "(?L)a"}, "regex", "depends on the locale, expected no (?L)"),
        (
            {"regex": "[é]"},
            "regex",
            "has a class with a character beyond ASCII, [é], but is matched byte by byte: "
            "expected alternatives such as (?:é|è)",
        ),
        (
            {"regex": "(a+)+b"},
            "regex",
            "repeats a repetition of the same text; expected one that takes bounded time: "
            "use wildcards, several conditions, or less repetition",
        ),
        ("[é]*", "", 'is "[é]*": [é] has a character beyond ASCII: give a list of patterns'),
    ],
)
def test_wrong_value_is_refused(value: object, key: str, text: str) -> None:
    with pytest.raises(PatternError) as error:
        parse(value)

    assert (error.value.key, str(error.value)) == (key, text)


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [
        ("^ls$", b"ls", True),
        ("ls", b"tools", True),
        ("^ls$", b"lsx", False),
        ("a.b", b"a\nb", True),
        (r"\xff", b"\xff", True),
        ("é", "é".encode(), True),
        (r"curl.*\|.*sh", b"curl x | bash", True),
        (r"curl.*\|.*sh", b"sh | curl", False),
        (r"(?i)WGET .+ -O ?-", b"wget http://x -O-", True),
        ("^a.*b.*c$", b"axbxbc", True),
        ("^a.*b.*c$", b"axbxbcd", False),
        ("a.+b", b"ab", False),
    ],
)
def test_regex_is_searched_for_in_bytes(regex: str, text: bytes, expected: bool) -> None:
    assert parse({"regex": regex}).matches(text) is expected


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ({"contains": "b*"}, b"ab*c", True),
        ({"contains": "b"}, b"aBc", False),
        ({"contains": "B", "ignore_case": True}, b"abc", True),
        ({"startswith": "/Tmp/", "ignore_case": True}, b"/tmp/x", True),
        ({"startswith": "/tmp/"}, b"/var/tmp/x", False),
        ({"endswith": "/nc"}, b"/bin/nc", True),
        ({"endswith": "/nc"}, b"/bin/nc/x", False),
        ({"exact": "LS", "ignore_case": True}, b"ls", True),
        ({"exact": "LS", "ignore_case": False}, b"ls", False),
        ({"glob": "*[A-C]?X", "ignore_case": True}, b"zb1x", True),
        ({"regex": "^Ab", "ignore_case": True}, b"aBc", True),
        ({"contains": "É", "ignore_case": True}, "é".encode(), False),
    ],
)
def test_part_of_a_text_is_found_in_either_case(value: object, text: bytes, expected: bool) -> None:
    assert parse(value).matches(text) is expected


@pytest.mark.parametrize(
    ("value", "before", "after", "expected"),
    [
        ({"contains": "b"}, True, True, True),
        ({"startswith": "a"}, False, True, True),
        ({"startswith": "a"}, True, False, None),
        ({"endswith": "c"}, True, False, True),
        ({"endswith": "c"}, False, True, None),
        ({"exact": "ABC", "ignore_case": True}, False, True, None),
    ],
)
def test_piece_of_a_text_matches_where_the_rest_does_not_matter(
    value: object, before: bool, after: bool, expected: bool | None
) -> None:
    assert parse(value).matches_piece(b"abc", before, after) is expected


_PIECES = st.sampled_from(
    ["a", "b", "ab", ".", "[ab]", r"\.", "[.*]", "(?:a|b)", "(?:.*)", "a?", "b+", "^", "$", r"\b",
     "|", "(a", ")", "(?i:A)", r"\|"]
)  # fmt: skip


@settings(max_examples=400)
@given(
    st.lists(st.one_of(_PIECES, st.sampled_from([".*", ".+", ".*?"])), min_size=1, max_size=6),
    st.text("abAB.*|\n", max_size=8),
)
def test_regex_taken_apart_finds_the_same(parts: list[str], text: str) -> None:
    regex = "".join(parts)
    try:
        pattern = parse({"regex": regex})
    except PatternError:
        assume(False)
    expected = bool(re.search(regex.encode(), text.encode(), re.DOTALL))

    assert pattern.matches(text.encode()) is expected
    if expected:
        assert pattern.literal in text.encode().lower()


_VALUES = st.one_of(
    st.text("ab*?", max_size=4),
    st.lists(_PIECES, min_size=1, max_size=4).map(lambda parts: {"regex": "".join(parts)}),
)


@settings(max_examples=400)
@given(_VALUES, st.text("ab", max_size=4), st.text("ab", max_size=4), st.text("ab", max_size=4))
def test_what_matches_a_piece_matches_the_whole(
    value: Any, before: str, piece: str, after: str
) -> None:
    try:
        pattern = parse(value)
    except PatternError:
        assume(False)
    if pattern.matches_piece(piece.encode(), True, True):
        assert pattern.matches((before + piece + after).encode())
    if pattern.matches_piece(piece.encode(), False, True):
        assert pattern.matches((piece + after).encode())
    if pattern.matches_piece(piece.encode(), True, False):
        assert pattern.matches((before + piece).encode())


def test_costly_regex_sees_beginning_and_end_of_long_text_only() -> None:
    pattern = parse({"regex": "[a-z]+!x"}, regex_bytes=100)

    assert pattern.matches(b"a!x") is True
    assert pattern.matches(b"a" * 100) is False
    assert pattern.matches(b"a!x" + b" " * 200) is True
    assert pattern.matches(b" " * 200 + b"a!x") is True
    assert pattern.matches(b" " * 100 + b"a!x" + b" " * 100) is None
    anchored = parse({"regex": "^[a-z]+[a-z]*!"}, regex_bytes=100)
    assert anchored.matches(b"a!" + b" " * 200) is True
    assert anchored.matches(b" " * 200 + b"a!") is None


def test_cheap_regex_sees_all_of_long_text() -> None:
    pattern = parse({"regex": "a!x"}, regex_bytes=100)

    assert pattern.matches(b" " * 100_000 + b"a!x" + b" " * 100_000) is True
