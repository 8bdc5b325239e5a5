# SPDX-License-Identifier: Apache-2.0
"""A quick test that a command can hold no secret, so that hardly any is looked at closely.

Owns the test: literals that names and tokens have, then the program, then the literals without
which its entries find nothing. False is certain, True a guess.
"""

import re
from collections.abc import Collection, Iterable

from execaudit.records.redaction.finding import FOLD
from execaudit.records.redaction.literals import may_show_secret
from execaudit.records.redaction.prefixes import prefix_names, program_name
from execaudit.records.redaction.usage import Program, first_literals

# What separates words in command lines, and directories in paths, becomes NUL.
_SPLIT = bytes(0 if chr(code) in " \t\r\n\"'`|;&()<>/\\" else code for code in range(256))
_BEFORE_USER = (b"\0-u\0", b"\0-l\0", b"\0--user", b"\0-user", b"\0--login")
# -p S3cret: a digit between letters
_MIXED_PASSWORD = re.compile(rb"\0-p\0[^\0]{0,62}[a-z]0{1,62}[a-z]").search


class Screen:
    """The test for a set of entries."""

    def __init__(self, programs: Collection[Program]) -> None:
        arguments: dict[bytes, set[bytes]] = {}
        readers: dict[bytes, set[bytes]] = {}
        for program in programs:
            for by_name, needed in zip((arguments, readers), first_literals(program), strict=True):
                if needed:
                    lower = {
                        literal.lower().translate(FOLD).translate(_SPLIT) for literal in needed
                    }
                    for name in program.programs.split():
                        by_name.setdefault(program_name(name.encode()), set()).update(lower)
        arguments[b"-p"] = set(_BEFORE_USER)  # -u NAME -p X, whatever the program
        same: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}  # one tuple for all names of it
        self._needed: dict[bytes, tuple[bytes, ...]] = {}
        for base_name, literals in arguments.items():
            needed_ones = tuple(sorted(literals))
            self._needed[base_name] = same.setdefault(needed_ones, needed_ones)
        self._readers = frozenset(readers)
        self._names = self._readers.union(arguments)
        # A prefix may run any program, and take secrets as well.
        self._first: dict[bytes, tuple[bytes, ...] | None] = dict(self._needed)
        self._first |= dict.fromkeys(prefix_names())
        for program in programs:
            if program.commands:  # tar --to-command
                self._first |= {program_name(n.encode()): None for n in program.programs.split()}

    def may_hold(self, block: bytes) -> bool:
        """Return True if a block of arguments, its digits folded, may hold a secret."""
        lower = block.lower()
        if may_show_secret(lower):
            return True
        needed = self._first.get(lower[: lower.find(b"\0")].rpartition(b"/")[2], ())
        if needed is None:
            return self._may_hold_command(lower)
        if needed:
            return _holds_any(lower.translate(_SPLIT), needed)
        return lower.find(b"\0-p\0") >= 0 and (
            _holds_any(lower, _BEFORE_USER) or _MIXED_PASSWORD(lower) is not None
        )

    def _may_hold_command(self, lower: bytes) -> bool:
        """Return True if a command that runs another one may hold a secret."""
        split = lower.translate(_SPLIT)
        names = split.split(b"\0")
        if split.find(b"\0-p\0") >= 0 and _MIXED_PASSWORD(split) is not None:
            return True
        if self._names.isdisjoint(names):
            return False
        reads = lower.find(b"|") >= 0 or lower.find(b"<<") >= 0
        for name in self._names.intersection(names):
            if name in self._needed and _holds_any(split, self._needed[name]):
                return True
            if reads and name in self._readers:
                return True
        return False


def _holds_any(text: bytes, literals: Iterable[bytes]) -> bool:
    find = text.find  # `in` and any() take twice as long
    for literal in literals:  # noqa: SIM110
        if find(literal) >= 0:
            return True
    return False
