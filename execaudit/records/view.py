# SPDX-License-Identifier: Apache-2.0
"""The usual exec record, looked at once: checked, its numbers unpacked, its blocks cut out.

Owns what is usual enough for the quick ways, and where the part lies that repeats between execs
(the place), by whose bytes all of them keep what they made. Whatever is not usual (cut, unreadable,
in chunks, damaged) is left to `fields`.
"""

import struct

from execaudit.wire import record
from execaudit.wire.decode import NAMES, SCALARS, SCALARS_AT, STRINGS_AT

View = tuple[int, int, int, int, int, int, int, int, bytes, bytes, bytes]
"""(flags, error, argc, pid, tid, start_ns, exec_count, nspid, place, argv, env).

`place` is lengths, identity, names and ancestors, then the strings from file name to cgroup; the
blocks `argv` and `env` are NUL terminated strings, all of them.
"""

USUAL_FLAGS = (
    record.FLAG_PRIVILEGED
    | record.FLAG_SCRIPT
    | record.FLAG_CWD_DELETED
    | record.FLAG_CUT_ANCESTORS
)
"""Flags with which no field is missing or cut but ancestors beyond the eighth."""

LENGTHS_AT = record.EXEC.offset("filename_bytes")
"""Where in a record the place begins."""
LENGTHS = struct.Struct("@8H").unpack_from
"""The lengths that a place begins with: of its six strings, number of chunks, of ancestors."""

_UNUSUAL = 0xFFFFFFFFFFFFFFFF & ~USUAL_FLAGS
_ANCESTOR_BYTES = record.ANCESTOR.size
_ANCESTORS_AT = NAMES.stop
_STRINGS_IN_PLACE = NAMES.stop - LENGTHS_AT  # without ancestors


class Viewer:
    """Looks at records. `_last` is bounded by the number of processors."""

    def __init__(self) -> None:
        self._last: dict[int, bytes] = {}

    def view(self, buf: bytes, at: int, head: tuple[int, ...]) -> View | None:
        """What is at `at`, None if it is not usual.

        `head` is its unpacked header; the fixed part lies wholly within `buf`.
        """
        (
            flags, error, argc, pid, tid, start_ns, exec_count, nspid,
            argv_bytes, argv_inline, _, _, env_bytes, env_inline, _, _,
            filename, interp, exe, cwd, root, cgroup, chunks, ancestors,
        ) = SCALARS(buf, at + SCALARS_AT)  # fmt: skip
        if flags & _UNUSUAL or chunks or argv_inline != argv_bytes or env_inline != env_bytes:
            return None
        filename_at = at + STRINGS_AT
        env_at = filename_at + filename + interp + exe + cwd + root + cgroup
        argv_at = env_at + env_inline
        end = argv_at + argv_inline
        if end - at != head[0] or end > len(buf) or head[2] != record.WIRE_VERSION:
            return None
        if head[3] >= len(record.HOOKS) or ancestors > record.ANCESTORS:
            return None
        if (flags & record.FLAG_SCRIPT == 0) != (interp == 0):
            return None
        # Lengths, identity, names and ancestors lie side by side; so do the strings.
        block_end = at + _ANCESTORS_AT + ancestors * _ANCESTOR_BYTES
        place = buf[at + LENGTHS_AT : block_end] + buf[filename_at:env_at]
        # A program that runs others runs the same ones: to compare is quicker than to hash, and the
        # bytes seen before have their hash.
        last = self._last.get(head[7])
        if place == last:
            place = last
        else:
            self._last[head[7]] = place
        return (
            flags, error, argc, pid, tid, start_ns, exec_count, nspid,
            place, buf[argv_at:end], buf[env_at:argv_at],
        )  # fmt: skip


def file_name(place: bytes) -> bytes:
    """The file name asked for, without its NUL."""
    lengths = LENGTHS(place)
    begin = _STRINGS_IN_PLACE + lengths[-1] * _ANCESTOR_BYTES
    return place[begin : begin + lengths[0] - 1] if lengths[0] else b""


def split_place(place: bytes) -> tuple[bytes, list[bytes]]:
    """Ancestors, and the strings filename, interp, exe, cwd, root, cgroup as in the record."""
    lengths = LENGTHS(place)
    at = _STRINGS_IN_PLACE + lengths[-1] * _ANCESTOR_BYTES
    ancestors = place[_STRINGS_IN_PLACE:at]
    strings: list[bytes] = []
    for length in lengths[:6]:
        strings.append(place[at : at + length])
        at += length
    return ancestors, strings
