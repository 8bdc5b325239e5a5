# SPDX-License-Identifier: Apache-2.0
"""Entries of the table of programs, put to use: secrets in arguments, and in what is piped in.

Owns the search with the lines of an entry, which are read when its program is first met. The work
is linear in the arguments. No more than `_ARGUMENTS` are looked at.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from execaudit.records.redaction.finding import FOLD
from execaudit.records.redaction.names import is_secret_name
from execaudit.records.redaction.usage import (
    INSIDE,
    LAST,
    NEXT,
    Program,
    Usage,
    compile_usage,
)
from execaudit.records.redaction.values import is_harmless

_ARGUMENTS = 4096  # more is nobody's command line
_OPTION = re.compile(rb"-[A-Za-z]|--[A-Za-z][\w=.-]*")
# No "-p" with a value: programs with such options have others of one letter besides.
_LONG_OPTION = re.compile(rb"-p(?:ass(?:word|wd|phrase)?|fx|ort)(?:=.*)?", re.DOTALL)
_PAIR = re.compile(rb"[a-z_]{2,32}=[^=]")  # username=bob is no token


class Found(NamedTuple):
    """A secret in a command: the index of the argument, where in it, and by which line of usage."""

    argument: int
    start: int
    end: int
    usage: str


class Entry:
    """An entry of the table; what it needs is made when it is first used."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @cached_property
    def plain(self) -> frozenset[bytes]:
        """Options that hold no secret here."""
        return frozenset(self.program.plain.encode().translate(FOLD).split())

    @cached_property
    def scripts(self) -> frozenset[bytes]:
        """Options whose value has commands of the program."""
        return frozenset(self.program.scripts.encode().translate(FOLD).split())

    @cached_property
    def commands(self) -> frozenset[bytes]:
        """Options whose value is a command line for a shell."""
        return frozenset(self.program.commands.encode().split())

    @cached_property
    def prose(self) -> frozenset[bytes]:
        """Options whose value is text for people."""
        return frozenset(self.program.prose.encode().split())

    @cached_property
    def _usages(self) -> tuple[Usage, ...]:
        return tuple(compile_usage(text) for text in self.program.usage if "<" not in text)

    @cached_property
    def _input_usages(self) -> tuple[Usage, ...]:
        return tuple(compile_usage(text) for text in self.program.usage if "<" in text)

    @cached_property
    def reads_pairs(self) -> bool:
        """True if it reads lines such as USER:SECRET."""
        return any(usage.text.endswith(":X") for usage in self._input_usages)

    @cached_property
    def _valued(self) -> frozenset[bytes]:
        return frozenset(self.program.valued.encode().translate(FOLD).split())

    @cached_property
    def _begins(self) -> re.Pattern[bytes]:
        """Return an expression for the beginnings of arguments; each usage needs one of them."""
        begins = [_begin(usage) for usage in self._usages]
        return re.compile(b"|".join(begins) if begins else b"(?!)", re.DOTALL)

    def find_in_arguments(self, words: Sequence[bytes]) -> Iterator[Found]:
        """Find secrets in the arguments of the program, itself not among them."""
        words = words[:_ARGUMENTS]
        if not any(map(self._begins.match, words)):
            return
        taken: set[int] = set()
        positions: list[int] | None = None
        for usage in self._usages:
            if usage.behind >= 0 or usage.behind == LAST:
                if positions is None:
                    positions = _positions(words, self._valued, self.program.signs.encode())
                candidates = _find_words(usage, words, positions)
            else:
                candidates = _find_options(usage, words)
            for index, start, end in candidates:
                is_long = end - start > 1  # nobody's password is one letter
                if is_long and index not in taken and not _is_harmless(words[index], start, end):
                    taken.add(index)
                    yield Found(index, start, end, usage.text)

    def find_in_input(self, words: Sequence[bytes], lines: Sequence[bytes]) -> Iterator[Found]:
        """Find secrets in the texts that are piped in; the index says which text."""
        for usage in self._input_usages:
            at = 0
            for literal in usage.literals:
                at = _index_of(literal, words, at) + 1
                if not at:
                    break
            else:
                found = [
                    Found(index, *span, usage.text)
                    for index, line in enumerate(lines)
                    for span in _values_of_lines(usage, line)
                ]
                yield from found
                if found:
                    return


def _begin(usage: Usage) -> bytes:
    """Return an expression for an argument without which the usage finds nothing."""
    if usage.literals:
        literal = usage.literals[0]
        return (b"(?i:%s)" if literal.flags & re.IGNORECASE else b"(?:%s)") % literal.pattern
    if usage.behind != INSIDE:
        return b""
    return usage.value.pattern.replace(b"(?P<secret>", b"(?:")


def _is_harmless(word: bytes, start: int, end: int) -> bool:
    return is_harmless(word[start : min(end, start + 1024)], b"password")


def _positions(words: Sequence[bytes], valued: frozenset[bytes], signs: bytes) -> list[int]:
    """Return the indexes of words that are neither options nor their values.

    Options begin with one of `signs`.
    """
    found: list[int] = []
    is_value = False
    for index, word in enumerate(words):
        if is_value:
            is_value = False
        elif len(word) > 1 and word[0] in signs and word[:2] != b"//":
            is_value = word in valued
        else:
            found.append(index)
    return found


def _find_options(usage: Usage, words: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    at = 0
    for literal in usage.literals[:-1] if usage.behind == NEXT else usage.literals:
        at = _index_of(literal, words, at) + 1
        if not at:
            return
    if usage.behind == INSIDE:
        yield from _find_inside(usage, words, at)
        return
    option = usage.literals[-1]
    for index in range(at, len(words)):
        word = words[index]
        match = option.match(word)
        if not match:
            continue
        if match.end() == len(word):
            at, start = index + 1, 0
        elif word[match.end()] == ord("=") and match.end() > 1:
            at, start = index, match.end() + 1
        else:
            continue
        # `mongosh -p --host h` asks for the password.
        if at < len(words) and not (start == 0 and _OPTION.fullmatch(words[at])):
            value = usage.value.fullmatch(words[at], start)
            if value:
                yield (at, *value.span("secret"))


def _find_inside(usage: Usage, words: Sequence[bytes], at: int) -> Iterator[tuple[int, int, int]]:
    is_option = usage.text.split()[-1][0] in "-/"
    for index in range(at, len(words)):
        word = words[index]
        match = usage.value.fullmatch(word)
        if match and (not _LONG_OPTION.fullmatch(word) if is_option else word[:1] != b"-"):
            yield (index, *match.span("secret"))


def _find_words(
    usage: Usage, words: Sequence[bytes], positions: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    at = 0
    for literal in usage.literals:
        at = _index_of(literal, words, at) + 1
        if not at:
            return
    behind = [index for index in positions if index >= at]
    skipped = len(behind) - 1 if usage.behind == LAST else usage.behind
    if not 0 <= skipped < len(behind):
        return
    if usage.is_option and behind[skipped] != at + skipped:
        return
    if usage.secret_name >= 0 and not _names_secret(words[behind[usage.secret_name]]):
        return
    if usage.unlike and usage.unlike.fullmatch(words[behind[0]]):
        return
    word = words[behind[skipped]]
    match = usage.value.fullmatch(word)
    if match and not (match.start("secret") == 0 and _PAIR.match(word)):
        yield (behind[skipped], *match.span("secret"))


def _index_of(literal: re.Pattern[bytes], words: Sequence[bytes], at: int) -> int:
    for index in range(at, len(words)):
        if literal.fullmatch(words[index]):
            return index
    return -1


def _names_secret(word: bytes) -> bool:
    # registry.example/:_authToken, db/password, secrets["password"]
    return is_secret_name(word[-80:]) or word.endswith((b":_auth", b"_auth"))


_LINE = re.compile(rb"(?P<line>(?:[^\n\\]|\\(?!n))+)|\n|\\n")


def _values_of_lines(usage: Usage, text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the secret in each line of a text, those included that echo and printf make of it."""
    for line in _LINE.finditer(text):
        match = usage.value.fullmatch(line["line"] or b"")
        if match and not is_harmless(match["secret"], b"password"):
            start, end = match.span("secret")
            yield line.start() + start, line.start() + end
