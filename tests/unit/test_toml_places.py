# SPDX-License-Identifier: Apache-2.0
"""Positions of keys are those at which they were written, in every spelling of TOML."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execaudit.config.toml_places import KeyPath, Place, find_places
from tests.unit.toml_documents import Document, documents


def paths_of(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path that tomllib's result has."""
    below: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    for part, each in below:
        yield (*path, part)
        yield from paths_of(each, (*path, part))


@settings(max_examples=60, deadline=None)
@given(documents())
def test_every_key_is_found_where_it_was_written(document: Document) -> None:
    data = tomllib.loads(document.text)

    places = find_places(document.text)

    assert places.offsets == document.offsets
    assert set(places.offsets) == set(paths_of(data))
    assert not places.repeated


@settings(max_examples=500, deadline=None)
@given(st.text("[]{}\"'=.,# \n\r\tab1\\u", max_size=40))
def test_any_text_is_walked_and_tomllibs_paths_are_found(text: str) -> None:
    places = find_places(text)

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(places.offsets) == set(paths_of(data))


@settings(max_examples=30, deadline=None)
@given(documents(), st.floats(0, 1))
def test_text_cut_anywhere_keeps_the_positions_before_the_cut(
    document: Document, part: float
) -> None:
    cut = int(part * len(document.text))

    found = find_places(document.text[:cut]).offsets

    for path, offset in found.items():
        if offset + 30 < cut:  # not the key that was cut through
            assert document.offsets[path] == offset


def test_line_and_column_count_characters_from_one() -> None:
    places = find_places('"é" = 1\r\n\tb.c = 2\n[[d]]\n  e = [ 1,\n 2 ]\n')

    assert places.place(("é",)) == Place(1, 1)
    assert places.place(("b",)) == Place(2, 2)
    assert places.place(("b", "c")) == Place(2, 4)
    assert places.place(("d", 0)) == Place(3, 3)
    assert places.place(("d", 0, "e", 1)) == Place(5, 2)


def test_path_that_is_not_there_has_the_place_of_what_is_above_it() -> None:
    places = find_places("\n[a]\nb = 1\n")

    assert places.place(("a", "x", 3)) == Place(2, 2)
    assert places.place(("x",)) == Place(1, 1)


def test_last_path_of_a_line_is_the_one_that_begins_last() -> None:
    places = find_places("a = 1\nb = { c = 1, d = [2, 3] }\n")

    assert places.last_path(2) == ("b", "d", 1)
    assert places.last_path(3) == ()


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\nb = 2\na = 3\n",
        "[a]\nb = 1\n[a]\n",
        "[a]\n[[a]]\n",
        "a.b = 1\n[a]\nb = 2\n",
        "[[a]]\n[a]\n",
        "a = { b = 1, b = 2 }\n",
        "a = 1\n[a]\n",
    ],
)
def test_key_that_is_given_twice_is_told(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)

    assert find_places(text).repeated


@pytest.mark.parametrize(
    "text",
    [
        'a = "' + "x" * 500_000,
        'a = """' + '\\"' * 500_000,
        "a = '''" + "''x" * 300_000,
        "a = [" + "#\n" * 500_000,
        "a = " + "[" * 100_000,
        "a = " + "{b=" * 100_000,
        "a." * 100_000,
    ],
    ids=["open text", "open text of escapes", "open text of quotes", "comments", "lists", "tables",
         "parts"],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_hostile_text_is_walked_in_reasonable_time(text: str) -> None:
    find_places(text)
