# SPDX-License-Identifier: Apache-2.0
"""What a report counts of an exec: found by the bytes of its line, or read from its fields.

Owns which members these are. Both ways give the same texts, unless a value has an escape: then they
differ, and only the fields count.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from execaudit.records.command import command_words, restore_argv, restore_text
from execaudit.records.journal import command_line
from execaudit.records.text import dumps

NAMES = (
    "host", "user", "uid", "exe", "unit", "container", "tty", "pcomm", "errno", "errno_code",
    "filename", "privileged", "labels", "severity",
)  # fmt: skip
"""Members of a record that are read."""

_COMMAND_LENGTH = 200
_ANCESTORS = 8


class Facts(NamedTuple):
    """The values that are counted; "" for what a record lacks.

    Attributes:
        host: its name.
        user: name, or number where it has none.
        exe: program that runs: of a failed exec the caller's.
        unit: of systemd.
        container: full id.
        terminal: controlling terminal.
        parent: the parent's short name.
        errno: name of the error; "" for success.
        filename: the file to be executed; of failures only.
        privileged: "true" where privilege was gained.
        labels: the inside of a JSON array.
        severity: the severity that rules gave.

    """

    host: str
    user: str
    exe: str
    unit: str
    container: str
    terminal: str
    parent: str
    errno: str
    filename: str
    privileged: str
    labels: str
    severity: str

    @property
    def program(self) -> str:
        """The program that was executed, or that was to be."""
        return self.filename if self.errno else self.exe

    @property
    def label_list(self) -> list[str]:
        """The labels."""
        return list(json.loads(f"[{self.labels}]")) if self.labels else []


Found = tuple[bytes, ...]
"""The members of Facts as bytes, in the same order."""


def find_facts(data: bytes, begin: int, end: int) -> Found:
    """Return the facts of the exec in the line data[begin:end], by our own encoder."""
    find = data.find
    at = find(b'"host":"', begin, end) + 8
    host = data[at : find(b'"', at, end)] if at > 7 else b""
    at = find(b'"user":"', begin, end) + 8
    if at > 7:
        user = data[at : find(b'"', at, end)]
    else:
        at = find(b'"uid":', begin, end) + 6
        user = data[at : find(b",", at, end)] if at > 5 else b""
    at = find(b'"exe":"', begin, end) + 7
    exe = data[at : find(b'"', at, end)] if at > 6 else b""
    at = find(b'"unit":"', begin, end) + 8
    unit = data[at : find(b'"', at, end)] if at > 7 else b""
    at = find(b'"container":"', begin, end) + 13
    container = data[at : find(b'"', at, end)] if at > 12 else b""
    at = find(b'"tty":"', begin, end) + 7
    terminal = data[at : find(b'"', at, end)] if at > 6 else b""
    at = find(b'"pcomm":"', begin, end) + 9
    parent = data[at : find(b'"', at, end)] if at > 8 else b""
    errno = filename = b""
    at = find(b'"errno":"', begin, end) + 9
    if at > 8:
        errno = data[at : find(b'"', at, end)]
        at = find(b'"filename":"', begin, end) + 12
        filename = data[at : find(b'"', at, end)] if at > 11 else b""
    privileged = b"true" if find(b'"privileged":true', begin, end) >= 0 else b""
    at = find(b'"labels":[', begin, end) + 10
    labels = data[at : find(b"]", at, end)] if at > 9 else b""
    at = find(b'"severity":"', begin, end) + 12
    severity = data[at : find(b'"', at, end)] if at > 11 else b""
    return (
        host, user, exe, unit, container, terminal, parent, errno, filename, privileged, labels,
        severity,
    )  # fmt: skip


def read_facts(fields: Mapping[str, Any]) -> Facts:
    """Return the facts of an exec's record. Raises one of errors.MALFORMED."""
    user = _text(fields, "user") or ("uid" in fields and f"{fields['uid']:d}") or ""
    errno = _text(fields, "errno")
    labels = fields.get("labels", [])
    return Facts(
        _text(fields, "host"), user, _text(fields, "exe"), _text(fields, "unit"),
        _text(fields, "container"), _text(fields, "tty"), _text(fields, "pcomm"), errno,
        _text(fields, "filename") if errno else "",
        "true" if fields.get("privileged") is True else "",
        dumps([str(each) for each in labels]).decode()[1:-1], _text(fields, "severity"),
    )  # fmt: skip


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def make_example(fields: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return an example for a report: some members of an exec's record."""
    words, _ = command_words(
        restore_text(fields, "filename"), restore_argv(fields), is_script="script" in fields
    )
    command = command_line(words)
    if len(command) > _COMMAND_LENGTH:
        command = command[: _COMMAND_LENGTH - 1] + "…"
    ancestors = [str(each["comm"]) for each in fields.get("ancestors", ())[:_ANCESTORS]]
    return {
        "time": str(fields["time"]), "host": facts.host, "user": facts.user, "exe": facts.exe,
        "command": command.encode(errors="replace").decode(), "ancestors": ancestors,
    } | ({"errno": facts.errno} if facts.errno else {})  # fmt: skip
