# SPDX-License-Identifier: Apache-2.0
"""The usual exec record, looked at once: checked, its numbers unpacked, its blocks cut out.

Owns what is usual enough for the quick ways, and where the part lies that repeats between execs
(the place), by whose bytes all of them keep what they made. Whatever is not usual (cut, unreadable,
in chunks, damaged) is left to `fields`.
"""

import struct

from execaudit.wire import record
from execaudit.wire.decode import NAMES, SCALARS_AT, STRINGS_AT

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
_NUMBERS = struct.Struct("@QiIIIQII4I2I").unpack_from  # those of SCALARS that come first
_NO_PLACE = (b"", 1, False)  # equal to none: one byte is always there
_STRINGS_IN_PLACE = NAMES.stop - LENGTHS_AT  # without ancestors


class Viewer:
    """Looks at records. `_last` is bounded by the number of processors."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[bytes, int, bool]] = {}  # a place, its part before the strings

    def view(self, buf: bytes, at: int, head: tuple[int, ...]) -> View | None:
        """What is at `at`, None if it is not usual.

        `head` is its unpacked header; the fixed part lies wholly within `buf`.
        """
        (
            flags, error, argc, pid, tid, start_ns, exec_count, nspid,
            argv_bytes, argv_inline, _, _, env_bytes, env_inline,
        ) = _NUMBERS(buf, at + SCALARS_AT)  # fmt: skip
        if flags & _UNUSUAL or argv_inline != argv_bytes or env_inline != env_bytes:
            return None
        end = at + head[0]
        argv_at = end - argv_inline
        env_at = argv_at - env_inline
        strings_at = at + STRINGS_AT
        if end > len(buf) or env_at < strings_at or head[2] != record.WIRE_VERSION:
            return None
        # A program that runs others runs the same ones: to compare is quicker than to hash, and
        # the bytes seen before have their hash. They hold all lengths, which need no second check.
        cpu = head[7]
        place, fixed, is_script = self._last.get(cpu, _NO_PLACE)
        place_at = at + LENGTHS_AT
        if place != buf[place_at : place_at + fixed] + buf[strings_at:env_at]:
            made = _cut_place(buf, at, env_at)
            if made is None:
                return None
            place, _, is_script = self._last[cpu] = made
        if (flags & record.FLAG_SCRIPT != 0) is not is_script or head[3] >= len(record.HOOKS):
            return None
        return (
            flags, error, argc, pid, tid, start_ns, exec_count, nspid,
            place, buf[argv_at:end], buf[env_at:argv_at],
        )  # fmt: skip


def _cut_place(buf: bytes, at: int, env_at: int) -> tuple[bytes, int, bool] | None:
    """The place of a record whose strings end at `env_at`; None if it is not usual.

    Lengths, identity, names and ancestors lie side by side; so do the strings.
    """
    filename, interp, exe, cwd, root, cgroup, chunks, ancestors = LENGTHS(buf, at + LENGTHS_AT)
    strings_at = at + STRINGS_AT
    if strings_at + filename + interp + exe + cwd + root + cgroup != env_at:
        return None
    if chunks or ancestors > record.ANCESTORS:
        return None
    fixed = _STRINGS_IN_PLACE + ancestors * _ANCESTOR_BYTES
    begin = at + LENGTHS_AT
    return buf[begin : begin + fixed] + buf[strings_at:env_at], fixed, interp != 0


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
