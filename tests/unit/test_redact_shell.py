# SPDX-License-Identifier: Apache-2.0
"""Command lines taken apart: words, pipes, what is piped, and the way back to the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.redaction.shell import TOKEN_LIMIT, Word, read_commands


def values(words: list[Word]) -> list[bytes]:
    return [word.value for word in words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a b", [[b"a", b"b"]]),
        (b"a 'b c' \"d\\\"e\" f\\ g", [[b"a", b"b c", b'd"e', b"f g"]]),
        (b"a;b&&c||d&e\nf", [[b"a"], [b"b"], [b"c"], [b"d"], [b"e"], [b"f"]]),
        (b"a >f 2>&1 <g b", [[b"a", b"b"]]),
        (b"a2>f", [[b"a2"]]),
        (b'x $(a b) "$(c)" `d`', [[b"a", b"b"], [b"c"], [b"d"],
                                    [b"x", b"\x01(a b)", b"\x01(c)", b"`d`"]]),
        (b"a '$b' \"$c\" $d", [[b"a", b"$b", b"\x01c", b"\x01d"]]),
        (b"a 'open", [[b"a", b"open"]]),
        (b"", []),
    ],
)  # fmt: skip
def test_text_is_taken_apart_as_a_shell_would(text: bytes, words: list[list[bytes]]) -> None:
    commands = read_commands(text)
    assert commands is not None
    assert [values(command.words) for command in commands] == words


@pytest.mark.parametrize(
    "text",
    [
        b"echo a | x",
        b"echo a | tee f | x",
        b"(echo a) | x",
        b"{ echo a; } | x",
        b"b && echo a | x",
        b"$(echo a | x)",
    ],
)
def test_command_knows_what_is_piped_into_it(text: bytes) -> None:
    commands = read_commands(text)
    assert commands is not None
    (reader,) = [command for command in commands if values(command.words) == [b"x"]]
    assert [b"echo", b"a"] in [values(command.words) for command in reader.upstream]


@pytest.mark.parametrize("text", [b"echo a; x", b"echo a && x", b"x | echo a", b"echo a\nx"])
def test_what_is_not_piped_is_not_read(text: bytes) -> None:
    commands = read_commands(text)
    assert commands is not None
    (reader,) = [command for command in commands if values(command.words) == [b"x"]]
    assert reader.upstream == []


@pytest.mark.parametrize(
    ("text", "given_text"),
    [(b"x <<< 'a b'", b"a b"), (b"x <<E\na\nb\nE\ny", b"a\nb"), (b"x <<-E\na", b"a")],
)
def test_here_text_belongs_to_its_command(text: bytes, given_text: bytes) -> None:
    commands = read_commands(text)
    assert commands is not None
    assert values(commands[0].words) == [b"x"]
    assert values(commands[0].input) == [given_text]


@given(st.text("ab '\"\\$()`;|<>\n{}", max_size=60).map(str.encode))
def test_offsets_of_each_byte_lead_back_to_the_text(text: bytes) -> None:
    for command in read_commands(text) or []:
        for word in (*command.words, *command.input):
            for at, byte in enumerate(word.value):
                start, end = word.locate(at, at + 1)
                assert end == start + 1
                assert text[start] in (b"$<>" if byte == 1 else (byte,))


def test_text_of_too_many_tokens_is_not_taken_apart() -> None:
    assert read_commands(b"a " * TOKEN_LIMIT) is None
    assert read_commands(b"$(" * 4000) is not None
