# SPDX-License-Identifier: Apache-2.0
"""Command lines taken apart as a POSIX shell would: words, pipes, here-strings, substitutions.

Owns the reading, and the way back from an offset in a word to the one in the text. It never runs
or expands anything. The work is linear in the text, and texts of more than `TOKEN_LIMIT` tokens are
not taken apart.
"""

import re
from bisect import bisect_right
from operator import attrgetter
from typing import NamedTuple

TOKEN_LIMIT = 1 << 15
_NESTING = 8  # of substitutions
_UPSTREAM = 64  # commands of a pipeline that are looked at
_TOKEN = re.compile(
    rb"(?P<blank>[ \t\r]+)"
    rb"|(?P<here>[0-9]?<<<)"
    rb"|(?P<substitution>[$<>]\()"
    rb"|(?P<redirect>[0-9]?(?:<<-?|>>|<>|>\||[<>]&?))"
    rb"|(?P<plain>[^\s\"'\\|&;()<>`$]+)"
    rb"|\$'(?P<ansi>(?:[^'\\]|\\(?s:.))*+)'?"
    rb"|'(?P<single>[^']*)'?"
    rb"|(?P<double>\")"
    rb"|(?P<escape>\\(?s:.)?)"
    rb"|(?P<dollar>\$)"
    rb"|(?P<backtick>`[^`]*`?)"
    rb"|(?P<separator>\n|&&|\|\||;;?|&(?!>))"
    rb"|(?P<pipe>\|&?)"
    rb"|(?P<append>&>>?)"
    rb"|(?P<open>\()|(?P<close>\))"
    rb"|(?P<other>(?s:.))"
)
_IN_DOUBLE = re.compile(
    rb"(?P<plain>[^\"\\$`]+)|(?P<end>\")|(?P<escape>\\(?s:.)?)|(?P<substitution>\$\()|(?P<dollar>\$)"
    rb"|(?P<backtick>`[^`]*`?)"
)
_OPERATORS = frozenset(("redirect", "here", "separator", "pipe", "append", "open", "close"))
_ESCAPED_IN_DOUBLE = (b'"', b"\\", b"$", b"`", b"\n")
_KEYWORDS = frozenset(b"if then elif else do while until ! { } time coproc".split())


class Piece(NamedTuple):
    """A run of bytes of a word that stand in the text one after the other."""

    offset: int  # in the word
    source: int  # in the text
    length: int


_OFFSET = attrgetter("offset")


class Word(NamedTuple):
    """A word without its quotes; `$` that the shell expands are `values.SHELL_DOLLAR` bytes."""

    value: bytes
    pieces: tuple[Piece, ...]

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Return offsets in the text of what is between two offsets in the value."""
        first = self.pieces[bisect_right(self.pieces, start, key=_OFFSET) - 1]
        last = self.pieces[bisect_right(self.pieces, end - 1, key=_OFFSET) - 1]
        return first.source + start - first.offset, last.source + end - last.offset


class Command(NamedTuple):
    """A simple command; `upstream` are the commands whose output it reads, as far as they show.

    `input` are its here-strings.
    """

    words: list[Word]
    input: list[Word]
    upstream: list["Command"]


class _Reader:
    """Reads a stretch of a text."""

    def __init__(self, text: bytes, at: int, end: int, tokens: int = 0) -> None:
        self.commands: list[Command] = []
        self.at = at
        self.tokens = tokens
        self._text = text
        self._end = end
        self._value: list[bytes] = []
        self._pieces: list[Piece] = []
        self._length = 0
        self._has_word = False
        self._command = Command([], [], [])
        self._target = self._command.words
        self._first = 0  # command of the pipeline so far
        self._groups: list[int] = []
        self._documents: list[tuple[list[Word], list[Word]]] = []  # (delimiter, where to)

    def read(self, depth: int, *, until_close: bool) -> None:
        """Read commands to the end, or to the `)` of a substitution."""
        while self.at < self._end:
            match = self._next(_TOKEN)
            kind = self._kind(match)
            if kind == "blank":
                if self._end_word():
                    self._target = self._command.words
            elif kind in _OPERATORS:
                self._end_word()
                self._target = self._command.words
                if kind == "close" and until_close and not self._groups:
                    break
                self._operate(kind, match[0])
            else:
                self._add(kind, match, depth)
        self._end_word()
        self._end_command([])

    def _kind(self, match: re.Match[bytes]) -> str:
        if match[0] in (b"{", b"}") and not self._has_word and not self._command.words:
            return "open" if match[0] == b"{" else "close"
        return match.lastgroup or "other"

    def _operate(self, kind: str, token: bytes) -> None:
        if kind in ("redirect", "append"):
            self._target = []
            if b"<<" in token:
                self._documents.append((self._target, self._command.input))
        elif kind == "here":
            self._target = self._command.input
        elif kind == "open":
            self._end_command([])
            self._groups.append(self._first)
            self._first = len(self.commands)
        elif kind == "close":
            self._end_command([])
            self._first = self._groups.pop() if self._groups else self._first
        elif kind == "pipe":
            self._end_command(self.commands)
        else:
            self._end_command([])
            if not self._groups:
                self._first = len(self.commands)
            if token == b"\n":
                self._read_documents()

    def _end_command(self, before: list[Command]) -> None:
        """Begin another command, which reads what commands of `before` pipe to it."""
        if self._command.words or self._command.input:
            self.commands.append(self._command)
        self._command = Command([], [], before[max(self._first, len(before) - _UPSTREAM) :])
        self._target = self._command.words

    def _read_documents(self) -> None:
        """Read the here-documents that begin in this line."""
        for delimiter, into in self._documents:
            stop = delimiter[0].value if delimiter else b""
            end = self._text.find(b"\n" + stop, self.at - 1, self._end)
            end = self._end if end < 0 else end
            if end > self.at:
                body = self._text[self.at : end]
                into.append(Word(body, (Piece(0, self.at, len(body)),)))
            self.at = min(self._end, end + 1 + len(stop))
        self._documents = []

    def _next(self, regex: re.Pattern[bytes]) -> re.Match[bytes]:
        self.tokens += 1
        if self.tokens > TOKEN_LIMIT:
            raise OverflowError
        match = regex.match(self._text, self.at, self._end)
        assert match is not None  # noqa: S101 - the last branch takes any byte
        self.at = match.end()
        return match

    def _add(self, kind: str, match: re.Match[bytes], depth: int) -> None:
        """Add a token to the word."""
        if kind in ("plain", "other"):
            self._append(match[0], match.start())
        elif kind == "single":
            self._append(match["single"], match.start() + 1)
        elif kind == "ansi":  # what \n and others stand for, readers of lines know
            self._append(match["ansi"], match.start() + 2)
        elif kind == "escape":
            self._append(match[0][1:].replace(b"\n", b""), match.start() + 1)
        elif kind == "dollar":
            self._append(b"\x01", match.start())
        elif kind == "backtick":
            self._substitute_backticks(match, depth)
        elif kind == "substitution":
            self._substitute(match, depth)
        elif kind == "double":
            self._read_double(depth)

    def _read_double(self, depth: int) -> None:
        self._append(b"", self.at)
        while self.at < self._end:
            match = self._next(_IN_DOUBLE)
            kind = match.lastgroup or "end"
            if kind == "end":
                return
            if kind == "escape" and match[0][1:] not in _ESCAPED_IN_DOUBLE:
                self._append(match[0], match.start())
            else:
                self._add(kind, match, depth)

    def _substitute(self, match: re.Match[bytes], depth: int) -> None:
        start = match.start()
        if depth < _NESTING:
            inner = _Reader(self._text, self.at, self._end, self.tokens)
            inner.read(depth + 1, until_close=True)
            self.tokens, self.at = inner.tokens, inner.at
            self.commands += inner.commands
        self._append(b"\x01" + self._text[start + 1 : self.at], start)

    def _substitute_backticks(self, match: re.Match[bytes], depth: int) -> None:
        if depth < _NESTING:
            inner = _Reader(self._text, match.start() + 1, match.end() - 1, self.tokens)
            inner.read(_NESTING, until_close=False)
            self.tokens = inner.tokens
            self.commands += inner.commands
        self._append(match[0], match.start())

    def _append(self, value: bytes, source: int) -> None:
        self._has_word = True
        if value:
            self._pieces.append(Piece(self._length, source, len(value)))
            self._value.append(value)
            self._length += len(value)

    def _end_word(self) -> bool:
        """End the word, if there is one; return whether there was."""
        if not self._has_word:
            return False
        self._target.append(Word(b"".join(self._value), tuple(self._pieces)))
        self._value, self._pieces, self._length = [], [], 0
        self._has_word = False
        return True


def read_commands(text: bytes) -> list[Command] | None:
    """Return the commands of a text, those in substitutions too; None where it is too long."""
    reader = _Reader(text, 0, len(text))
    try:
        reader.read(0, until_close=False)
    except OverflowError:
        return None
    return reader.commands


def strip_keywords(command: Command) -> list[Word]:
    """Return the words of a command without the reserved words that stand before it."""
    begin = 0
    while begin < len(command.words) and command.words[begin].value in _KEYWORDS:
        begin += 1
    if len(command.words) > begin + 1 and command.words[begin + 1].value == b"=":
        begin += 2  # $name = command, in PowerShell
    return command.words[begin:]
