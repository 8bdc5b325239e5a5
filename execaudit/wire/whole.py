# SPDX-License-Identifier: Apache-2.0
"""An exec record and its chunks, put together as if the kernel side had had room for all.

Owns that one step, so that long arguments go the same way as short ones. What is not complete stays
in pieces, and `area` says what is missing.
"""

import struct

from execaudit.wire import record
from execaudit.wire.area import assemble
from execaudit.wire.decode import HEAD, STRINGS_AT, Chunk, split

_SIZE = struct.Struct("@I").pack_into
_SIZE_AT = record.HEAD.offset("size")
_ARGV_INLINE_AT = record.EXEC.offset("argv_inline")
_ENV_INLINE_AT = record.EXEC.offset("env_inline")
_CHUNKS_AT = record.EXEC.offset("chunks")
_COUNT = struct.Struct("@H").pack_into


def put_together(buf: bytes, at: int, chunks: list[Chunk]) -> bytes | None:
    """Return the record at `at` with what `chunks` carry of it inside; None if not all is there."""
    parts = split(buf, at)
    if parts is None:
        return None
    argv = _whole(parts.argv, parts.argv_bytes, chunks, record.AREA_ARGV)
    env = _whole(parts.env, parts.env_bytes, chunks, record.AREA_ENV)
    if argv is None or env is None:
        return None
    end = at + HEAD(buf, at)[0] - len(parts.argv) - len(parts.env)
    fixed = bytearray(buf[at : at + STRINGS_AT])
    _SIZE(fixed, _SIZE_AT, end - at + len(env) + len(argv))
    _SIZE(fixed, _ARGV_INLINE_AT, len(argv))
    _SIZE(fixed, _ENV_INLINE_AT, len(env))
    _COUNT(fixed, _CHUNKS_AT, 0)
    return b"".join((fixed, buf[at + STRINGS_AT : end], env, argv))


def _whole(inline: bytes, total: int, chunks: list[Chunk], area: int) -> bytes | None:
    """Return a block without gaps, None if it has any."""
    if len(inline) == total:
        return inline
    pieces, gaps = assemble(inline, total, total, total, [c for c in chunks if c.area == area])
    return None if gaps else pieces[0].data
