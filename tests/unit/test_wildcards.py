# SPDX-License-Identifier: Apache-2.0
"""Patterns with wildcards: what they match, what they refuse, and that they take bounded time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.rules.wildcards import WildcardError, has_wildcards, translate_wildcards


def matches(pattern: str, text: str, *, is_path: bool = True) -> bool:
    found = translate_wildcards(pattern, is_path=is_path)
    return bool(found.match(text.encode("utf-8", "surrogateescape")))


PATHS: dict[str, tuple[list[str], list[str]]] = {
    "/usr/bin/*": (["/usr/bin/ls", "/usr/bin/"], ["/usr/bin/a/b", "/usr/bin"]),
    "/usr/**": (["/usr/a/b"], ["/usr"]),
    "/usr/**/bin": (["/usr/bin", "/usr/a/b/bin"], ["/usr/abin"]),
    "**/nc": (["/usr/bin/nc", "nc"], ["/usr/bin/xnc"]),
    "/a?b": (["/aéb", "/a\udcffb"], ["/a/b"]),
    "/[a-c]x": (["/bx"], []),
    "/[!x]": (["/é"], ["/x"]),
    "/[^x]": (["/y"], []),
    "/[]]": (["/]"], []),
    "/[a-]": (["/-"], []),
    "/x[*]": (["/x*"], ["/xy"]),
    "*[": (["ab["], []),
    "*": ([""], []),
    "**": (["/"], []),
    "/*/*b": (["/aab/acbab"], ["/aab/acba"]),
    "**/a*/c": (["/ab/x/ab/c"], []),
    "/home/**/.ssh/*": (["/home/u/.ssh/k"], []),
    "a\\*": (["a\\b"], []),
    "/a*b*c": (["/abbcc"], []),
    "/a[!x]b": ([], ["/a/b"]),
    "/a[.-0]b": ([], ["/a/b"]),
    "/a*b": ([], ["/ab/b"]),
    "/A*": ([], ["/a"]),
}
"""By pattern: paths that it matches, and paths that it does not."""


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        (pattern, path, expected)
        for pattern, both in PATHS.items()
        for expected, paths in zip((True, False), both, strict=True)
        for path in paths
    ],
)
def test_path_pattern_matches_or_does_not(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


def test_star_matches_anything_where_text_is_no_path() -> None:
    assert matches("--file=*", "--file=/a/b", is_path=False)
    assert matches("*a*b*", "x/a\n/b/y", is_path=False)
    assert matches("a?b", "a/b", is_path=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr/bin/ls", False),
        ("[", False),
        ("[]", False),
        ("a]", False),
        ("*", True),
        ("?", True),
        ("[a]", True),
    ],
)
def test_text_with_wildcards_is_told_from_plain_text(text: str, expected: bool) -> None:
    assert has_wildcards(text) is expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[é]", "[é] has a character beyond ASCII: give a list of patterns"),
        ("[z-a]", "[z-a] has a range that ends before it begins"),
    ],
)
def test_meaningless_class_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(WildcardError, match=re.escape(reason)):
        translate_wildcards(pattern, is_path=True)


def plain_match(pattern: str, text: str, *, is_path: bool) -> bool:
    """Match by the definition, trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        stars = len(pattern) - len(pattern.lstrip("*"))
        rest = pattern[stars:]
        limit = text.find("/") if is_path and stars == 1 else -1
        reach = len(text) if limit < 0 else limit
        return any(plain_match(rest, text[at:], is_path=is_path) for at in range(reach + 1))
    if not text or (pattern[0] != "?" and pattern[0] != text[0]):
        return False
    if pattern[0] == "?" and is_path and text[0] == "/":
        return False
    return plain_match(pattern[1:], text[1:], is_path=is_path)


@given(st.text("ab/*?", max_size=8), st.text("ab/é", max_size=9), st.booleans())
def test_translation_agrees_with_definition(pattern: str, text: str, is_path: bool) -> None:
    if is_path and re.search(r"(?:^|/)\*{2,}/", pattern):
        return  # of its own meaning, below
    assert matches(pattern, text, is_path=is_path) is plain_match(pattern, text, is_path=is_path)


@given(
    st.lists(st.sampled_from(["**", "a", "*", "b*", "?"]), min_size=1, max_size=5),
    st.lists(st.text("ab", max_size=2), min_size=1, max_size=5),
)
def test_double_star_component_is_any_number_of_components(
    pattern: list[str], text: list[str]
) -> None:
    def fits(wanted: list[str], found: list[str]) -> bool:
        if not wanted:
            return not found
        if wanted[0] == "**" and len(wanted) > 1:
            return any(fits(wanted[1:], found[at:]) for at in range(len(found) + 1))
        if wanted[0] == "**":
            return bool(found)
        if not found:
            return False
        return plain_match(wanted[0], found[0], is_path=True) and fits(wanted[1:], found[1:])

    assert matches("/".join(pattern), "/".join(text)) is fits(pattern, text)


@given(st.text("abc/*?[]!-A.", max_size=10), st.text("abcA/.-", max_size=10), st.booleans())
def test_literal_occurs_in_all_that_matches(pattern: str, text: str, is_path: bool) -> None:
    try:
        found = translate_wildcards(pattern, is_path=is_path)
    except WildcardError:
        return
    if found.match(text.encode()):
        assert found.literal in text.encode()


@pytest.mark.timeout(60)  # each wildcard more would take thousands of times as long
def test_many_wildcards_do_not_multiply_the_time() -> None:
    pattern = translate_wildcards("*a" * 20 + "*b*c", is_path=False)
    text = b"a" * 20_000

    assert not pattern.match(text)
