# SPDX-License-Identifier: Apache-2.0
"""What rules ask of the command that a parent or an ancestor was started with.

Owns the values of these conditions. `records.process_commands` has the commands; a command that is
not there is unknown, except where a record that was read back has its parent's.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from execaudit.records.process_commands import Command, ProcessCommands, Program
from execaudit.records.words import split_words
from execaudit.rules.field_values import UNKNOWN, of_ancestors
from execaudit.wire.blocks import join_strings

COMMAND_FIELDS = ("parent.argv", "parent.cmdline", "parent.filename", "ancestor.cmdline")
"""The conditions that these values are for."""


class CommandValues:
    """Takes values out of a table of commands, which the daemon's records share."""

    def __init__(self, commands: ProcessCommands) -> None:
        self.commands = commands

    def getter(self, field: str) -> Callable[[Mapping[str, Any]], Any] | None:
        """Return the function that takes a field out of place_values(); None for other fields."""
        return {
            "parent.argv": lambda fields: self._of_parent(fields, _argv),
            "parent.cmdline": lambda fields: self._of_parent(fields, _cmdlines),
            "parent.filename": lambda fields: self._of_parent(fields, _filename),
            "ancestor.cmdline": self._of_ancestors,
        }.get(field)

    def _find(self, ancestors: Sequence[Mapping[str, Any]], at: int) -> Command | None:
        image = self.commands.image_of(ancestors, at)
        return None if image is None else self.commands.find(image)

    def _of_parent(self, fields: Mapping[str, Any], take: Callable[[Command], Any]) -> Any:
        ancestors = fields.get("ancestors")
        found = self._find(ancestors, 0) if ancestors and ancestors is not UNKNOWN else None
        if found is None:
            found = _command_of_record(fields)
        return UNKNOWN if found is None else take(found)

    def _of_ancestors(self, fields: Mapping[str, Any]) -> Any:
        def take(ancestors: Sequence[Mapping[str, Any]], at: int) -> tuple[Any, ...]:
            found = self._find(ancestors, at)
            return (...,) if found is None else _cmdlines(found)

        lists = of_ancestors(fields, take)
        if lists is UNKNOWN:
            return UNKNOWN
        return tuple(text for texts in lists for text in ((...,) if texts is ... else texts))


def _command_of_record(fields: Mapping[str, Any]) -> Command | None:
    """Return the parent's command in a record that was read back; None where it lacks one."""
    text = fields.get("pcmdline")
    if not isinstance(text, str):
        return None
    return Command(Program("", b""), join_strings(split_words(text)), True, 0)


def _argv(command: Command) -> tuple[Any, ...]:
    words: tuple[Any, ...] = tuple(command.argv[:-1].split(b"\0")) if command.argv else ()
    return words if command.is_whole else (*words, ...)


def _cmdlines(command: Command) -> tuple[Any, ...]:
    text = (command.argv or b"")[:-1].replace(b"\0", b" ")
    return (text,) if command.is_whole else ((text, False, True), ...)


def _filename(command: Command) -> Any:
    return os.fsdecode(command.program.filename) or UNKNOWN
