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
    user !add|list X    the second word behind `user`, unless the first is one of these
    -S < X          what is piped into the command, if it has the option -S

`~` stands for blanks. X is the secret, other words in capitals stand for any text; with "@HOST"
behind it, a secret reaches to the last "@". Everything else is literal; options are compared with
their case, words without.

Owns the reading of this language. `entries` applies it to the arguments of a command.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from execaudit.records.redaction.finding import FOLD

_ANY_TEXT = re.compile(r"[A-Z_]{2,}")
# Of a user before "/", no path and no pair: sqlplus @dir/script.sql, sqlldr control=dir/file.
_NAMED = "SECRET_NAME"  # a word that names a secret
_UNTIL = {"~": r"[^\s]*", "/": r"[^/@=:\s]+"}
_LETTER = re.compile(r"-\*?[A-Za-z0-9]")  # -UUSER%X: the first U is the option
_FLAGS = "[A-Za-z0-9#]{0,16}"


class Program(NamedTuple):
    """An entry of the table: where programs take secrets.

    Attributes:
        name: shown in the record, and what `redact.disable` takes.
        programs: base names, separated by blanks.
        usage: lines in the language above; of those that find the same argument, the first counts.
        source: the manual page that says so.
        valued: options whose value is no word of the command, separated by blanks.
        plain: options that hold no secret here, though they are named as if they did.
        scripts: options whose value has commands of the program's own language; "..." is any word.
        commands: options whose value is a command line for a shell.
        prose: options whose value is text for people, which only explains what `password=x` means.
        signs: what its options begin with, so that such words are none of the command.

    """

    name: str
    programs: str
    usage: tuple[str, ...]
    source: str
    valued: str = ""
    plain: str = ""
    scripts: str = ""
    commands: str = ""
    prose: str = ""
    signs: str = "-"


class Usage(NamedTuple):
    """A line of the language, read."""

    text: str
    literals: tuple[re.Pattern[bytes], ...]  # in this order; the last one may be an option
    behind: int  # words to skip after the last literal; NEXT, INSIDE or LAST
    secret_name: int  # which of the skipped ones must be the name of a secret, or -1
    value: re.Pattern[bytes]  # of the argument with the secret
    unlike: re.Pattern[bytes] | None = None  # the first of the skipped ones must not match
    is_option: bool = False  # the last literal is an option, and its words follow at once


NEXT = -1  # the argument right after the last literal
INSIDE = -2  # in any argument after the last literal
LAST = -3  # the last word


@lru_cache(maxsize=512)
def compile_usage(text: str) -> Usage:
    """Read a line; what stands before a `<` is needed, what stands behind it is each line's."""
    *rest, target = text.replace("<", "").split()
    literals: list[re.Pattern[bytes]] = []
    behind, secret_name = INSIDE, -1
    unlike = None
    for part in rest:
        if part == "...":
            behind = LAST
        elif part[0] == "!":
            unlike, behind = _literal(part[1:]), 1
        elif _ANY_TEXT.fullmatch(part):
            if part == _NAMED:
                secret_name = max(behind, 0)
            behind = max(behind, 0) + 1
        else:
            literals.append(_literal(part))
            behind = NEXT if part[0] in "-/+" else INSIDE
    if behind == INSIDE and (target == "X" or (literals and target[0] not in "-/")):
        behind = 0 if target == "X" or _ANY_TEXT.match(target) else INSIDE
    is_option = bool(literals) and literals[-1].pattern[:2] in (b"\\-", b"\\+")
    return Usage(text, tuple(literals), behind, secret_name, _value(target), unlike, is_option)


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


def first_literals(program: Program) -> tuple[set[bytes], set[bytes]]:
    """Return literals, one of them needed: for arguments, for standard input; b"" is any."""
    arguments: set[bytes] = set()
    stdin: set[bytes] = set()
    for text in program.usage:
        into = stdin if "<" in text else arguments
        first = text.split()[0]
        if first[0] in "<X" or first == "..." or _ANY_TEXT.match(first):
            into.add(b"")
            continue
        begin = first.partition("*")[0]
        begin = (begin.rpartition("X")[0] or begin).partition("~")[0]
        into.update(
            (b"\0" if part[0] in "-/" else b"") + _ANY_TEXT.split(part)[0].encode()
            for part in begin.split("|")
        )
    return arguments, stdin
