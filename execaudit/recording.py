# SPDX-License-Identifier: Apache-2.0
"""Recordings: raw records in a file, with all that is needed to print them again elsewhere.

Owns the file format. A recording is a line of JSON (what host, which wire version), then frames:
a tag byte, a length (32 bits, native byte order), that many bytes. Tags: R a raw record, B the end
of a batch, C a new wall clock offset, U names of users, S the kernel's counters when they were
settled. A recording holds all arguments and environments: mode 0600.
"""

import json
import os
import stat
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from execaudit import record
from execaudit.errors import ExecauditError, InvalidArgument
from execaudit.host import Host

_FORMAT = "execaudit recording"
_FRAME = struct.Struct("@cI")
_FRAME_LIMIT = 1 << 22


class Recorder:
    """Writes a recording of what `host` sees."""

    def __init__(self, path: str, host: Host) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.fdopen(os.open(path, flags, 0o600), "wb")
            if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                os.fchmod(self._file.fileno(), 0o600)  # of a file that was there before, too
        except OSError as error:
            raise ExecauditError(f"Failed to create '{path}': {error.strerror}") from error
        self._path = path
        self._host = host
        self._names_written: set[int] = set()
        self._offset = host.wall_offset_ns
        header = {
            "format": _FORMAT,
            "wire": record.WIRE_VERSION,
            "byteorder": sys.byteorder,
            "host": host.name,
            "boot": host.boot,
            "wall_offset_ns": host.wall_offset_ns,
        }
        self._file.write(json.dumps(header).encode() + b"\n")

    def batch(self, buf: bytes, offsets: list[int]) -> None:
        """Add a batch, after it was printed: by then the names it needs are known."""
        if self._host.wall_offset_ns != self._offset:
            self._offset = self._host.wall_offset_ns
            self._frame(b"C", json.dumps(self._offset).encode())
        names = {k: v for k, v in self._host.users.items() if k not in self._names_written}
        if names:
            self._names_written |= names.keys()
            self._frame(b"U", json.dumps(list(names.items())).encode())
        for at in offsets:
            (size,) = struct.unpack_from("@I", buf, at)
            self._frame(b"R", buf[at : at + size])
        self._frame(b"B", b"")

    def settle(self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int) -> None:
        """Add what Pipeline.settle was given."""
        state = [[[raw.hex() for raw in cpus] for cpus in slots], list(misses.items()), now_ns]
        self._frame(b"S", json.dumps(state).encode())

    def _frame(self, tag: bytes, data: bytes) -> None:
        try:
            self._file.write(_FRAME.pack(tag, len(data)) + data)
        except OSError as error:
            raise ExecauditError(f"Failed to write '{self._path}': {error.strerror}") from error

    def close(self) -> None:
        """Write out what is buffered."""
        try:
            self._file.close()
        except OSError as error:
            raise ExecauditError(f"Failed to write '{self._path}': {error.strerror}") from error


def open_recording(path: str) -> tuple[Host, BinaryIO]:
    """The host a recording was made on, and its file at the first frame.

    Raises InvalidArgument where it is none, or none that this version reads.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - handed to the caller
    except OSError as error:
        raise InvalidArgument(f"Failed to open '{path}': {error.strerror}") from error
    try:
        header = json.loads(file.readline(4096))
        if header["format"] != _FORMAT:
            raise ValueError(header["format"])  # noqa: TRY301 - joins the other damage
        host = Host(str(header["host"]), str(header["boot"]), int(header["wall_offset_ns"]), {})
        made_for = (int(header["wire"]), str(header["byteorder"]))
    except (ValueError, KeyError, TypeError) as error:
        file.close()
        raise InvalidArgument(f"Failed to read '{path}': not a recording of execaudit") from error
    if made_for != (record.WIRE_VERSION, sys.byteorder):
        file.close()
        raise InvalidArgument(
            f"Failed to read '{path}': it has wire version {made_for[0]}, {made_for[1]} endian;"
            f" this execaudit reads version {record.WIRE_VERSION}, {sys.byteorder} endian"
        )
    return host, file


def read_steps(host: Host, file: BinaryIO, path: str) -> Iterator[tuple[str, Any]]:
    """The steps of a recording: ("batch", (buffer, offsets)) and ("settle", arguments).

    Users and clock steps go into `host` as they come. Raises ExecauditError where the file breaks
    off or holds something else; what came before is good.
    """
    parts: list[bytes] = []
    offsets: list[int] = []
    size = 0
    while True:
        tag, data = _read_frame(file, path)
        if tag == b"":
            if parts:  # the recording process died within a batch
                yield "batch", (b"".join(parts), offsets)
            return
        try:
            if tag == b"R":
                offsets.append(size)
                parts.append(data)
                size += len(data)
            elif tag == b"B":
                yield "batch", (b"".join(parts), offsets)
                parts, offsets, size = [], [], 0
            elif tag == b"C":
                host.wall_offset_ns = int(json.loads(data))
            elif tag == b"U":
                host.users.update(dict(json.loads(data)))
            elif tag == b"S":
                yield "settle", _parse_settle(data)
            else:
                raise ValueError(tag)  # noqa: TRY301
        except (ValueError, TypeError, struct.error) as error:
            raise ExecauditError(
                f"Failed to read '{path}': damaged before byte {file.tell()}"
            ) from error


def _read_frame(file: BinaryIO, path: str) -> tuple[bytes, bytes]:
    head = file.read(_FRAME.size)
    if not head:
        return b"", b""
    if len(head) == _FRAME.size:
        tag, size = _FRAME.unpack(head)
        data = file.read(size) if size <= _FRAME_LIMIT else b""
        if len(data) == size:
            return tag, data
    raise ExecauditError(f"Failed to read '{path}': it ends in the middle of a frame")


def _parse_settle(data: bytes) -> tuple[list[list[bytes]], dict[int, int], int]:
    slots, misses, now_ns = json.loads(data)
    raw = [[bytes.fromhex(slot) for slot in cpus] for cpus in slots]
    for slot in (slot for cpus in raw for slot in cpus):
        if len(slot) != record.SLOT.size:
            raise ValueError("slot")
    return raw, {int(hook): int(count) for hook, count in misses}, int(now_ns)
