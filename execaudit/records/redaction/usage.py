# SPDX-License-Identifier: Apache-2.0
"""The language of the table of programs: where in a command a secret stands, as a manual says it.

    -p X            the argument after -p          docker login -p X
    -pX             the rest of the argument       mysql -pX
    -*p X           -p, perhaps with other letters before it in one argument (-xp X)
    -u USER:X       what follows the first ":" of the argument after -u
    login -p X      only behind the word `login`, and -p behind it
    add_user NAME X the second word behind `add_user`, options left out
    passwd ... X    the last word of the command
    set SECRET_NAME X   the word behind one that is the name of a secret
    a|b X           behind one of the words
    -S < X          what is piped into the command, if it has the option -S

`~` stands for blanks. X is the secret, other words in capitals stand for any text; with "@HOST"
behind it, a secret reaches to the last "@". Everything else is literal; options are compared with
their case, words without.

Owns this language: reading it, and applying it to the arguments of a command.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from execaudit.records.redaction.finding import FOLD
from execaudit.records.redaction.names import is_secret_name
from execaudit.records.redaction.values import is_harmless

_ANY_TEXT = re.compile(r"[A-Z_]{2,}")
_OPTION = re.compile(rb"-[A-Za-z]|--[A-Za-z][\w=.-]*")
_PAIR = re.compile(rb"[a-z_]{2,32}=[^=]")  # username=bob is no token
# Of a user before "/", no path and no pair: sqlplus @dir/script.sql, sqlldr control=dir/file.
_NAMED = "SECRET_NAME"  # a word that names a secret
_UNTIL = {"~": r"[^\s]*", "/": r"[^/@=:\s]+"}
_LETTER = re.compile(r"-\*?[A-Za-z0-9]")  # -UUSER%X: the first U is the option
_FLAGS = "[A-Za-z0-9#]{0,16}"
_ARGUMENTS = 4096  # looked at; more is nobody's command line


class Program(NamedTuple):
    """An entry of the table: where programs take secrets.

    Attributes:
        name: shown in the record, and what `redact.disable` takes.
        programs: base names, separated by blanks.
        usage: lines in the language above; of those that find the same argument, the first counts.
        source: the manual page that says so.
        valued: options whose value is no word of the command, separated by blanks.
        plain: options that hold no secret here, though they are named as if they did.

    """

    name: str
    programs: str
    usage: tuple[str, ...]
    source: str
    valued: str = ""
    plain: str = ""


class _Usage(NamedTuple):
    text: str
    literals: tuple[re.Pattern[bytes], ...]  # in this order; the last one may be an option
    behind: int  # words to skip after the last literal; _NEXT, _INSIDE or _LAST
    secret_name: int  # which of the skipped ones must be the name of a secret, or -1
    value: re.Pattern[bytes]  # of the argument with the secret


_NEXT = -1  # the argument right after the last literal
_INSIDE = -2  # in any argument after the last literal
_LAST = -3  # the last word


class Found(NamedTuple):
    """A secret in a command: the index of the argument, where in it, and by which line of usage."""

    argument: int
    start: int
    end: int
    usage: str


class _Compiled(NamedTuple):
    arguments: tuple[_Usage, ...]
    stdin: tuple[_Usage, ...]
    valued: frozenset[bytes]
    begins: re.Pattern[bytes]  # what one of the arguments begins with where any usage applies


@lru_cache(maxsize=1024)
def _compiled(program: Program) -> _Compiled:
    arguments = tuple(_compile(text) for text in program.usage if "<" not in text)
    stdin = tuple(
        _compile(text.replace("<", ""))._replace(text=text) for text in program.usage if "<" in text
    )
    begins = [_begin(usage) for usage in arguments]
    return _Compiled(
        arguments,
        stdin,
        frozenset(program.valued.encode().translate(FOLD).split()),
        re.compile(b"|".join(begins) if begins else b"(?!)", re.DOTALL),
    )


def _begin(usage: _Usage) -> bytes:
    """Return an expression for an argument without which the usage finds nothing."""
    if usage.literals:
        literal = usage.literals[0]
        return (b"(?i:%s)" if literal.flags & re.IGNORECASE else b"(?:%s)") % literal.pattern
    if usage.behind != _INSIDE:
        return b""
    return usage.value.pattern.replace(b"(?P<secret>", b"(?:")


@lru_cache(maxsize=512)
def _compile(text: str) -> _Usage:
    *rest, target = text.split()
    literals: list[re.Pattern[bytes]] = []
    behind, secret_name = _INSIDE, -1
    for part in rest:
        if part == "...":
            behind = _LAST
        elif _ANY_TEXT.fullmatch(part):
            if part == _NAMED:
                secret_name = max(behind, 0)
            behind = max(behind, 0) + 1
        else:
            literals.append(_literal(part))
            behind = _NEXT if part[0] in "-/+" else _INSIDE
    if behind == _INSIDE and (target == "X" or (literals and target[0] not in "-/")):
        behind = 0 if target == "X" or _ANY_TEXT.match(target) else _INSIDE
    return _Usage(text, tuple(literals), behind, secret_name, _value(target))


def _literal(token: str) -> re.Pattern[bytes]:
    text = re.escape(_fold(token)).replace(r"\*", _FLAGS).replace(r"\|", "|")
    flags = 0
    if token[0] not in "-/+":
        text, flags = _ANY_TEXT.sub(r"\\S+", text), re.IGNORECASE
    return re.compile(text.encode(), flags)


def _value(token: str) -> re.Pattern[bytes]:
    """Return the expression for the argument in which X is the secret."""
    before, _, after = _fold(token).rpartition("X")
    letter = _LETTER.match(before)
    at = letter.end() if letter else 0
    text = re.escape(before[:at])
    for match in _ANY_TEXT.finditer(before, at):
        follows = before[match.end() : match.end() + 1]
        text += re.escape(before[at : match.start()])
        text += _UNTIL.get(follows, f"[^{re.escape(follows)}<]*")
        at = match.end()
    text += re.escape(before[at:])
    text = text.replace(r"\*", _FLAGS).replace(r"\~", r"\s+").replace("~", r"\s+")
    if text.endswith(":"):  # https://host is no user and password
        text += "(?!//)"
    behind = f"{re.escape(after[0])}[^{re.escape(after[0])}]*" if after else ""
    return re.compile(f"{text}(?P<secret>.+){behind}".encode(), re.DOTALL)


def _fold(text: str) -> str:
    return text.encode().translate(FOLD).decode()


def find_in_arguments(program: Program, words: Sequence[bytes]) -> Iterator[Found]:
    """Find secrets in the arguments `words` of a program, itself not among them."""
    usages, _, valued, begins = _compiled(program)
    words = words[:_ARGUMENTS]
    if not any(map(begins.match, words)):
        return
    taken: set[int] = set()
    positions: list[int] | None = None
    for usage in usages:
        if usage.behind >= 0 or usage.behind == _LAST:
            if positions is None:
                positions = _positions(words, valued)
            candidates = _find_words(usage, words, positions)
        else:
            candidates = _find_options(usage, words)
        for index, start, end in candidates:
            is_long = end - start > 1  # nobody's password is one letter
            if is_long and index not in taken and not _is_harmless(words[index], start, end):
                taken.add(index)
                yield Found(index, start, end, usage.text)


def _is_harmless(word: bytes, start: int, end: int) -> bool:
    return is_harmless(word[start : min(end, start + 1024)], b"password")


def _positions(words: Sequence[bytes], valued: frozenset[bytes]) -> list[int]:
    """Return the indexes of words that are neither options nor their values."""
    found: list[int] = []
    is_value = False
    for index, word in enumerate(words):
        if is_value:
            is_value = False
        elif word[:1] == b"-" and len(word) > 1:
            is_value = word in valued
        else:
            found.append(index)
    return found


def _find_options(usage: _Usage, words: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    at = 0
    for literal in usage.literals[:-1] if usage.behind == _NEXT else usage.literals:
        at = _index_of(literal, words, at) + 1
        if not at:
            return
    if usage.behind == _INSIDE:
        is_option = usage.text.split()[-1][0] in "-/"
        for index in range(at, len(words)):
            match = usage.value.fullmatch(words[index])
            if match and (is_option or words[index][:1] != b"-"):
                yield (index, *match.span("secret"))
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


def _find_words(
    usage: _Usage, words: Sequence[bytes], positions: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    at = 0
    for literal in usage.literals:
        at = _index_of(literal, words, at) + 1
        if not at:
            return
    behind = [index for index in positions if index >= at]
    skipped = len(behind) - 1 if usage.behind == _LAST else usage.behind
    if not 0 <= skipped < len(behind):
        return
    if usage.secret_name >= 0 and not _names_secret(words[behind[usage.secret_name]]):
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


def find_in_input(
    program: Program, words: Sequence[bytes], lines: Sequence[bytes]
) -> Iterator[Found]:
    """Find secrets in the texts that are piped into a program; the index is that of the text."""
    usages = _compiled(program).stdin
    for usage in usages:
        at = 0
        for literal in usage.literals:
            at = _index_of(literal, words, at) + 1
            if not at:
                break
        else:
            for index, line in enumerate(lines):
                for start, end in _values_of_lines(usage, line):
                    yield Found(index, start, end, usage.text)
            return


_LINE = re.compile(rb"(?P<line>(?:[^\n\\]|\\(?!n))+)|\n|\\n")


def _values_of_lines(usage: _Usage, text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the secret in each line of a text, those included that echo and printf make of it."""
    for line in _LINE.finditer(text):
        match = usage.value.fullmatch(line["line"] or b"")
        if match and not is_harmless(match["secret"], b"password"):
            start, end = match.span("secret")
            yield line.start() + start, line.start() + end


def first_literals(program: Program) -> tuple[set[bytes], set[bytes]]:
    """Return literals of which one is needed: for arguments, for standard input; b"" is any."""
    arguments: set[bytes] = set()
    stdin: set[bytes] = set()
    for text in program.usage:
        into = stdin if "<" in text else arguments
        first = text.split()[0]
        if first in ("<", "X", "...") or _ANY_TEXT.match(first):
            into.add(b"")
            continue
        begin = first.partition("*")[0]
        begin = begin.rpartition("X")[0] or begin
        into.update(
            (b"\0" if part[0] in "-/" else b"") + _ANY_TEXT.split(part)[0].encode()
            for part in begin.split("|")
        )
    return arguments, stdin
