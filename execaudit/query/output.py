# SPDX-License-Identifier: Apache-2.0
"""Prints the records found: as table, JSON, CSV, sentences or some fields.

Owns the look of each form. Only our own colors reach a terminal unescaped.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from execaudit.errors import InvalidArgument
from execaudit.query.completeness_text import show_local
from execaudit.query.vocabulary import ALIASES, ASKED
from execaudit.records.command import command_words, restore_argv, restore_text
from execaudit.records.journal import command_line, exec_message, other_message, shorten
from execaudit.records.quoting import make_printable
from execaudit.records.text import dumps
from execaudit.records.vocabulary import FIELDS
from execaudit.store.lines import parse_line
from execaudit.store.times import read_time
from execaudit.table.lines import Table

CSV_FIELDS = (
    "time", "type", "host", "user", "uid", "auid", "pid", "ppid", "comm", "exe", "cwd", "tty",
    "unit", "result", "errno", "cmdline",
)  # fmt: skip

Print = Callable[[bytes, Mapping[str, Any] | None], bytes]
"""Takes a line and, if `needs_fields`, its record; returns the bytes to print."""


class Output:
    """How results are printed.

    Attributes:
        head: bytes printed before the results.
        needs_fields: `text` wants the parsed record.
        text: returns the bytes of one result.

    """

    def __init__(self, text: Print, head: bytes = b"", *, needs_fields: bool = True) -> None:
        self.text = text
        self.head = head
        self.needs_fields = needs_fields


def as_lines(*, is_terminal: bool) -> Output:
    """Print lines as they are; on a terminal without characters that it would obey."""

    def text(line: bytes, _: Mapping[str, Any] | None) -> bytes:
        if is_terminal and not (line.isascii() and line.decode("ascii").isprintable()):
            return dumps(parse_line(line)) + b"\n"
        return line + b"\n"

    return Output(text, needs_fields=False)


def as_table(table: Table) -> Output:
    """Print a table."""
    return Output(
        lambda _, fields: table.line(fields or {}).encode(errors="replace") + b"\n",
        table.header().encode() + b"\n",
    )


def as_sentences() -> Output:
    """Print a sentence for each record."""
    return Output(lambda _, fields: _sentence(fields or {}).encode(errors="replace") + b"\n")


def as_csv(names: Sequence[str]) -> Output:
    """Print comma separated values (RFC 4180)."""
    return Output(
        lambda _, fields: _csv_line([field_text(fields or {}, name) for name in names]),
        _csv_line(names),
    )


def as_fields(names: Sequence[str]) -> Output:
    """Print values with tabs between."""
    return Output(
        lambda _, fields: "\t".join(field_text(fields or {}, name) for name in names).encode(
            errors="replace"
        )
        + b"\n"
    )


def as_json_fields(names: Sequence[str]) -> Output:
    """Print JSON objects with some members only."""

    def text(_: bytes, fields: Mapping[str, Any] | None) -> bytes:
        found = {name: field_value(fields or {}, name) for name in names}
        return dumps({name: each for name, each in found.items() if each is not None}) + b"\n"

    return Output(text)


def read_names(text: str) -> list[str]:
    """Read a list of fields, separated by commas. Raises InvalidArgument."""
    names = [ALIASES.get(name, name) for name in text.split(",") if name]
    for name in names:
        if name not in ASKED and name not in FIELDS:
            raise InvalidArgument(f"Failed to use --fields: there is no field {name!a}")
    if not names:
        raise InvalidArgument("Failed to use --fields: expected names of fields")
    return names


def field_value(fields: Mapping[str, Any], name: str) -> Any:
    """Return a field of a record by its name; None if the record lacks it."""
    if name == "cmdline":
        return command_line(restore_argv(fields)) if "argv" in fields else None
    outer, _, member = name.partition(".")
    if outer == "parent":
        return fields.get("pcomm") if member == "comm" else None
    value = fields.get(outer)
    return value.get(member) if member and isinstance(value, dict) else value


def field_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field of a record as printable text; "" if the record lacks it."""
    value = field_value(fields, name)
    if value is None:
        return ""
    if not isinstance(value, str):
        return make_printable(dumps(value).decode())
    return make_printable(value)


def _csv_line(values: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().encode(errors="replace")


def _sentence(fields: Mapping[str, Any]) -> str:
    record = dict(fields)
    when = show_local(read_time(record["time"].encode()))
    if record["type"] != "exec":
        return f"{when} {make_printable(other_message(record))}"
    words = command_words(
        restore_text(record, "filename"), restore_argv(record), is_script="script" in record
    )[0]
    said = exec_message(record, shorten(words)).removeprefix("MESSAGE=")[:-1]
    return f"{when} {make_printable(said)}"
