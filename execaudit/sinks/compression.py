# SPDX-License-Identifier: Apache-2.0
"""Compresses rotated files. A crash leaves either the plain file or the finished one.

Owns the steps: write a hidden file beside the plain one, sync it, rename it, sync the directory,
remove the plain one. It runs in a background thread. Deflate releases the interpreter lock, so the
thread delays events no more than a child process does (measured), and it needs no second
interpreter and no exec, which the audit log would show. No program such as zstd(1) is started, as
the unit forbids that; zstd is available where Python or python3-zstandard has it.
"""

import contextlib
import errno
import os
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from execaudit.errors import NotConfigured
from execaudit.sinks.rotation import Series

SUFFIX = {"gzip": ".gz", "zstd": ".zst"}
# Large enough that the interpreter lock is asked for rarely, small enough that stopping is quick.
_CHUNK_BYTES = 256 << 10
_GZIP_LEVEL = 6
_GZIP_WBITS = 31  # a gzip header and trailer, not zlib's
_ZSTD_LEVEL = 3


class Stream(Protocol):
    """What the compressors of zlib, compression.zstd and zstandard have in common."""

    def compress(self, data: bytes, /) -> bytes:
        """Take data; return the compressed bytes that are ready."""

    def flush(self) -> bytes:
        """Return the rest of the compressed bytes."""


def find_compressor(kind: str) -> Callable[[], Stream]:
    """Return a function that makes a compressor of the kind `gzip` or `zstd`.

    Raises NotConfigured where zstd is not available.
    """
    if kind == "gzip":
        return lambda: zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WBITS)
    with contextlib.suppress(ImportError):
        standard = import_module("compression.zstd")  # Python 3.14
        return lambda: cast("Stream", standard.ZstdCompressor(level=_ZSTD_LEVEL))
    with contextlib.suppress(ImportError):
        package = import_module("zstandard")
        return lambda: cast("Stream", package.ZstdCompressor(level=_ZSTD_LEVEL).compressobj())
    raise NotConfigured(
        "Failed to set up compression with zstd: this Python has none; install python3-zstandard,"
        ' or set compress = "gzip"'
    )


def compress(
    series: Series,
    name: str,
    kind: str,
    make: Callable[[], Stream],
    is_stopping: Callable[[], bool],
) -> bool:
    """Compress one file of the series; return False if it was stopped or there is no such file.

    The result has the mode, group and times of the plain file. Raises OSError. After an error or a
    stop the plain file is as it was. It stays so where somebody else has compressed it, or is about
    to: FileExistsError.
    """
    _look_for_others(series, name)
    suffix = SUFFIX[kind]
    unfinished = series.unfinished_path(name, suffix)
    try:
        plain = os.open(series.full_path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileNotFoundError):
            Path(unfinished).unlink()
        target = os.open(unfinished, flags, 0o600)
        try:
            if _copy(plain, target, make(), is_stopping) and _is_at(series, name, plain):
                _take_over_attributes(plain, target)
                os.fsync(target)
                _look_for_others(series, name)
                Path(unfinished).rename(series.full_path(name + suffix))
                sync_directory(series.directory)
                Path(series.full_path(name)).unlink(missing_ok=True)
                return True
        finally:
            os.close(target)
            with contextlib.suppress(OSError):
                os.posix_fadvise(plain, 0, 0, os.POSIX_FADV_DONTNEED)
            Path(unfinished).unlink(missing_ok=True)
    finally:
        os.close(plain)
    return False


def _look_for_others(series: Series, name: str) -> None:
    for suffix in SUFFIX.values():
        if os.path.lexists(series.full_path(name + suffix)):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _copy(plain: int, target: int, stream: Stream, is_stopping: Callable[[], bool]) -> bool:
    while data := os.read(plain, _CHUNK_BYTES):
        if is_stopping():
            return False
        write_all(target, stream.compress(data))
    write_all(target, stream.flush())
    return True


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, in as many calls as it takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _is_at(series: Series, name: str, fd: int) -> bool:
    """Return True if the plain file still has its name: retention may have removed it."""
    try:
        there = Path(series.full_path(name)).lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def _take_over_attributes(plain: int, target: int) -> None:
    status = os.fstat(plain)
    # Only where needed: the unit's system call filter denies chown, a setgid directory needs none.
    if os.fstat(target).st_gid != status.st_gid:
        with contextlib.suppress(PermissionError):
            os.fchown(target, -1, status.st_gid)
    os.fchmod(target, status.st_mode & 0o777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def sync_directory(directory: str) -> None:
    """Sync a directory: the names in it survive a crash from now on. Raises OSError."""
    fd = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
