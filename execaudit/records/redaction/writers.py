# SPDX-License-Identifier: Apache-2.0
"""What `echo`, `printf` and `yes` write, as far as their arguments show it.

Owns these programs, and options whose value is a command that writes a secret. Which readers take a
secret, the table of programs has.
"""

import re
from collections.abc import Iterator, Sequence

from execaudit.records.redaction import shell
from execaudit.records.redaction.finding import Finding
from execaudit.records.redaction.prefixes import program_name
from execaudit.records.redaction.values import is_harmless

_WRITERS = frozenset((b"echo", b"printf", b"yes"))
STDIN_OPTION = re.compile(
    rb"--?[a-z-]*(?:pass(?:word|phrase|wd)?|token|secret|key|pin)-?(?:on-|from-)?(?:stdin|fd)[\w=-]*"
    rb"|--with-token|--stdin-(?:password|pass|key)|-stdinpass"
)
"""Options of programs that read a secret from standard input."""

_MOST_WORDS = 64  # of one command
# --password-command 'echo X', BORG_PASSCOMMAND='echo X'
_SECRET_COMMAND = re.compile(
    rb"(?i)-{0,2}(?:[\w-]{0,40}[_-])?(?:pass(?:word|wd|phrase)?|secret|token)[_-]?(?:cmd|command)"
    rb"(?:=|$)"
)


def written(words: Sequence[shell.Word]) -> Sequence[shell.Word]:
    """Return the words that `echo`, `printf` or `yes` writes."""
    if not words or program_name(words[0].value) not in _WRITERS:
        return ()
    begin = 1
    while begin < len(words) and words[begin].value in (b"-n", b"-e", b"-E", b"-ne", b"-en", b"--"):
        begin += 1
    if words[0].value.endswith(b"printf") and len(words) > begin + 1:
        begin += 1
    return words[begin:]


def find_formatted(writers: Sequence[shell.Command]) -> Iterator[tuple[int, int]]:
    """Find what `printf` writes behind a colon: `printf '%s:%s' USER SECRET`."""
    for writer in writers:
        words = shell.strip_keywords(writer)
        if len(words) > 2 and program_name(words[0].value) == b"printf":
            pieces = words[1].value.split(b"%s")
            for before, word in zip(pieces, words[2:], strict=False):
                if before.endswith(b":") and not is_harmless(word.value, b"password"):
                    yield word.locate(0, len(word.value))


def secret_command_at(index: int, words: Sequence[bytes]) -> int:
    """Return where in an argument a command begins that gives a secret to a program; or -1."""
    option = _SECRET_COMMAND.match(words[index])
    if option:
        return option.end()
    return 0 if index and _SECRET_COMMAND.fullmatch(words[index - 1]) else -1


def find_written(text: bytes) -> Iterator[Finding]:
    """Find what such a command writes: `echo X`."""
    for command in shell.read_commands(text) or ():
        for word in written(shell.strip_keywords(command))[:_MOST_WORDS]:
            if not is_harmless(word.value, b"password"):
                yield Finding(0, *word.locate(0, len(word.value)), "input", "what it writes")
