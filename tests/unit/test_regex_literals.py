# SPDX-License-Identifier: Apache-2.0
"""Texts that matches of a regular expression contain, and searches that go by them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execaudit.rules.patterns import parse_pattern
from execaudit.rules.regex_literals import BORDER
from execaudit.rules.regex_search import make_search
from execaudit.rules.regex_tree import parse_regex

PACK = Path(__file__).parents[2] / "packaging/config/detections.d"


def regexes_in(value: Any) -> list[str]:
    """Return the regular expressions anywhere in a table of rules."""
    if isinstance(value, dict):
        own = [value["regex"]] if isinstance(value.get("regex"), str) else []
        return own + [one for each in value.values() for one in regexes_in(each)]
    return [one for each in value for one in regexes_in(each)] if isinstance(value, list) else []


REGEXES = sorted(
    {one for path in PACK.glob("*.toml") for one in regexes_in(tomllib.loads(path.read_text()))}
)


def literals_of(regex: str) -> tuple[bytes, ...]:
    return parse_pattern({"regex": regex}, is_path=False, regex_bytes=4096).literals


def occurs(literal: bytes, text: bytes) -> bool:
    """Return True where the text has the literal, and its words end where it says so."""
    pattern = re.escape(literal).replace(re.escape(BORDER), BORDER)
    pattern = re.sub(rb"(?<=\w)\0|\0(?=\w)", rb"\\b", pattern).replace(BORDER, b"")
    return re.search(pattern, text.lower()) is not None


@pytest.mark.parametrize(
    ("regex", "literals"),
    [
        ("curl|wget", (b"curl", b"wget")),
        (r"(nc|ncat) -e", (b"nc -e", b"ncat -e")),
        ("x[ab]y", (b"xay", b"xby")),
        ("[a-z]{3}", ()),
    ],
)
def test_literals_are(regex: str, literals: tuple[bytes, ...]) -> None:
    assert literals_of(regex) == literals


def test_most_expressions_of_the_pack_have_literals() -> None:
    assert len(REGEXES) > 20
    assert sum(bool(literals_of(each)) for each in REGEXES) > len(REGEXES) * 0.9


FEW = settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@pytest.mark.parametrize("regex", REGEXES)
@FEW
@given(data=st.data())
def test_match_contains_a_literal(regex: str, data: st.DataObject) -> None:
    literals = literals_of(regex)
    text = data.draw(st.from_regex(regex.encode()))

    assert not literals or any(occurs(each, text) for each in literals)


@pytest.mark.parametrize("regex", REGEXES)
@FEW
@given(data=st.data())
def test_long_text_is_searched_as_a_plain_search_does(regex: str, data: st.DataObject) -> None:
    part = re.compile(regex.encode(), re.DOTALL)
    nodes = tuple(node for item in parse_regex(part) for node in item.nodes)
    hidden = data.draw(st.from_regex(regex.encode()) | st.binary(max_size=20))
    before = data.draw(st.sampled_from([b"", b" ", b"x", b"\n", b"id; "]))
    text = b"fill " * 900 + before + hidden + b" fill" * 10
    wanted = part.search(text)

    found = make_search(part, nodes)(text, 0)
    assert (found and found.span()) == (wanted and wanted.span())
