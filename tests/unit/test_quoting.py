# SPDX-License-Identifier: Apache-2.0
"""Quoting: nothing but printable text comes out, and exactly what went in can be read back."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execaudit.records.quoting import make_printable, quote, quote_cell, quote_head, width
from tests.unit.any_text import ANY_TEXT, assert_harmless
from tests.unit.shell_words import Word, read_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ls", "ls"),
        ("--color=auto", "--color=auto"),
        ("/usr/bin/x_1.2:3,4@h%", "/usr/bin/x_1.2:3,4@h%"),
        ("[", "["),
        ("{}", "{}"),
        ("[a", "'[a'"),
        ("", "''"),
        ("a b", "'a b'"),
        (" ", "' '"),
        ("$HOME", "'$HOME'"),
        ("*.c", "'*.c'"),
        ("a;b", "'a;b'"),
        ('say "hi"', "'say \"hi\"'"),
        ("it's", r"$'it\'s'"),
        ("back\\slash", r"'back\slash'"),
        ("it's\\", r"$'it\'s\\'"),
        ("\n", r"$'\n'"),
        ("a\tb\r", r"$'a\tb\r'"),
        ("\x1b[2J", r"$'\x1b[2J'"),
        ("\x7f", r"$'\x7f'"),
        ("\x9b31m", r"$'\u009b31m'"),
        ("\u202egnp.exe", r"$'\u202egnp.exe'"),
        ("a\u2028b", r"$'a\u2028b'"),
        ("\u2066x\u2069", r"$'\u2066x\u2069'"),
        ("a\u00a0b", r"$'a\u00a0b'"),
        ("a\u200bb", r"$'a\u200bb'"),
        ("\u3164", r"$'\u3164'"),
        ("\ufffd", r"$'\ufffd'"),
        ("\udcff", r"$'\xff'"),
        ("\ud800", r"$'\ud800'"),
        ("\U000e0041", r"$'\U000e0041'"),
        ("café", "café"),
        ("日本", "日本"),
        ("😀", "'😀'"),
        ("e\u0301", "'e\u0301'"),
        ("\u0301e", r"$'\u0301e'"),
        ("\n\u0301", r"$'\n\u0301'"),
        ("…", "'…'"),
        ("...", "..."),
        ("<unreadable>", "'<unreadable>'"),
    ],
)
def test_quote_is_minimal_and_escapes_what_is_not_printable(text: str, expected: str) -> None:
    assert quote(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ls", '"ls"'),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("it's", '"it\'s"'),
        ("\\", r'"\\"'),
        ("\\n", r'"\\n"'),
        ("\n", r'"\n"'),
        ("\x1b[0m", r'"\x1b[0m"'),
        ("\udc80é", r'"\x80é"'),
    ],
)
def test_quote_always_uses_double_quotes(text: str, expected: str) -> None:
    assert quote(text, always=True) == expected


@given(st.lists(ANY_TEXT, max_size=5), st.booleans(), st.booleans())
def test_quoted_words_are_harmless_and_read_back_exactly(
    texts: list[str], always: bool, ascii_only: bool
) -> None:
    line = " ".join(quote(text, always=always, ascii_only=ascii_only) for text in texts)
    assert_harmless(line)
    assert not ascii_only or line.isascii()
    assert read_words(line) == [Word(text, "") for text in texts]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b"")))))
def test_quoted_bytes_pasted_into_a_shell_give_the_same_arguments(
    commands: list[list[bytes]],
) -> None:
    script = "\n".join(
        "printf '%s\\0' " + " ".join(["-", *(quote(os.fsdecode(raw)) for raw in words)])
        for words in commands
    )
    output = subprocess.run(
        ["bash", "--norc"],
        input=script.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    ).stdout
    assert output == b"".join(b"%b\0" % raw for words in commands for raw in [b"-", *words])


@given(ANY_TEXT, st.integers(0, 60), st.booleans(), st.booleans())
def test_quote_head_fits_and_is_a_beginning(
    text: str, room: int, always: bool, ascii_only: bool
) -> None:
    head = quote_head(text, room, always=always, ascii_only=ascii_only)
    assert width(head) <= room
    assert_harmless(head)
    if head:
        (word,) = read_words(head)
        assert word.text
        assert text.startswith(word.text)


def test_quote_head_is_the_whole_text_when_there_is_room() -> None:
    assert quote_head("a b\n", 8) == r"$'a b\n'"
    assert quote_head("a b\n", 7) == "$'a b'"


@pytest.mark.parametrize("text", ["[", "]", "{}"])
def test_quote_head_quotes_what_is_bare_only_before_a_blank(text: str) -> None:
    # A mark follows directly: "[…" would be the beginning of a pattern.
    assert quote(text) == text
    assert quote_head(text, 10) == f"'{text}'"
    assert quote_head(text, 2) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bash", "bash"),
        ("kworker/0:1", "kworker/0:1"),
        ("(sd-pam)", "(sd-pam)"),
        ("-bash", "-bash"),
        ("tmux: server", "'tmux: server'"),
        ("", "''"),
        ("?", "'?'"),
        ("-", "'-'"),
        ("***", "'***'"),
        ("$'x'", r"$'$\'x\''"),
        ("a\\x1b", r"'a\x1b'"),
        ("\x1b[31m", r"$'\x1b[31m'"),
        ("日本", "日本"),
        ("\udcff", r"$'\xff'"),
    ],
)
def test_quote_cell_quotes_only_what_would_be_misread(text: str, expected: str) -> None:
    assert quote_cell(text) == expected


@given(ANY_TEXT, ANY_TEXT)
def test_quote_cell_never_shows_two_names_the_same(one: str, other: str) -> None:
    assert_harmless(quote_cell(one))
    assert (quote_cell(one) == quote_cell(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("日本", 4),
        ("\uff41", 2),
        ("한글", 4),
        ("\u1112\u1161\u11ab", 2),
        ("😀", 2),
        ("…", 1),
        ("ك", 1),
    ],
)
def test_width_counts_wide_and_combining_characters(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a b'é", "a b'é"), ("\x1b[2J\n", "\\x1b[2J\\n"), ("\udcff\u202e", "\\xff\\u202e")],
)
def test_text_of_a_message_is_escaped_without_quotes(text: str, shown: str) -> None:
    assert make_printable(text) == shown
