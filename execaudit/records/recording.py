# SPDX-License-Identifier: Apache-2.0
"""Recordings: raw records in a file, with all that it takes to print them on another host.

Owns the file format. A recording is a line of JSON (the host, the wire version), then frames: a tag
byte, a length (32 bits, native byte order), that many bytes. Tags: R a raw record, B the end of a
batch, C a new wall clock offset, U names of users, S the kernel's counters at a settlement. A
recording holds all arguments and environments: mode 0600.
"""

import errno
import fcntl
import json
import os
import re
import stat
import struct
import sys
from collections.abc import Iterator
from itertools import accumulate, count
from typing import Any, BinaryIO

from execaudit.errors import ExecauditError, InvalidArgument, failed_call
from execaudit.records.host import Host
from execaudit.wire import record

_FORMAT = "execaudit recording"
_FRAME = struct.Struct("@cI")
_FRAME_LIMIT = 1 << 22
_BATCH_LIMIT = 1 << 22
_CPU_LIMIT = 8192  # NR_CPUS
_OFFSETS = (1 - (1 << 63), 1 << 63)
_BOOT = re.compile("[0-9a-f]{32}")
_NO_RECORD = bytes(record.HEAD_BYTES)
_DAMAGE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)


class Recorder:
    """Writes a recording of what `host` sees."""

    def __init__(self, path: str, host: Host) -> None:
        self._file = os.fdopen(_create(path), "wb")
        self._path = path
        self._host = host
        self._names_written: dict[int, str | None] = {}
        self._offset = host.wall_offset_ns
        header = {
            "format": _FORMAT,
            "wire": record.WIRE_VERSION,
            "byteorder": sys.byteorder,
            "host": host.name,
            "boot": host.boot,
            "wall_offset_ns": host.wall_offset_ns,
            "old_cgroups": host.has_old_cgroups,
        }
        self._file.write(json.dumps(header).encode() + b"\n")

    def batch(self, buf: bytes, offsets: list[int]) -> None:
        """Add a batch after it was printed: only then all names of users in it are known."""
        if self._host.wall_offset_ns != self._offset:
            self._offset = self._host.wall_offset_ns
            self._frame(b"C", self._offset)
        written = self._names_written
        names = {k: v for k, v in self._host.users.items() if k not in written or v != written[k]}
        if names:
            written |= names
            self._frame(b"U", list(names.items()))
        for at in offsets:
            (size,) = struct.unpack_from("@I", buf, at)
            self._frame(b"R", buf[at : at + size])
        self._frame(b"B", b"")

    def settle(self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int) -> None:
        """Add the arguments of a settlement (`Accounting.settle`)."""
        counters = [[raw.hex() for raw in cpus] for cpus in slots]
        self._frame(b"S", [counters, list(misses.items()), now_ns])

    def _frame(self, tag: bytes, content: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        try:
            self._file.write(pack_frame(tag, data))
        except OSError as error:
            raise failed_call(f"write '{self._path}'", error) from error

    def close(self) -> None:
        """Write out what is buffered."""
        try:
            self._file.close()
        except OSError as error:
            raise failed_call(f"write '{self._path}'", error) from error


def pack_frame(tag: bytes, data: bytes) -> bytes:
    """Return the bytes of a frame."""
    return _FRAME.pack(tag, len(data)) + data


def _create(path: str) -> int:
    """Return the descriptor of an empty file that nobody else can read, over what was there."""
    fd = -1
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        _take_over(fd)
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        raise failed_call(f"create '{path}'", error) from error
    return fd


def _take_over(fd: int) -> None:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        return
    # Nobody else may read what is recorded, nor make root overwrite another file by a link.
    if found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user")
    if found.st_nlink != 1:
        raise OSError(errno.EMLINK, "it is the same file as another one (hard link)")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(errno.EBUSY, "another process is recording to it") from error
    os.fchmod(fd, 0o600)
    os.ftruncate(fd, 0)


def open_recording(path: str) -> tuple[Host, BinaryIO]:
    """Return the host a recording was made on, and its file at the first frame.

    Raises InvalidArgument where it is no recording, or of another wire version.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - handed to the caller
    except OSError as error:
        raise failed_call(f"open '{path}'", error, InvalidArgument) from error
    try:
        host, made_for = _parse_header(file.readline(4096))
    except _DAMAGE as error:
        file.close()
        raise InvalidArgument(f"Failed to read '{path}': not a recording of execaudit") from error
    if made_for != (record.WIRE_VERSION, sys.byteorder):
        file.close()
        raise InvalidArgument(
            f"Failed to read '{path}': it has wire version {made_for[0]}, {made_for[1]} endian;"
            f" this execaudit reads version {record.WIRE_VERSION}, {sys.byteorder} endian"
        )
    return host, file


def _parse_header(line: bytes) -> tuple[Host, tuple[int, str]]:
    """Return the host, and wire version and byte order. Raises one of _DAMAGE."""
    header = json.loads(line)
    boot = header["boot"]
    if header["format"] != _FORMAT or not _BOOT.fullmatch(boot):
        raise ValueError(header)
    offset = _number(header["wall_offset_ns"], *_OFFSETS)
    old_cgroups = bool(header.get("old_cgroups", False))
    host = Host(_text(header["host"]), boot, offset, {}, has_old_cgroups=old_cgroups)
    return host, (int(header["wire"]), str(header["byteorder"]))


def read_steps(host: Host, file: BinaryIO, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the steps of a recording: ("batch", (buffer, offsets)) and ("settle", arguments).

    Users and clock steps go into `host` as they come. Raises ExecauditError where the file is cut
    off or damaged, after the steps before that place.
    """
    records: list[bytes] = []
    size = 0
    for number in count(1):
        reason = "it ends in the middle of a frame"
        try:
            tag, data = read_frame(file)
            reason = f"frame {number} is damaged"
            value = _parse_frame(tag, data)
        except _DAMAGE as error:
            if records:
                yield "batch", _join(records)
            raise ExecauditError(f"Failed to read '{path}': {reason}") from error
        if tag == b"R":
            records.append(data)
            size += len(data)
            if size < _BATCH_LIMIT:
                continue
        if records:
            yield "batch", _join(records)
            records, size = [], 0
        if tag == b"C":
            host.wall_offset_ns = value
        elif tag == b"U":
            host.learn(value)
        elif tag == b"S":
            yield "settle", value
        elif tag == b"":
            return


def _join(records: list[bytes]) -> tuple[bytes, list[int]]:
    """Return a batch. A record of a wrong length is blanked: it would reach into the next one."""
    whole = [raw if raw[:4] == struct.pack("@I", len(raw)) else _NO_RECORD for raw in records]
    return b"".join(whole), list(accumulate(map(len, whole[:-1]), initial=0))


def read_frame(file: BinaryIO) -> tuple[bytes, bytes]:
    """Return the next frame, (b"", b"") at the end. Raises ValueError where the file is cut off."""
    head = file.read(_FRAME.size)
    if not head:
        return b"", b""
    if len(head) == _FRAME.size:
        tag, size = _FRAME.unpack(head)
        data = file.read(size) if size <= _FRAME_LIMIT else b""
        if len(data) == size:
            return tag, data
    raise ValueError(head)


def _parse_frame(tag: bytes, data: bytes) -> Any:
    """Return the content of a frame, checked. Raises one of _DAMAGE."""
    if tag in (b"R", b"B", b""):
        return None
    value = json.loads(data)
    if tag == b"C":
        return _number(value, *_OFFSETS)
    if tag == b"U":
        return {_number(uid): None if name is None else _text(name) for uid, name in value}
    if tag == b"S":
        return _parse_settle(value)
    raise ValueError(tag)


def _parse_settle(value: Any) -> tuple[list[list[bytes]], dict[int, int], int]:
    slots, misses, now_ns = value
    raw = [[bytes.fromhex(slot) for slot in cpus] for cpus in slots]
    hooks = len(record.HOOKS)
    if len(raw) > hooks or any(len(cpus) > _CPU_LIMIT for cpus in raw):
        raise ValueError("slots")
    # Only the counters are read here; the kernel side's own members behind them may differ.
    if any(len(slot) < record.SLOT_COUNTERS_BYTES for cpus in raw for slot in cpus):
        raise ValueError("slot")
    return raw, {_number(hook, 0, hooks): _number(runs) for hook, runs in misses}, _number(now_ns)


def _number(value: Any, least: int = 0, beyond: int = 1 << 64) -> int:
    """Return an integer from `least` to below `beyond`. JSON has fractions, and no bounds."""
    if type(value) is not int or not least <= value < beyond:
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()  # JSON has lone surrogates, UTF-8 has not
    return value
