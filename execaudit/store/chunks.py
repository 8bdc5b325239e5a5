# SPDX-License-Identifier: Apache-2.0
"""Files read in chunks of whole lines, of about 1 MiB each.

Owns where lines begin and end: a line belongs to a range of bytes if its first byte does. A line
longer than any record is noted and skipped: memory stays bounded.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

CHUNK_BYTES = 1 << 20
LINE_LIMIT = 16 << 20
"""The longest line: 2 MiB of arguments, in base64 beside their text, with escapes."""

_BEYOND_BYTES = 64 << 10  # for the rest of the last line of a range
_TOO_LONG = f"is longer than {LINE_LIMIT >> 20} MiB"
_FREED_BYTES = 8 * CHUNK_BYTES


def hold_memory() -> None:
    """Make malloc(3) keep the memory of chunks after they are freed: reading is twice as fast.

    It returns blocks of 128 KiB and more to the kernel when they are freed. Once a larger block was
    freed, it does so only for blocks larger than that (M_MMAP_THRESHOLD in mallopt(3), which is
    dynamic). The block here is never written to, so it costs nothing.
    """
    bytes(_FREED_BYTES)


class Chunk(NamedTuple):
    """Whole lines, each with its newline, and their offset in the file's text."""

    data: bytes
    offset: int


class Readable(Protocol):
    """What chunks are read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, b"" at the end."""


OnBroken = Callable[[int, str], None]
"""Takes the offset of a line that is left out, and the reason."""


def read_range(
    fd: int, begin: int, end: int | None, on_broken: OnBroken, *, is_growing: bool = False
) -> Iterator[Chunk]:
    """Yield the lines of an open plain file that begin at `begin` or later, before `end`.

    The position of the descriptor does not change. A last line without a newline is included if it
    is JSON; else it is broken or, in a growing file, not written yet. Raises OSError.
    """
    at = begin if not begin else next_line(fd, begin - 1)
    size = CHUNK_BYTES
    is_skipping = False
    while end is None or at < end:
        is_within = end is not None and size == CHUNK_BYTES  # else a line is longer than a chunk
        data = os.pread(fd, min(size, end - at + _BEYOND_BYTES) if end and is_within else size, at)
        if not data:
            return
        if is_skipping:
            newline = data.find(b"\n") + 1
            at += newline or len(data)
            is_skipping = not newline
            continue
        last = 0
        if end is not None and end - at <= len(data):
            last = data.find(b"\n", end - at - 1) + 1  # of the last line that begins before
        last = last or data.rfind(b"\n") + 1
        if last:
            yield Chunk(data if last == len(data) else data[:last], at)
            at += last
            size = CHUNK_BYTES
        elif len(data) > LINE_LIMIT:
            on_broken(at, _TOO_LONG)
            is_skipping, size = True, CHUNK_BYTES
        elif not os.pread(fd, 1, at + len(data)):
            yield from _end(Chunk(data, at), on_broken, is_growing=is_growing)
            return
        else:
            size = min(size * 2, LINE_LIMIT + 1)


def read_stream(stream: Readable, on_broken: OnBroken, offset: int = 0) -> Iterator[Chunk]:
    """Yield the lines of a stream.

    An error of the stream is raised after all lines before it.
    """
    rest = b""
    is_skipping = False
    failure: Exception | None = None
    while failure is None:
        try:
            data = stream.read(CHUNK_BYTES)
        except (OSError, EOFError) as error:
            failure = error
            break
        if not data:
            break
        if is_skipping:
            newline = data.find(b"\n") + 1
            offset += newline or len(data)
            is_skipping, data = not newline, data[newline:] if newline else b""
        text = rest + data if rest else data
        last = text.rfind(b"\n") + 1
        if last:
            yield Chunk(text[:last], offset)
            offset += last
        rest = text[last:]
        if len(rest) > LINE_LIMIT:
            on_broken(offset, _TOO_LONG)
            offset += len(rest)
            is_skipping, rest = True, b""
    if rest:
        # Of a stream that broke off, the last line is part of that, and not reported twice.
        yield from _end(Chunk(rest, offset), on_broken, is_growing=failure is not None)
    if failure is not None:
        raise failure


def _end(last: Chunk, on_broken: OnBroken, *, is_growing: bool) -> Iterator[Chunk]:
    """Give a last line without a newline, if it is a whole one."""
    try:
        json.loads(last.data)
    except (ValueError, RecursionError):
        if not is_growing:
            on_broken(last.offset, "ends without a newline and is not JSON")
        return
    yield Chunk(last.data + b"\n", last.offset)


def next_line(fd: int, at: int) -> int:
    """Return the offset behind the first newline from `at` on; without one the end of the file."""
    while data := os.pread(fd, 8192, at):
        newline = data.find(b"\n")
        if newline >= 0:
            return at + newline + 1
        at += len(data)
    return at
