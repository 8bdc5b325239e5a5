# SPDX-License-Identifier: Apache-2.0
"""The end of a file as the last run left it: a line that a crash tore, and the last record.

Owns the difference between a whole last line and a torn one, and moving a torn one aside. After a
power cut a file may also end in zero bytes that were never written; they count as torn.
"""

import contextlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

from execaudit.errors import ExecauditError
from execaudit.formats.content import COMPRESSED, open_content
from execaudit.formats.event_key import entry_time
from execaudit.sinks.compression import sync_directory, write_all
from execaudit.sinks.line_file import LineFile
from execaudit.sinks.notices import WARNING, Notices
from execaudit.sinks.rotation import Series

# The longest line: 2 MiB of arguments, in base64 beside their text, with escapes.
_LINE_LIMIT = 16 << 20
_LINES_TRIED = 64
_STEP_BYTES = 64 << 10
_CHUNK_BYTES = 1 << 20
_MOST_BYTES = 256 << 20  # of content, which takes a second to decompress


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def find_end(fd: int) -> tuple[int, dict[str, Any] | None]:
    """Return the offset behind the last whole line that is a JSON object, and that object.

    If none of the last 64 lines is one, the file is hardly ours: the offset is behind the last line
    then, whatever it holds. Raises OSError.
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
    """Return the offset of the last newline before an offset, -1 if there is none."""
    while before:
        begin = max(before - _STEP_BYTES, 0)
        at = os.pread(fd, before - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at
        before = begin
    return -1


def set_torn_end_aside(
    file: LineFile, series: Series, wall_s: float, notices: Notices
) -> dict[str, Any] | None:
    """Move a torn end into a file of its own, named by the time; return the last whole record.

    A file that cannot be read is left alone. Raises OSError only where an append-only file cannot
    be written.
    """
    try:
        end, last = find_end(file.fd)
        torn_bytes = file.size() - end
    except OSError as error:
        notices.add(WARNING, f"Failed to read '{file.path}': {error.strerror}")
        return None
    if not torn_bytes:
        return last
    results: list[str] = []
    try:
        name = series.free_name(wall_s, "torn-")
        _copy(file, end, LineFile(series.full_path(name), file.mode, file.gid, exclusive=True))
        sync_directory(series.directory)
        results.append(f"set aside in '{name}'")
    except OSError as error:
        results.append(f"failed to keep them: {error.strerror}")
    try:
        os.ftruncate(file.fd, end)
    except OSError as error:
        # An append-only file: the torn line stays, but the next one does not join it.
        write_all(file.fd, b"\n")
        results.append(f"failed to remove them: {error.strerror}, ending the line")
    notices.add(WARNING, f"'{file.path}' ended in {torn_bytes} torn bytes: {'; '.join(results)}")
    return last


def _copy(file: LineFile, begin: int, target: LineFile) -> None:
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


def find_last_record(series: Series) -> dict[str, Any] | None:
    """Return the last whole record of the file that was written to before, if there is one.

    If that file is damaged, or compressed and long, it is the newest plain file of ours.
    """
    try:
        plain = [one.name for one in series.members() if not one.suffix and not one.is_torn]
        paths = [series.newest_other(), *map(series.full_path, plain[-1:])]
    except OSError:
        return None
    for path in filter(None, paths):
        with contextlib.suppress(OSError, EOFError, zlib.error, ExecauditError):
            last = _last_compressed(path) if path.endswith(COMPRESSED) else _last_plain(path)
            if last is not None:
                return last
    return None


def _last_plain(path: str) -> dict[str, Any] | None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return find_end(fd)[1]
    finally:
        os.close(fd)


def _last_compressed(path: str) -> dict[str, Any] | None:
    """Return the last record within the last 1 MiB at least; all of the file is read for that."""
    before = last = b""
    size = 0
    with open_content(path) as text:
        while data := text.read(_CHUNK_BYTES):
            before, last, size = last, data, size + len(data)
            if size > _MOST_BYTES:
                return None
    lines = (before + last).split(b"\n")[:-1]
    return next(filter(None, map(_parse, lines[: -_LINES_TRIED - 1 : -1])), None)


def first_time(fd: int) -> str:
    """Return the time of a file's first record, which tells its age; "" if it has none."""
    try:
        line = os.pread(fd, 4096, 0).partition(b"\n")[0]
    except OSError:
        return ""
    return entry_time(line)
