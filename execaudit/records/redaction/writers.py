# SPDX-License-Identifier: Apache-2.0
"""What `echo`, `printf` and `yes` write, as far as their arguments show it.

Owns these programs. Which readers take a secret, the table of programs has.
"""

from collections.abc import Iterator, Sequence

from execaudit.records.redaction import shell
from execaudit.records.redaction.prefixes import program_name
from execaudit.records.redaction.values import is_harmless

_WRITERS = frozenset((b"echo", b"printf", b"yes"))


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
