# SPDX-License-Identifier: Apache-2.0
"""Regular expressions that could take too long are refused; the others keep to their bound."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execaudit.rules.patterns import PatternError, parse_pattern
from execaudit.rules.regex_cost import worst_degree
from execaudit.rules.regex_tree import (
    ANY_BYTE,
    Bytes,
    CostlyRegexError,
    Nodes,
    RegexError,
    join,
    parse_regex,
    required_literal,
    surroundings,
    width,
)


def parse_tree(regex: str, flags: int = re.DOTALL) -> Nodes:
    return join(parse_regex(re.compile(regex.encode(), flags)))


def degree(regex: str) -> int:
    return worst_degree(parse_tree(regex), regex.encode())


@pytest.mark.parametrize(
    ("regex", "reason"),
    [
        ("(a+)+$", "repeats a repetition of the same text"),
        ("(x+x+)+y", "repeats a repetition of the same text"),
        (r"([a-z]+\s?)+$", "repeats a repetition of the same text"),
        ("(.*a){12}", "repeats a repetition of the same text"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "repeats a repetition of the same text"),
        (r"(?:\d+|[0-9a-f]+:)*x", "repeats alternatives that begin alike"),
        ("(?:(?:b|ab)a*)*c", "repeats a repetition of the same text"),
        ("a(?:(?:b|ab)a+)*?b{2,4}$", "repeats a repetition of the same text"),
        ("(?:a?b|cb*)*!", "repeats a repetition of the same text"),
        ("(?:a|aa|.)" * 9, "has too many optional parts that can match the same text"),
        ("(a|ab|b)*c", "repeats alternatives that begin alike"),
        ("(a|a|b.)*c", "repeats alternatives that begin alike"),
        ("((a|.b)x)*c", "repeats alternatives that begin alike"),
        ("(?:.|a)*c", "repeats alternatives that begin alike"),
        ("(?:[^b]|a)*c", "repeats alternatives that begin alike"),
        ("(?:(?i:a)|a)*c", "repeats alternatives that begin alike"),
        ("(a*)*b", "repeats something that can be empty"),
        ("(a?){30}a{30}", "repeats something that can be empty"),
        ("(a?b?)*c", "repeats something that can be empty"),
        ("a?" * 20 + "a" * 20, "has too many optional parts that can match the same text"),
        (r"(a+)\1", "refers back to a group, which no bound on time allows"),
        ("(a)?(?(1)b|c)", "refers back to a group, which no bound on time allows"),
        ("(?=a+b)a", "repeats something inside a look-ahead or look-behind"),
        (".*a.*b.*c", "so that time grows with the 4th power of its length"),
        ("a+a+b", "so that time grows with the cube of its length"),
        ("x" * 2001, "is longer than 2000 bytes"),
        ("(a+b|c+d)" * 9, "has too many alternatives that repeat something"),
        ("(?=(?:a|aa){40}b)", "repeats alternatives that begin alike"),
        ("(?:a|)" * 25 + "a" * 25, "has too many optional parts that can match the same text"),
        ("(?:[ab]|b)*c", "repeats alternatives that begin alike"),
    ],
)
def test_regex_that_could_take_too_long_is_refused(regex: str, reason: str) -> None:
    with pytest.raises(CostlyRegexError, match=re.escape(reason)):
        degree(regex)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        ("^abc$", 0),
        ("^[a-z]+$", 1),
        ("abc", 1),
        (r"secret=\S+", 1),
        (r"(?i)authorization:\s*(basic|bearer)\s+\S+", 1),
        (r"\d{1,3}(?:\.\d{1,3}){3}", 1),
        ("^(?:/[a-z]+)*$", 1),
        ("(?:foo|far)+", 1),
        (r"\b(?:nc|ncat|netcat)\b", 1),
        (r"(?i)(?<![a-z])AKIA[0-9A-Z]{16}(?![0-9A-Z])", 1),
        (r"wget .*\| *sh", 2),
        (r"(?:https?|ftp)://[^/\s:]+:[^@\s]+@", 2),
        ("[a-z]+x", 2),
        ("[0-9a-f]{300}", 2),
        (r"(?:\w+ )*x", 2),
        (r"\s*,\s*x\s*\s*y", 2),
        ("^[^b]*c", 1),
        ("(?m)^[^b]*c", 2),
        ("(?m:^)[^b]*c", 2),
    ],
)
def test_degree_of_usual_expressions(regex: str, expected: int) -> None:
    assert degree(regex) == expected


_EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "ab", ".", "[ab]", "[^a]", r"\w"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(
            inner, st.sampled_from(["*", "+", "?", "{2,4}", "{3}", "*?", "{2,}", "{0,40}"])
        ).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        st.tuples(inner, st.sampled_from(["$", r"\b", "(?!b)", "(?:a|)"])).map("".join),
        inner.map(lambda regex: f"(?={regex})"),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(_EXPRESSIONS, st.sampled_from(["", "!", "$"]), st.sampled_from(["a", "b", "ab", "aab"]))
def test_accepted_regex_keeps_to_its_degree(regex: str, end: str, unit: str) -> None:
    regex += end
    try:
        power = degree(regex)
    except CostlyRegexError:
        return
    length = 10_000 if power < 2 else 1000
    text = (unit.encode() * length)[:length]
    # A degree more would take thousands of times as long: minutes, where the suite waits for none.
    re.search(regex.encode(), text, re.DOTALL)


@pytest.mark.timeout(60)  # to try them on a text of some length takes exponential time
@pytest.mark.parametrize("regex", [r"(?:(\W+))*(?!(?=[a-z]))A?^", r"(?:\S?|[^a])*$(?:(?:^)){3}"])
def test_cost_is_known_before_anything_is_searched(regex: str) -> None:
    with pytest.raises(PatternError):
        parse_pattern({"regex": regex}, is_path=False)


def test_scoped_flags_that_change_the_syntax_are_refused() -> None:
    with pytest.raises(RegexError, match="changes x or L for a group"):
        parse_tree("(?x:a b)")


@pytest.mark.parametrize("regex", ["a", "[a-f]", r"[\d_]", r"[^\s]", ".", r"\W", "[^a-c]"])
def test_byte_set_has_all_bytes_that_match_in_any_case(regex: str) -> None:
    (node,) = parse_tree(regex)
    assert isinstance(node, Bytes)

    for code in range(256):
        if re.match(b"(?is)" + regex.encode(), bytes([code])):
            assert node.codes >> code & 1
    assert node.codes <= ANY_BYTE


@pytest.mark.parametrize(
    ("regex", "before", "after"),
    [
        ("abc", False, False),
        ("^abc", True, False),
        ("abc$", False, True),
        (r"\Aabc\Z", True, True),
        (r"\babc", True, True),
        ("(?<=x)abc", True, False),
        ("abc(?!x)", False, True),
        ("a++b", False, True),
        ("(?>a|ab)", False, True),
        ("(?:x|(?:y|^z))", True, False),
    ],
)
def test_dependence_on_surroundings_is_found(regex: str, before: bool, after: bool) -> None:
    assert tuple(surroundings(parse_tree(regex))) == (before, after)


@pytest.mark.parametrize(
    ("regex", "literal"),
    [
        ("abc", b"abc"),
        ("a.bcd", b"bcd"),
        ("(?:abc)(def)", b"abcdef"),
        ("(?:abc|abd)", b"ab"),
        ("abc?", b"ab"),
        ("x*", b""),
        ("(?:abc)*xy", b"xy"),
        (r"^\Babc$", b"abc"),
        ("a[b]c", b"abc"),
        ("(?=abcdef)gh", b"gh"),
    ],
)
def test_required_literal(regex: str, literal: bytes) -> None:
    assert required_literal(parse_tree(regex)) == literal


_SAME = [
    (r"\x41\101\A\0\012", r"[A][A]\A[\x00][\n]"),
    (r"\a\f\v\t\r\n\\\.\-", "[\x07][\x0c][\x0b][\t][\r][\n][\\\\][.][-]"),
    ("[]a][^]a]", r"[\]a][^a\]]"),
    (r"[a\-c][a-][-a][\b\d]", r"[ac\x2d][a\x2d][a\x2d][\x080-9]"),
    ("a{2}b{,3}c{1,}d{}e{x}f{1,", r"(?:a){2}(?:b){0,3}(?:c)+d\{\}e\{x\}f\{1,"),
    ("a{,}b{2,3}?", "a*b{2,3}"),
    ("(?P<n>a)(?#b)c", "(a)c"),
    ("(?i)(?m)a", "a"),
    ("(?x) a b # c\n [ ] \\  +", "ab[ ][ ]+"),
    ("abc|abd|ab", "ab(?:c|d|)"),
    ("(?:a(?:b))*c", "(?:ab)*c"),
    ("a|bc", "(a|bc)"),
]


@pytest.mark.parametrize(("regex", "other"), _SAME)
def test_what_means_the_same_has_the_same_tree(regex: str, other: str) -> None:
    assert parse_tree(regex) == parse_tree(other)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="before 3.14 there is no \\z")
def test_both_ends_of_text_are_the_same() -> None:
    assert parse_tree(r"a\z") == parse_tree(r"a\Z")


@pytest.mark.parametrize(
    ("regex", "expected"),
    [("abc", (3, 3)), ("a|bcd", (1, 3)), ("(ab?){2}", (2, 4)), (r"^\b(?=abc)$", (0, 0))],
)
def test_width_of_matches(regex: str, expected: tuple[int, int]) -> None:
    assert width(parse_tree(regex)) == expected


@settings(deadline=None, max_examples=200)
@given(_EXPRESSIONS, st.text("abc\n", max_size=8))
def test_width_and_literal_are_those_of_every_match(regex: str, text: str) -> None:
    nodes = parse_tree(regex)
    found = re.search(regex.encode(), text.encode(), re.DOTALL)

    if found:
        least, most = width(nodes)
        assert least <= len(found[0]) <= most
        assert required_literal(nodes) in text.encode()
