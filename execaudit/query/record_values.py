# SPDX-License-Identifier: Apache-2.0
"""The values of a record read back, for testing conditions.

Owns the step from a parsed line to values: for execs and exits the values that rules see, for all
other fields the values in the record. Fields that records of a type do not have are unknown: they
match nothing, not even with `not`.
"""

from collections.abc import Mapping
from typing import Any

from execaudit.query.vocabulary import ASKED, TEXTS
from execaudit.records.readback import event_of_record, split_identity
from execaudit.records.vocabulary import CONDITIONS, FIELDS
from execaudit.rules.field_values import (
    DERIVED,
    EVENT_FIELDS,
    UNKNOWN,
    Fields,
    Texts,
    event_values,
    place_values,
    testable,
)
from execaudit.rules.processes import ProcessPrograms

_EVENTS = ("exec", "exit")
_SAME_AS_PID = ("tid", "nspid")  # left out where they are the pid
_ALWAYS = ("time", "type", "host", "boot")


class RecordValues:
    """Values of one record. Its methods raise one of errors.MALFORMED."""

    def __init__(self, fields: Mapping[str, Any], programs: ProcessPrograms | None = None) -> None:
        self._fields = fields
        self._kind = fields["type"]
        self._programs = programs
        self._of_place: Fields | None = None
        self._of_event: Mapping[str, Any] | None = None
        self._missing: frozenset[str] | None = None

    def value(self, name: str) -> Any:
        """Return the value of a field, or UNKNOWN."""
        if name == "type":
            return str(self._kind).encode()
        if self._kind in _EVENTS and name in CONDITIONS:
            return self._rules_value(name)
        return self._own_value(name)

    def remember_program(self, programs: ProcessPrograms) -> None:
        """Remember which program an exec started, for its descendants."""
        exe = self.value("exe")
        _, pid, start_ns, exec_count = split_identity(self._fields.get("id", ""))
        if start_ns:
            text = "" if exe is UNKNOWN or exe is None else exe.decode("utf-8", "surrogateescape")
            is_elsewhere = "other_root" in self._fields
            programs.remember(pid, start_ns, exec_count, text, is_elsewhere=is_elsewhere)
            programs.command_values.commands.remember(event_of_record(self._fields))

    def _rules_value(self, name: str) -> Any:
        if self._of_place is None:
            event = event_of_record(self._fields)
            self._of_place = place_values(event.place)
            self._of_event = event_values(event)
        if name in EVENT_FIELDS and self._of_event is not None:
            return self._of_event[name]
        getter = DERIVED.get(name) if self._programs is None else self._programs.getter(name)
        if getter is None and "." in name:
            return UNKNOWN  # programs of ancestors that nobody has followed
        found = self._of_place.get(name) if getter is None else getter(self._of_place)
        return found if found is UNKNOWN else testable(found)

    def _own_value(self, name: str) -> Any:
        outer, _, member = name.partition(".")
        if self._missing is None:
            fields = self._fields
            self._missing = frozenset(fields.get("unreadable", ())) | frozenset(
                fields.get("truncated", ())
            )
        if outer in self._missing:
            return UNKNOWN
        found = self._fields.get(outer)
        if member and found is not None:
            found = found.get(member)
        if found is not None:
            return _testable(name, found)
        if self._kind == "exec":
            if name in _SAME_AS_PID:
                return self._fields.get("pid", UNKNOWN)
            if name == "hook":
                return b"exec"
        field = FIELDS.get(outer)
        if field is None or self._kind not in field.types:
            return b"" if name in _ALWAYS else UNKNOWN
        return Texts(()) if ASKED[name] is TEXTS else None


def _testable(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return testable(tuple(value))
    if isinstance(value, str) and ASKED[name].kind == "count":
        return int(value)
    return testable(value)
