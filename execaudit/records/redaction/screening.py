# SPDX-License-Identifier: Apache-2.0
"""A quick test that a command can hold no secret, so that hardly any is looked at closely.

Owns the test: literals that names and tokens have, then the program, then the literals without
which its entries find nothing. False is certain, True a guess.
"""

from collections.abc import Iterable

from execaudit.records.redaction.commands import program_name
from execaudit.records.redaction.finding import FOLD
from execaudit.records.redaction.hints import Hints
from execaudit.records.redaction.prefixes import PREFIXES
from execaudit.records.redaction.usage import Program, first_literals

# What separates words in command lines, and directories in paths, becomes NUL.
_SPLIT = bytes(0 if chr(code) in " \t\r\n\"'`|;&()<>/\\" else code for code in range(256))
_BEFORE_USER = (b"\0-u\0", b"\0-l\0", b"\0--user", b"\0-user", b"\0--login")


class Screen:
    """The test for a set of entries; `literals` are those of all other patterns."""

    def __init__(self, programs: Iterable[Program], literals: Iterable[bytes]) -> None:
        self._hints = Hints(literals)
        arguments: dict[bytes, set[bytes]] = {}
        readers: dict[bytes, set[bytes]] = {}
        for program in programs:
            for by_name, needed in zip((arguments, readers), first_literals(program), strict=True):
                if needed:
                    lower = {literal.lower().translate(FOLD).translate(_SPLIT) for literal in needed}
                    for name in program.programs.split():
                        by_name.setdefault(program_name(name.encode()), set()).update(lower)
        self._arguments = {name: tuple(needed) for name, needed in arguments.items()}
        self._names = frozenset(arguments)
        self._readers = frozenset(readers)
        self._prefixes = frozenset(
            program_name(name.encode()) for prefix in PREFIXES for name in prefix.programs.split()
        )

    def may_hold(self, block: bytes) -> bool:
        """Return True if a command, NUL after each argument, its digits folded, may hold a secret."""
        lower = block.lower()
        if self._hints.may_hold(lower):
            return True
        name = lower[: lower.find(b"\0")].rpartition(b"/")[2]
        if name in self._prefixes or name.rstrip(b"0.") in self._prefixes or b"=" in name:
            return self._may_hold_command(lower.translate(_SPLIT), lower)
        needed = self._arguments.get(name)
        if needed is not None:
            split = lower.translate(_SPLIT)
            return any(literal in split for literal in needed)
        return b"\0-p\0" in lower and any(option in lower for option in _BEFORE_USER)

    def _may_hold_command(self, split: bytes, lower: bytes) -> bool:
        pieces = split.split(b"\0")
        for name in self._names.intersection(pieces):
            if any(literal in split for literal in self._arguments[name]):
                return True
        if (b"|" in lower or b"<<" in lower) and not self._readers.isdisjoint(pieces):
            return True
        return b"\0-p\0" in split and any(option in split for option in _BEFORE_USER)
