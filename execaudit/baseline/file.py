# SPDX-License-Identifier: Apache-2.0
"""The file of the baseline: a header, then the table, written through as it changes.

Owns the form of the file. Changes survive the end of the process: each is one write of a bucket.
After a power cut, entries of the last seconds may be missing, and count as new again. If nothing
can be written, it goes on in memory.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Self

from execaudit.baseline.entries import BUCKET, FIRST_BUCKETS, MOST_BUCKETS, Entries
from execaudit.errors import ExecauditError, failed_call

SECRET_BYTES = 16
_MAGIC = b"execaudit baseline 1\n"
_HEADER = struct.Struct("<24s16sQQQ")
_TABLE_AT = 4096
_BUCKETS_AT = 40
_MOST_BYTES = _TABLE_AT + MOST_BUCKETS * BUCKET.size


class BaselineFile:
    """The content of the file, in memory, and the file, if there is one.

    Attributes:
        secret: part of every key, so that nobody elsewhere can compute one.
        begun_s: when the baseline was set up, in seconds since 1970: learning starts then.
        files_begun_s: the same for keys of files: on another host, programs are other files.
        entries: the keys.
        trouble: why the file is not written any more, "" while it is.

    """

    def __init__(
        self, secret: bytes, begun_s: int, files_begun_s: int, table: bytearray | None = None
    ) -> None:
        self.secret = secret
        self.begun_s = begun_s
        self.files_begun_s = files_begun_s
        self.trouble = ""
        self._fd = -1
        self.entries = Entries(table or bytearray(FIRST_BUCKETS * BUCKET.size), self._write)

    @classmethod
    def empty(cls, now_s: int) -> Self:
        """Return an empty one, in memory."""
        return cls(os.urandom(SECRET_BYTES), now_s, now_s)

    @classmethod
    def parse(cls, data: bytes, name: str) -> Self:
        """Return the baseline in the bytes of a file. Raises ExecauditError if it is none."""
        try:
            magic, secret, buckets, begun_s, files_begun_s = _HEADER.unpack_from(data)
        except struct.error:
            magic, buckets = b"", 0
        is_size = FIRST_BUCKETS <= buckets <= MOST_BUCKETS and not buckets & (buckets - 1)
        if magic.rstrip(b"\0") != _MAGIC or not is_size:
            raise ExecauditError(f"Failed to read baseline '{name}': it is none, or damaged")
        table = bytearray(data[_TABLE_AT : _TABLE_AT + buckets * BUCKET.size])
        table += bytes(buckets * BUCKET.size - len(table))  # a power cut can have shortened it
        return cls(secret, begun_s, files_begun_s, table)

    def pack(self) -> bytes:
        """Return the bytes of the file."""
        head = _HEADER.pack(
            _MAGIC, self.secret, self.entries.buckets, self.begun_s, self.files_begun_s
        )
        return head.ljust(_TABLE_AT, b"\0") + bytes(self.entries.data)

    @property
    def is_open(self) -> bool:
        """True if there is a file, and it can be written."""
        return self._fd >= 0

    def is_at(self, path: str) -> bool:
        """Return True if the open file has this path, or no file has."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._fd))  # noqa: PTH116 - beside fstat
        except OSError:
            return True

    def _write(self, at: int, data: bytes) -> None:
        if self._fd < 0:
            return
        try:
            os.pwrite(self._fd, data, _TABLE_AT + at)
            if len(data) > BUCKET.size:  # it has grown
                os.pwrite(self._fd, struct.pack("<Q", self.entries.buckets), _BUCKETS_AT)
        except OSError as error:
            self.trouble = str(failed_call("write the baseline", error))
            self.close()

    def attach(self, fd: int) -> None:
        """Write to an open file from now on; the baseline owns its descriptor."""
        self._fd = fd

    def close(self) -> None:
        """Close the file; the content stays in memory."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_baseline(path: str, now_s: int) -> BaselineFile:
    """Open a baseline for writing, or make one if there is none. Raises ExecauditError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise failed_call(f"open baseline '{path}'", error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        data = _read(fd)
        file = BaselineFile.parse(data, path) if data else BaselineFile.empty(now_s)
        if not data:
            os.pwrite(fd, file.pack(), 0)
    except ExecauditError:
        os.close(fd)
        raise
    except OSError as error:
        os.close(fd)
        raise failed_call(f"use baseline '{path}'", error) from error
    file.attach(fd)
    return file


def _read(fd: int) -> bytes:
    parts: list[bytes] = []
    while part := os.read(fd, 1 << 22):
        parts.append(part)
    return b"".join(parts)


def read_baseline(path: str) -> BaselineFile:
    """Read a baseline without locking it. Raises ExecauditError."""
    try:
        with Path(path).open("rb") as file:
            return BaselineFile.parse(file.read(_MOST_BYTES), path)
    except OSError as error:
        raise failed_call(f"read baseline '{path}'", error) from error
