# SPDX-License-Identifier: Apache-2.0
"""The table of places: equal bytes and flags give one Place.

Owns where a place lies in a record, and the bound of the table.
"""

import struct
from collections.abc import Callable
from typing import Any

from execaudit.wire import record
from execaudit.wire.event import Place

_AT = record.EXEC.offset("filename_bytes")  # lengths, identity, names, ancestors: side by side
_LENGTHS = struct.Struct("@8H").unpack_from
_CHUNKS_AT = record.EXEC.offset("chunks") - _AT
_FIXED = record.EXEC.offset("ancestors") - _AT
_SCRIPT_BYTES = struct.Struct("@H").unpack_from
_SCRIPT_BYTES_AT = record.EXEC.offset("script_bytes") - _AT
_ANCESTOR_BYTES = record.ANCESTOR.size
_CRED = slice(record.EXEC.offset("uid") - _AT, record.EXEC.offset("ns_mnt") - _AT)
_NAMESPACES = slice(_CRED.stop, record.EXEC.offset("exe_ino") - _AT)
_EXE = slice(_NAMESPACES.stop, record.EXEC.offset("cgroup_id") - _AT)
_CGROUP = slice(_EXE.stop, record.EXEC.offset("script_ino") - _AT)
_SCRIPT = slice(_CGROUP.stop, record.EXEC.offset("comm") - _AT)
_NAMES = slice(_SCRIPT.stop, record.EXEC.offset("origin_start_ns") - _AT)
_ORIGIN = slice(_NAMES.stop, _FIXED)
_UID = struct.Struct("@I").unpack_from
_PARENT_PID = struct.Struct("@8xI").unpack_from

_PARENT_START = slice(record.EXIT.offset("parent_start_ns"), record.EXIT.offset("pid"))
_PARENT = slice(record.EXIT.offset("ppid"), record.EXIT.offset("status"))
_WHO = slice(record.EXIT.offset("uid"), record.EXIT_BYTES)
_EXIT = struct.Struct("@QIII16s").unpack  # parent_start_ns, ppid, parent_exec_count, uid, comm

_LIMIT_BYTES = 3 << 20
_PLACE_BYTES = 8000  # about what Python takes for one, with what is made of it


class PlaceTable:
    """Places by their bytes. Bounded: those not seen for the longest time are forgotten."""

    def __init__(self, describe: Callable[[Place], dict[str, Any]]) -> None:
        self._describe = describe
        self._places: dict[bytes, Place] = {}
        self._older: dict[bytes, Place] = {}  # not seen since `_places` was begun
        # By processor: the place, and its bytes before and from the strings on.
        self._last: dict[int, tuple[Place, bytes, bytes]] = {}
        self._bytes = 0

    def clear(self) -> None:
        """Forget all places."""
        self._places, self._older = {}, {}
        self._last.clear()
        self._bytes = 0

    def find(self, buf: bytes, at: int, strings_end: int, cpu: int, flags: int) -> Place | None:
        """Return the place of the exec record at `at`, None where its lengths disagree."""
        # A program that runs others runs the same ones again: to compare is quicker than to hash,
        # and the lengths in bytes that were seen before have been checked.
        last = self._last.get(cpu)
        begin = at + _AT
        strings_at = at + record.EXEC_BYTES
        if last is not None:
            place, head, strings = last
            if (
                len(strings) == strings_end - strings_at
                and buf.startswith(head, begin)
                and buf.startswith(strings, strings_at)
                and flags == place.flags
            ):
                return place
        *lengths, chunks, ancestors = _LENGTHS(buf, begin)
        (script,) = _SCRIPT_BYTES(buf, begin + _SCRIPT_BYTES_AT)
        if strings_at + sum(lengths) + script != strings_end or ancestors > record.ANCESTORS:
            return None
        head = buf[begin : begin + _FIXED + ancestors * _ANCESTOR_BYTES]
        strings = buf[strings_at:strings_end]
        raw = head + strings
        if chunks:  # this number is about the arguments, though it stands among these lengths
            raw = raw[:_CHUNKS_AT] + b"\0\0" + raw[_CHUNKS_AT + 2 :]
        key = raw + flags.to_bytes(8) if flags else raw  # unambiguous: lengths say where raw ends
        place = self._intern(key, raw, flags, cut_place)
        self._last[cpu] = place, head, strings
        return place

    def find_exit(self, buf: bytes, at: int, flags: int) -> Place:
        """Return the place of the exit record at `at`."""
        raw = (
            buf[at + _PARENT_START.start : at + _PARENT_START.stop]
            + buf[at + _PARENT.start : at + _PARENT.stop]
            + buf[at + _WHO.start : at + _WHO.stop]
        )
        key = raw + flags.to_bytes(8) if flags else raw
        return self._intern(key, raw, flags, cut_exit_place)

    def _intern(
        self, key: bytes, raw: bytes, flags: int, cut: Callable[[bytes, int], Place]
    ) -> Place:
        place = self._places.get(key)
        if place is not None:
            return place
        place = self._older.pop(key, None)
        if place is None:
            place = cut(raw, flags)
            place.describe = self._describe
        size = len(raw) + _PLACE_BYTES
        self._bytes += size
        if self._bytes > _LIMIT_BYTES // 2:
            self._places, self._older, self._bytes = {}, self._places, size
        self._places[key] = place
        return place


def cut_place(raw: bytes, flags: int) -> Place:
    """Cut the place of an exec record into its parts. The lengths in `raw` are right."""
    place = _new_place("exec", raw, flags)
    filename, interp, exe, cwd, root, cgroup, _, ancestors = _LENGTHS(raw)
    filename_at = _FIXED + ancestors * _ANCESTOR_BYTES
    interp_at = filename_at + filename
    exe_at = interp_at + interp
    cwd_at = exe_at + exe
    root_at = cwd_at + cwd
    cgroup_at = root_at + root
    script_at = cgroup_at + cgroup
    place.cred = raw[_CRED]
    place.namespaces = raw[_NAMESPACES]
    place.exe = raw[_EXE] + raw[exe_at:cwd_at]
    place.cgroup = raw[_CGROUP] + raw[cgroup_at:script_at]
    place.script = raw[_SCRIPT] + raw[script_at:]
    place.names = raw[_NAMES]
    place.origin = raw[_ORIGIN]
    place.ancestors = raw[_FIXED:filename_at]
    place.filename = raw[filename_at : max(filename_at, interp_at - 1)]
    place.interp = raw[interp_at : max(interp_at, exe_at - 1)]
    place.cwd = raw[cwd_at:root_at]
    place.root = raw[root_at:cgroup_at]
    (place.uid,) = _UID(place.cred)
    place.ppid = _PARENT_PID(place.ancestors)[0] if place.ancestors else 0
    place.comm = place.names[:16].split(b"\0", 1)[0]
    return place


def cut_exit_place(raw: bytes, flags: int) -> Place:
    """Cut the place of an exit record: parent_start_ns, ppid, parent_exec_count, uid, comm."""
    place = _new_place("exit", raw, flags)
    _, place.ppid, _, place.uid, comm = _EXIT(raw)
    place.comm = comm.split(b"\0", 1)[0]
    place.ancestors = raw[:16]
    place.filename = b""
    return place


def _new_place(kind: str, raw: bytes, flags: int) -> Place:
    place = Place()
    place.type = kind
    place.raw = raw
    place.flags = flags
    place.made = {}
    place.described = None
    place.residue = None
    place.looked_at = None
    return place


def core_of(place: Place) -> bytes:
    """Return the bytes of a place without its parents: equal for all runs of one command."""
    flags = place.flags.to_bytes(8)
    if place.type == "exit":
        return place.raw[16:] + flags
    raw = place.raw
    return raw[: _ORIGIN.start] + raw[_FIXED + len(place.ancestors) :] + flags + b"exec"
