# SPDX-License-Identifier: Apache-2.0
"""The end of a log file as the last run left it: what a crash tore off, and the last record.

Owns telling a whole last line from a torn one, and setting the torn one aside. After a power cut a
file may also end in zero bytes that were never written; they count as torn.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from execaudit.sinks.compression import sync_directory, write_all
from execaudit.sinks.log_file import LogFile
from execaudit.sinks.rotation import Series

# The longest line: 2 MiB of arguments, in base64 beside their text, with escapes.
_LINE_LIMIT = 16 << 20
_LINES_TRIED = 64
_STEP_BYTES = 64 << 10
# Of all schemas: it stands before whatever a traced program chose.
_TIME = re.compile(rb'[^"]*"(?:time|@timestamp|metadata":\{"original_time)":"([^"]*)"').match


class Tail(NamedTuple):
    """What a file ended in when it was opened.

    Attributes:
        last: the last whole record, None if there is none.
        torn_bytes: how much came after it and was set aside.
        torn_name: the file that has it now; None where nothing was torn or it could not be kept.
        problem: why it could not be kept, or not be removed from the file.

    """

    last: dict[str, Any] | None
    torn_bytes: int = 0
    torn_name: str | None = None
    problem: str | None = None


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def find_end(fd: int) -> tuple[int, dict[str, Any] | None]:
    """Offset behind the last whole line that is a JSON object, and that object. Raises OSError.

    Where not one of the last lines is, the file is hardly one of ours: then the offset is behind
    the last line, whatever it holds.
    """
    behind_last = end = _find_newline(fd, os.fstat(fd).st_size) + 1
    for _ in range(_LINES_TRIED):
        if not end:
            return 0, None
        start = _find_newline(fd, end - 1) + 1
        if end - start <= _LINE_LIMIT:
            last = _parse(os.pread(fd, end - 1 - start, start))
            if last is not None:
                return end, last
        end = start
    return behind_last, None


def _find_newline(fd: int, before: int) -> int:
    """Offset of the last newline in front of an offset, -1 if there is none."""
    while before:
        begin = max(before - _STEP_BYTES, 0)
        at = os.pread(fd, before - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at
        before = begin
    return -1


def mend(file: LogFile, series: Series, wall_s: float, mode: int, gid: int | None) -> Tail:
    """Set a torn end of the file aside, in a file named by the time given.

    Never raises: a file that cannot be read is left alone.
    """
    try:
        end, last = find_end(file.fd)
        torn_bytes = file.size() - end
    except OSError as error:
        return Tail(None, problem=f"Failed to read '{file.path}': {error.strerror}")
    if not torn_bytes:
        return Tail(last)
    name: str | None = None
    problem = None
    try:
        name = series.free_name(wall_s, "torn-")
        _copy(file, end, LogFile(series.full_path(name), mode, gid, exclusive=True))
        sync_directory(series.directory)
    except OSError as error:
        name, problem = None, f"Failed to keep {torn_bytes} torn bytes: {error.strerror}"
    try:
        os.ftruncate(file.fd, end)
    except OSError as error:
        # An append-only file: the torn line stays, but the next one does not join it.
        write_all(file.fd, b"\n")
        problem = f"Failed to remove a torn line from '{file.path}': {error.strerror}, ending it"
    return Tail(last, torn_bytes, name, problem)


def _copy(file: LogFile, begin: int, target: LogFile) -> None:
    try:
        at = begin
        while data := os.pread(file.fd, 1 << 20, at):
            write_all(target.fd, data)
            at += len(data)
        os.fsync(target.fd)
    except OSError:
        Path(target.path).unlink(missing_ok=True)
        raise
    finally:
        target.close()


def last_record(series: Series) -> dict[str, Any] | None:
    """The last whole record of the newest plain rotated file: of use where the file is empty."""
    try:
        plain = [one for one in series.members() if not one.suffix and not one.is_torn]
        if not plain:
            return None
        fd = os.open(series.full_path(plain[-1].name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return find_end(fd)[1]
        finally:
            os.close(fd)
    except OSError:
        return None


def first_time(fd: int) -> str:
    """The time of the first record of a file: its age, whatever the inode says. Empty if none."""
    try:
        line = os.pread(fd, 4096, 0).partition(b"\n")[0]
    except OSError:
        return ""
    found = _TIME(line)
    return found[1].decode("ascii", "replace") if found else ""
