# SPDX-License-Identifier: Apache-2.0
"""Reads the ARGS column back: the exact arguments and the marks, as docs/trace.md defines them.

Written from the documentation, not from the code under test, and stricter than a shell: what the
documentation does not allow in a line is an error.
"""

import re
from typing import NamedTuple

_BARE = re.compile(r"(?:[\w@%+=:,./^-]|\[(?=\s|$)|\](?=\s|$)|\{\}(?=\s|$))+")
_MARK = re.compile(
    r"(?:…|<\.\.\.>)(?:\((?:\+[0-9]+ bytes|\+[0-9]+( or more)? args?|cut)(?:, [a-z]+)?\))?"
    r"|<(?:unreadable|cut)(?:: [a-z_, ]+)?>"
)
_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[\\'\"nrt])|x(?P<byte>[0-9a-f]{2})"
    r"|u(?P<short>[0-9a-f]{4})|U(?P<long>[0-9a-f]{8}))"
)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}


class Word(NamedTuple):
    """One word of the line: the argument, None where only a mark stands, and its mark."""

    text: str | None
    mark: str


def unescape(text: str) -> str:
    """Undo the escapes between quotes; a backslash that starts none is an error."""

    def replace(match: re.Match[str]) -> str:
        if match["plain"]:
            return _PLAIN.get(match["plain"], match["plain"])
        if match["byte"]:
            code = int(match["byte"], 16)
            return chr(code if code < 0x80 else 0xDC00 + code)
        return chr(int(match["short"] or match["long"], 16))

    assert "\\" not in _ESCAPE.sub("", text), text
    return _ESCAPE.sub(replace, text)


def read_text(line: str, at: int) -> tuple[str | None, int]:
    """Read one argument at a position; None and the same position where there is none."""
    if line.startswith("'", at):
        end = line.index("'", at + 1)
        return line[at + 1 : end], end + 1
    opening = next((quote for quote in ("$'", '"') if line.startswith(quote, at)), None)
    if opening:
        start = at + len(opening)
        body = re.compile(rf"(?:\\.|[^\\{opening[-1]}])*").match(line, start)
        assert body, line
        assert line[body.end()] == opening[-1], line
        return unescape(body[0]), body.end() + 1
    bare = _BARE.match(line, at)
    return (bare[0], bare.end()) if bare else (None, at)


def read_words(line: str) -> list[Word]:
    """Read a whole ARGS column."""
    words = []
    at = 0
    while at < len(line):
        text, at = read_text(line, at)
        mark = ""
        while found := _MARK.match(line, at):
            mark += found[0]
            at = found.end()
        if mark in ("…", "<...>") and text is None:  # " … +3", the mark of --max-args
            more = re.compile(r" \+[0-9]+( or more)?$").match(line, at)
            assert more, line
            mark += more[0]
            at = more.end()
        assert text is not None or mark, f"nothing readable at {at}: {line!r}"
        words.append(Word(text, mark))
        assert at == len(line) or line[at] == " ", f"no space at {at}: {line!r}"
        at += 1
    return words
