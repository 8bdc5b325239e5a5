# SPDX-License-Identifier: Apache-2.0
"""Walks over the lines of a chunk: counts them, and finds broken lines and the daemon's records.

Owns the quick check of lines that nobody parses: how a line of ours ends, and its type at the fixed
offset. It does not decide what matches.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.completeness import Completeness
from execaudit.store.line_formats import LineFormat


class NotARecordError(ValueError):
    """Raised for a line that is no record; the message says why."""


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line. Raises NotARecordError."""
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotARecordError(f"is not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise NotARecordError("is not JSON: not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise NotARecordError(f"is not JSON of ours: {error}") from error
    if not isinstance(value, dict):
        raise NotARecordError("is not a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"has {name}")


def walk(
    chunk: Chunk, line_format: LineFormat, path: str, broken: Broken, completeness: Completeness
) -> Iterator[tuple[int, bytes]]:
    """Count the lines of a chunk, note broken ones, and yield the daemon's own.

    Each comes with its offset in the chunk. Among them are lines in another format than the file's
    first lines, and JSON objects that are no records: only parsing can tell.
    """
    data, at_type = chunk.data, line_format.type_at
    at_end = at_type + 2
    find = data.find
    begin = 0
    unusual: list[tuple[int, int]] = []
    count = 0
    while (end := find(b"\n", begin)) >= 0:
        # "ex" of exec and exit; all other lines are parsed.
        if data[begin + at_type : begin + at_end] != b"ex" or data[end - 1] != 0x7D:
            unusual.append((begin, end))
        count += 1
        begin = end + 1
    _see_times(data, line_format, completeness)
    for begin, end in unusual:
        line = data[begin:end]
        try:
            parse_line(line)
        except NotARecordError as error:
            broken.add_line(path, chunk.offset + begin, str(error))
            count -= 1
        else:
            yield begin, line
    completeness.records += count


def _see_times(data: bytes, line_format: LineFormat, completeness: Completeness) -> None:
    last = data[data.rfind(b"\n", 0, -1) + 1 :]
    try:
        if line_format.fits(data) and line_format.fits(last):
            completeness.see(line_format.time_of(data), line_format.time_of(last))
    except ValueError:
        return
