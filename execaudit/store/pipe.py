# SPDX-License-Identifier: Apache-2.0
"""Standard input or a FIFO as a part of a log: read once, from its beginning.

Owns the bytes that were read to learn its format.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator

from execaudit.store.broken import Broken
from execaudit.store.chunks import LINE_LIMIT, Chunk, read_stream
from execaudit.store.part import Head, Part, read_head

STDIN = "-"


class _Reads:
    """A descriptor as a stream; `unread` is returned first."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.unread = b""

    def read(self, size: int) -> bytes:
        if self.unread:
            data, self.unread = self.unread, b""
            return data
        return os.read(self._fd, size)


class Pipe(Part):
    """The lines that come through a descriptor. Raises OSError."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_growing = False
        self.is_compressed = True  # it can be read from its beginning only, as those
        self.fd = sys.stdin.fileno() if path == STDIN else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if stat.S_ISDIR(os.fstat(self.fd).st_mode):
            if path != STDIN:
                os.close(self.fd)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self.limit = None
        self.identity = 0, 0
        self._reads = _Reads(self.fd)
        self._head: Head | None = None

    @property
    def size(self) -> int:
        """Zero: nobody knows its size."""
        return 0

    @property
    def head(self) -> Head:
        """What its first line says, if that is not too long; waits for it."""
        if self._head is None:
            parts: list[bytes] = []
            size = 0
            while size <= LINE_LIMIT and (more := os.read(self.fd, 1 << 20)):
                parts.append(more)
                size += len(more)
                if b"\n" in more:
                    break
            data = b"".join(parts)
            self._reads.unread = data
            self._head = read_head(data.split(b"\n")[:-1])
        return self._head

    def chunks(self, broken: Broken, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """Yield all lines, to the end; a range has no meaning here."""
        del begin, end

        def note(offset: int, problem: str) -> None:
            broken.add_line(self.path, offset, problem)

        try:
            yield from read_stream(self._reads, note)
        except OSError as error:
            broken.add_error(self.path, error)
