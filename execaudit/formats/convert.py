# SPDX-License-Identifier: Apache-2.0
"""`execaudit convert`: records of files or of the journal as lines of any format.

Owns the verb: what it reads, and what it reports. A line that is no record is reported and counted;
the others are converted.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from typing import IO, NoReturn

from execaudit.errors import (
    EXIT_OK,
    MALFORMED,
    ExecauditError,
    InvalidArgument,
    NoPermission,
    failed_call,
)
from execaudit.formats.content import is_cut, open_content
from execaudit.formats.encoders import make_line
from execaudit.formats.entries import EntryChoice, entry_fields, read_entries
from execaudit.records.quoting import make_printable
from execaudit.records.text import FieldDict

_LINE_LIMIT = 16 << 20  # the longest a record can be, as `sinks.file_tail` has it
_REPORTED = 20
_ANY_TIME = "1970-01-01T00:00:00.000000000Z"
_NEEDED = ("time", "type", "host", "boot")


class _Converter:
    """Writes lines to standard output, and counts what is no record.

    `expects_others`: anybody can have written the input, so entries that are no records are no
    failure.
    """

    def __init__(self, to: str, max_line_bytes: int, *, expects_others: bool) -> None:
        self.written = 0
        self._expects_others = expects_others
        self.bad = self.denied = 0
        self._to = to
        self._max_line_bytes = max_line_bytes
        self._out = sys.stdout.buffer

    def write(self, origin: str, fields: object) -> None:
        """Write one record; `origin` is its file and line, or its entry. Raises ExecauditError."""
        try:
            record = _check(fields)
        except ValueError as error:
            self.report(origin, str(error))
            return
        try:
            line = make_line(record, self._to, self._max_line_bytes)
        except MALFORMED:
            # To look for the member takes time: only where it is shown.
            name = self._find_damage(record) if self.bad < _REPORTED else ""
            damage = f": '{make_printable(name)}' has a value that no record has" if name else ""
            self.report(origin, f"is not a record{damage}")
            return
        try:
            self._out.write(line)
        except BrokenPipeError:
            raise
        except OSError as error:  # not of the file that is read
            raise failed_call("write standard output", error) from error
        self.written += 1

    def _find_damage(self, record: FieldDict) -> str:
        """Return the member without which the record can be converted; "" if there is none."""
        for name in record:
            rest = {other: value for other, value in record.items() if other != name}
            if name == "time":
                rest[name] = _ANY_TIME
            try:
                make_line(rest, self._to, self._max_line_bytes)
            except MALFORMED:
                continue
            return name
        return ""

    def report(self, origin: str, problem: str) -> None:
        """Report what is wrong with a line, and count it."""
        self.bad += 1
        if self.bad <= _REPORTED:
            print(f"{make_printable(origin)}: {problem}", file=sys.stderr)
        elif self.bad == _REPORTED + 1:
            print("Further ones are counted only.", file=sys.stderr)

    def end(self) -> int:
        """Print the counts if something was wrong; return the exit status."""
        self._out.flush()
        if not self.bad:
            return EXIT_OK
        print(f"execaudit: {self.bad} not converted, {self.written} converted", file=sys.stderr)
        if self.bad == self.denied:
            return NoPermission.exit_status
        return EXIT_OK if self._expects_others else ExecauditError.exit_status


def _check(fields: object) -> FieldDict:
    """Return the fields of a record; raise ValueError for anything else."""
    if not isinstance(fields, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - as of other lines
    if "@timestamp" in fields or "metadata" in fields:
        raise ValueError("is in another format already: only records of execaudit are converted")
    missing = [name for name in _NEEDED if not isinstance(fields.get(name), str)]
    if missing:
        raise ValueError(f"is not a record: it has no {missing[0]}")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"is not JSON: {name}")


def _parse(line: bytes) -> object:
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise ValueError("is not JSON: not UTF-8") from error
    except RecursionError as error:
        raise ValueError("is not JSON of ours: nested too deeply") from error


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield lines; of one beyond the limit only its beginning."""
    while line := file.readline(_LINE_LIMIT):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(_LINE_LIMIT)


def _is_half(line: bytes) -> bool:
    return not line.endswith(b"\n") and len(line) < _LINE_LIMIT


def _convert_file(path: str, converter: _Converter) -> None:
    number = 0
    try:
        file = sys.stdin.buffer if path == "-" else open_content(path)
        try:
            for number, line in enumerate(_lines(file), 1):
                try:
                    fields = _parse(line.rstrip(b"\n"))
                except ValueError as error:
                    if not (_is_half(line) and path.endswith(".jsonl")):  # being written
                        converter.report(f"{path}:{number}", str(error))
                else:
                    converter.write(f"{path}:{number}", fields)
            if is_cut(file):
                converter.report(path, "was emptied while it was read")
        finally:
            if file is not sys.stdin.buffer:
                file.close()
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error) as error:  # of a damaged archive
        reason = getattr(error, "strerror", None) or str(error)
        converter.denied += isinstance(error, PermissionError)
        converter.report(f"{path}:{number + 1}" if number else path, f"cannot be read: {reason}")


def run(args: argparse.Namespace) -> int:
    """Convert; return the exit status: 0, or 1 if something could not be converted."""
    converter = _Converter(args.to, args.max_line_bytes, expects_others=args.untrusted)
    if args.journal:
        choice = EntryChoice(args.sources, args.directory, args.namespace, args.untrusted)
        for entry in read_entries(choice):
            origin = f"journal entry {entry.get('__CURSOR', '?')}"
            try:
                fields = entry_fields(entry)
            except ValueError as error:
                converter.report(origin, str(error))
            else:
                converter.write(origin, fields)
        return converter.end()
    for option in ("directory", "namespace", "untrusted"):
        if getattr(args, option):
            raise InvalidArgument(f"Failed to use --{option}: it is for --journal")
    if not args.sources:
        raise InvalidArgument("Failed to convert: no file was given; - is standard input")
    for path in args.sources:
        _convert_file(path, converter)
    return converter.end()
