# SPDX-License-Identifier: Apache-2.0
"""From a place to the keys by which the baseline knows it.

Owns what makes two execs the same program, file, pair or user. A key has 64 bits: 32 that all keys
of a program share, so that a path can be looked up and forgotten, 30 of the whole, and 2 for its
kind. It reads no file.
"""

import os.path
import re
import struct
from typing import NamedTuple

from execaudit.baseline.entries import KIND_BITS
from execaudit.evidence.blake2 import blake2b
from execaudit.records.place import path_bytes
from execaudit.records.text import until_nul
from execaudit.wire import record
from execaudit.wire.event import Place

EXE, FILE, PAIR, USER = range(1 << KIND_BITS)
"""Kinds of keys, in the order of records.first_seen."""

_INODE_LAYOUT = record.EXEC.part("exe_ino", "cgroup_id")
_INODE = struct.Struct(_INODE_LAYOUT.format)
_INODE_NAMES = [name for name, _ in _INODE_LAYOUT.members]
PARENT_NAME = slice(record.ANCESTOR.offset("comm"), record.ANCESTOR.size)
_SCRIPT = struct.Struct(record.EXEC.part("script_ino", "comm").format)
_IDENTITY = struct.Struct("<QQQ")
_HASH_BYTES = 8
_NUMBERS = re.compile(rb"[0-9]+")
_UNKNOWN_EXE = record.FLAG_BAD_EXE_PATH | record.FLAG_CUT_EXE
_UNKNOWN_NAME = record.FLAG_BAD_FILENAME | record.FLAG_CUT_FILENAME
_UNKNOWN_CWD = record.FLAG_BAD_CWD | record.FLAG_CUT_CWD | record.FLAG_CWD_UNREACHABLE


class Traits(NamedTuple):
    """The properties by which the baseline knows an exec.

    Attributes:
        program: path of the program; of a script, the script's.
        exe: path of the executed file; of a script, the interpreter's.
        is_elsewhere: the paths belong to another root directory.
        is_in_layer: the file lies in a layer of overlayfs.
        identity: which file it is: inode, size and change time; None where that is not known.
        parent: short name of the parent, with each number as 0; None if it is not known.
        uid: real user; None if it is not known.

    """

    program: bytes
    exe: bytes
    is_elsewhere: bool
    is_in_layer: bool
    identity: bytes | None
    parent: bytes | None
    uid: int | None


def traits_of(place: Place) -> Traits | None:
    """Return the traits of a successful exec; None if its program is not known."""
    flags = place.flags
    if flags & _UNKNOWN_EXE:
        return None
    inode = dict(zip(_INODE_NAMES, _INODE.unpack_from(place.exe), strict=True))
    is_unreachable = inode["exe_flags"] & record.EXE_UNREACHABLE
    exe = path_bytes(place.exe[_INODE.size :], is_unreachable)
    identity = _IDENTITY.pack(inode["exe_ino"], inode["exe_size"], inode["exe_ctime_ns"])
    name = until_nul(place.ancestors[PARENT_NAME])
    return Traits(
        _script_path(place) or exe,
        exe,
        bool(flags & record.FLAG_OTHER_ROOT),
        bool(inode["exe_flags"] & record.EXE_IN_LAYER),
        None if flags & record.FLAG_BAD_EXE else identity,
        None if flags & record.FLAG_BAD_ANCESTORS else _NUMBERS.sub(b"0", name),
        None if flags & record.FLAG_BAD_IDS else place.uid,
    )


def unpack_identity(traits: Traits) -> tuple[int, int, int]:
    """Return inode, size and change time in nanoseconds since 1970; zeros if not known."""
    ino, size, changed_ns = _IDENTITY.unpack(traits.identity or bytes(_IDENTITY.size))
    return ino, size, changed_ns


def _script_path(place: Place) -> bytes:
    """Return the path of the script; b"" if it is none, or not known."""
    flags = place.flags
    if not flags & record.FLAG_SCRIPT or flags & _UNKNOWN_NAME:
        return b""
    ino, _, _, of_file = _SCRIPT.unpack_from(place.script)
    if ino:
        if flags & (record.FLAG_BAD_SCRIPT | record.FLAG_CUT_SCRIPT):
            return b""
        return path_bytes(place.script[_SCRIPT.size :], of_file & record.EXE_UNREACHABLE)
    if place.filename.startswith(b"/"):
        return os.path.normpath(place.filename)
    if flags & _UNKNOWN_CWD:
        return b""
    return os.path.normpath(path_bytes(place.cwd) + b"/" + place.filename)


class Hasher:
    """Makes keys with the secret of a baseline."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def program(self, path: bytes, *, is_elsewhere: bool) -> int:
        """Return the upper half of all keys of a program, as a number of 32 bits."""
        return self._hash(b"program", b"\1" if is_elsewhere else b"\0", path) >> 32

    def key(self, program: int, kind: int, path: bytes, rest: bytes = b"") -> int:
        """Return a key of a program with this number and path; `rest` is its other property."""
        lower = self._hash(b"%d" % kind, program.to_bytes(4), b"%d:" % len(rest), rest, path)
        return program << 32 | (lower & 0xFFFFFFFF) >> KIND_BITS << KIND_BITS | kind

    def keys(self, traits: Traits) -> dict[int, int]:
        """Return the keys of traits by kind; unknown traits have none."""
        path = traits.program
        program = self.program(path, is_elsewhere=traits.is_elsewhere)
        keys = {EXE: self.key(program, EXE, path)}
        if traits.identity is not None:
            of_exe = program
            if traits.exe != path:
                of_exe = self.program(traits.exe, is_elsewhere=traits.is_elsewhere)
            keys[FILE] = self.key(of_exe, FILE, traits.exe, traits.identity)
        if traits.parent is not None:
            keys[PAIR] = self.key(program, PAIR, path, traits.parent)
        if traits.uid is not None:
            keys[USER] = self.key(program, USER, path, b"%d" % traits.uid)
        return keys

    def _hash(self, *parts: bytes) -> int:
        return int.from_bytes(blake2b(self._secret + b"".join(parts), size=_HASH_BYTES).digest())
