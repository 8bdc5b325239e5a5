# SPDX-License-Identifier: Apache-2.0
"""`execaudit redact`: secrets out of lines and recordings that were made before.

Owns the verb: which files it reads and where the clean content goes. A file in place is replaced as
a whole or not at all. `redact_lines` and `redact_recording` know what is secret.
"""

import argparse
import contextlib
import errno
import fcntl
import io
import os
import stat
import struct
import sys
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from execaudit.config.configuration import load
from execaudit.config.files import choose_paths
from execaudit.config.redactor import make_redactor
from execaudit.config.source import mistakes_error
from execaudit.errors import (
    EXIT_OK,
    MALFORMED,
    ExecauditError,
    InvalidArgument,
    NotConfigured,
    failed_call,
)
from execaudit.formats.content import COMPRESSED, is_cut, open_content
from execaudit.formats.redact_lines import redact_line
from execaudit.formats.redact_recording import RecordingCleaner
from execaudit.records.quoting import make_printable
from execaudit.records.redact import Redactor

_LINE_LIMIT = 16 << 20  # the longest a record can be, as `sinks.file_tail` has it
_RECORDING = b'{"format": "execaudit recording"'
_SHOWN = 20  # lines that are no records
_LOCK = struct.Struct("@hhqqi")  # struct flock


class _Cleaner:
    """Cleans files; counts records, those with secrets, and lines that are no records."""

    def __init__(self, redactor: Redactor) -> None:
        self.bad = 0
        self.records = 0
        self.cleaned = 0
        self._redactor = redactor

    def clean(self, path: str) -> Iterator[bytes]:
        """Yield the content of a file without secrets. Raises ExecauditError, and OSError."""
        with _opened(path) as file:
            if _is_recording(path, file):
                recording = RecordingCleaner(self._redactor)
                yield from recording.clean(path)
                self.records += recording.records
                self.cleaned += recording.cleaned
                return
            number = 0
            while line := _read_line(file, path):
                number += 1
                place = f"{path}:{number}"
                if len(line) < _LINE_LIMIT or line.endswith(b"\n"):
                    yield self._clean_line(line, place)
                    continue
                self._report(place)
                yield line
                while line and not line.endswith(b"\n"):
                    line = _read_line(file, path)
                    yield line
            if is_cut(file):
                raise ExecauditError(f"Failed to read '{path}': it was emptied while it was read")

    def _clean_line(self, line: bytes, place: str) -> bytes:
        try:
            clean = redact_line(line, self._redactor)
        except MALFORMED:
            self._report(place)
            return line
        self.records += 1
        self.cleaned += clean is not None
        return line if clean is None else clean

    def _report(self, place: str) -> None:
        self.bad += 1
        if self.bad <= _SHOWN:
            print(f"{make_printable(place)}: is no record, left as it is", file=sys.stderr)
        elif self.bad == _SHOWN + 1:
            print("Further ones are counted only.", file=sys.stderr)


def run(args: argparse.Namespace) -> int:
    """Clean; return the exit status: 0, or 1 if a line was no record. Raises ExecauditError."""
    cleaner = _Cleaner(_make_redactor(args))
    for path in args.sources:
        if not args.in_place:
            for data in cleaner.clean(path):
                sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif path == "-":
            raise InvalidArgument("Failed to clean standard input in place: give a file")
        else:
            _clean_in_place(path, cleaner)
    print(
        f"execaudit: {cleaner.cleaned} of {cleaner.records} records had secrets, now replaced",
        file=sys.stderr,
    )
    if not cleaner.bad:
        return EXIT_OK
    print(f"execaudit: {cleaner.bad} lines are no records, left as they are", file=sys.stderr)
    return ExecauditError.exit_status


def _make_redactor(args: argparse.Namespace) -> Redactor:
    """Return a redactor with the patterns of the configuration; raises NotConfigured."""
    loaded = load(choose_paths(args.config, args.root))
    if loaded.problems:
        raise mistakes_error(loaded.problems, "Failed to load the configuration: it has mistakes")
    return make_redactor(loaded.config.redact)


def _read_line(file: IO[bytes], path: str) -> bytes:
    """Return the next line; b"" at the end. Raises ExecauditError."""
    try:
        return file.readline(_LINE_LIMIT)
    except (OSError, EOFError, zlib.error) as error:  # such as a damaged archive
        reason = getattr(error, "strerror", None) or str(error)
        raise ExecauditError(f"Failed to read '{path}': {reason}") from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    with open_content(path) as file:
        yield file


def _is_recording(path: str, file: IO[bytes]) -> bool:
    """Return True for a file whose first bytes say so; they are not taken from it."""
    if path == "-" or path.endswith(COMPRESSED) or not isinstance(file, io.BufferedReader):
        return False
    return file.peek(len(_RECORDING)).startswith(_RECORDING)


def _clean_in_place(path: str, cleaner: _Cleaner) -> None:
    """Replace a file by its clean content, if it has secrets.

    The new file is on the disk before it takes the name; mode, owner and times stay.
    """
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise InvalidArgument(
                f"Failed to clean '{path}' in place: it is not a regular file with one name"
            )
        _refuse_compressed(path)
        _lock(fd, path)
        before = cleaner.cleaned
        unfinished = Path(path).with_name(f".{Path(path).name}.redacting")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        unfinished.unlink(missing_ok=True)  # of a process that was killed
        target = os.open(unfinished, flags, 0o600)
        try:
            _write_in_place(path, cleaner, target, found)
            if cleaner.cleaned > before:
                _refuse_moved(path, found)
                unfinished.rename(path)
                _sync_directory(Path(path).parent)
                _refuse_compressed(path)  # of the file that is no more
        finally:
            unfinished.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _refuse_moved(path: str, found: os.stat_result) -> None:
    """Raise InvalidArgument if the name is another file's by now, or nobody's."""
    try:
        is_same = os.path.samestat(os.lstat(path), found)
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise InvalidArgument(
            f"Failed to clean '{path}' in place: it was moved or removed meanwhile"
        )


def _refuse_compressed(path: str) -> None:
    """Raise InvalidArgument if a compressed file holds the same, or will: the secrets stay there.

    `sinks.compression` removes the plain file once it has made a compressed one, and until then
    gives that a hidden name.
    """
    if path.endswith(".jsonl"):
        return  # the log itself
    folder, name = os.path.split(path)
    for suffix in COMPRESSED:
        if os.path.lexists(path + suffix):
            raise InvalidArgument(
                f"Failed to clean '{path}' in place: '{path}{suffix}' was made of it; clean that"
            )
        if os.path.lexists(os.path.join(folder, f".{name}{suffix}.part")):  # noqa: PTH118
            raise InvalidArgument(
                f"Failed to clean '{path}' in place: it is being compressed; clean the compressed"
                " file when that is done"
            )


def _write_in_place(path: str, cleaner: _Cleaner, target: int, found: os.stat_result) -> None:
    """Write the clean content of a file to `target`, and close that. Raises ExecauditError."""
    try:
        with os.fdopen(target, "wb") as file:
            _write_clean(path, cleaner, file)
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode))
            os.utime(file.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(file.fileno())
    except OSError as error:
        raise failed_call(f"clean '{path}' in place", error) from error


def _lock(fd: int, path: str) -> None:
    """Keep others from writing to a file until its descriptor is closed.

    A lock of the process (lockf(3)) would end with the first other descriptor of the file that is
    closed. Raises InvalidArgument if somebody writes to it.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            return  # a file system without locks
        raise InvalidArgument(
            f"Failed to clean '{path}' in place: the daemon writes to it; rotate it first"
        ) from error


def _write_clean(path: str, cleaner: _Cleaner, file: IO[bytes]) -> None:
    stream = _make_compressor(path)
    for data in cleaner.clean(path):
        file.write(stream.compress(data) if stream else data)
    if stream:
        file.write(stream.flush())
    file.flush()


def _make_compressor(path: str) -> Any:
    """Return a compressor for the kind of file, None for a plain one. Raises NotConfigured."""
    if path.endswith(".gz"):
        return zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: a gzip header and trailer
    if not path.endswith(".zst"):
        return None
    with contextlib.suppress(ImportError):
        return import_module("compression.zstd").ZstdCompressor()  # Python 3.14
    with contextlib.suppress(ImportError):
        return import_module("zstandard").ZstdCompressor().compressobj()
    raise NotConfigured(f"Failed to write '{path}': python3-zstandard is not installed")


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
