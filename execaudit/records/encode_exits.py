# SPDX-License-Identifier: Apache-2.0
"""Ends of processes, fast: as JSON and as journal entries, through templates.

Owns the caches, by the rules of `encode`: what is unusual (unreadable, not UTF-8) is left to
`exits.exit_fields`, and a test holds the two ways to the same bytes.
"""

import struct

from execaudit.records.exits import status_fields
from execaudit.records.fragments import Seconds
from execaudit.records.host import Host
from execaudit.records.journal import PRIORITIES, quote_name, wire_fields, wire_head
from execaudit.records.text import dumps, until_nul
from execaudit.wire import record

_HEAD_BYTES = struct.calcsize(record.HEAD.format)
_EXIT = struct.Struct(record.EXIT.format.replace(f"{_HEAD_BYTES}s", "", 1)).unpack_from
_STATUSES_KEPT = 1024
_NAMES_KEPT = 1024
_INFO = PRIORITIES["info"]

ExitView = tuple[int, int, int, int, int, int, int, int, int, bytes]
"""(flags, start_ns, parent_start_ns, pid, exec_count, ppid, parent_exec_count, status, uid, comm).

`comm` has 16 bytes, NULs behind the name.
"""

_LINE = (
    b'{"time":"%b.%09dZ","type":"exit",%b"hook":"exit","cpu":%d,"seq":%d,"id":"%b-%x-%x-%x",'
    b'"parent_id":"%b-%x-%x-%x","pid":%d,"ppid":%d,"uid":%d%b%b%b%b}\n'
)
_ENTRY = (
    b"%bMESSAGE=%b ended, %b [pid %d]\nEXECAUDIT_TIME=%b.%09dZ\n%bEXECAUDIT_HOOK=exit\n"
    b"EXECAUDIT_CPU=%d\nEXECAUDIT_SEQ=%d\nEXECAUDIT_ID=%b-%x-%x-%x\n"
    b"EXECAUDIT_PARENT_ID=%b-%x-%x-%x\nEXECAUDIT_PID=%d\nEXECAUDIT_PPID=%d\nEXECAUDIT_UID=%d\n"
    b"%b%b%b%b"
)


def view_exit(buf: bytes, at: int, head: tuple[int, ...]) -> ExitView | None:
    """What is at `at`, None if it is not a usual end of a process.

    `head` is its unpacked header; a whole record lies within `buf`.
    """
    if head[0] != record.EXIT_BYTES or head[2] != record.WIRE_VERSION:
        return None
    view: ExitView = _EXIT(buf, at + _HEAD_BYTES)
    return None if view[0] or not _is_text(view[9]) else view


def _is_text(comm: bytes) -> bool:
    if comm.isascii():
        return True
    try:
        until_nul(comm).decode()
    except UnicodeDecodeError:
        return False
    return True


class ExitEncoder:
    """Makes lines and entries of ends of processes, for one host."""

    def __init__(self, host: Host, identifier: str = "execaudit") -> None:
        self._host = host
        self._identifier = identifier
        self._seconds = Seconds()
        self._names: dict[bytes, tuple[bytes, bytes, bytes]] = {}
        self._statuses: dict[int, tuple[bytes, bytes, bytes]] = {}
        self._heads: dict[int, bytes] = {}
        constant = {"host": host.name, "boot": host.boot}
        self._json_host = dumps(constant)[1:-1] + b","
        self._wire_host = wire_fields(constant)
        self._boot = host.boot[:12].encode()

    def line(
        self, head: tuple[int, ...], view: ExitView, duration_ns: int | None, extra: bytes = b""
    ) -> bytes:
        """A JSON line; `extra` members with the comma before."""
        (
            _, start_ns, parent_start_ns, pid, exec_count, ppid, parent_exec_count, status, uid,
            comm,
        ) = view  # fmt: skip
        name = self._names.get(comm) or self._name(comm)
        second, fraction = divmod(head[6] + self._host.wall_offset_ns, 1_000_000_000)
        boot = self._boot
        return _LINE % (
            self._seconds[second], fraction, self._json_host, head[7], head[5],
            boot, pid, start_ns, exec_count, boot, ppid, parent_start_ns, parent_exec_count,
            pid, ppid, uid, name[0], (self._statuses.get(status) or self._status(status))[0],
            b"" if duration_ns is None else b',"duration_ns":%d' % duration_ns, extra,
        )  # fmt: skip

    def entry(
        self,
        head: tuple[int, ...],
        view: ExitView,
        duration_ns: int | None,
        priority: int = _INFO,
        extra: bytes = b"",
    ) -> bytes:
        """A journal entry; `extra` as `wire_fields` makes them."""
        (
            _, start_ns, parent_start_ns, pid, exec_count, ppid, parent_exec_count, status, uid,
            comm,
        ) = view  # fmt: skip
        name = self._names.get(comm) or self._name(comm)
        second, fraction = divmod(head[6] + self._host.wall_offset_ns, 1_000_000_000)
        boot = self._boot
        _, wire_status, said = self._statuses.get(status) or self._status(status)
        return _ENTRY % (
            self._heads.get(priority) or self._head(priority), name[2], said, pid,
            self._seconds[second], fraction, self._wire_host, head[7], head[5],
            boot, pid, start_ns, exec_count, boot, ppid, parent_start_ns, parent_exec_count,
            pid, ppid, uid, name[1], wire_status,
            b"" if duration_ns is None else b"EXECAUDIT_DURATION_NS=%d\n" % duration_ns, extra,
        )  # fmt: skip

    def _status(self, status: int) -> tuple[bytes, bytes, bytes]:
        """How it ended: as members, as fields, as the message says it."""
        fields = status_fields(status)
        said = f"exit code {fields.get('exit_code')}"
        if "signal" in fields:
            said = f"killed by {fields['signal']}"
        made = (b"," + dumps(fields)[1:-1], wire_fields(fields), said.encode())
        if len(self._statuses) >= _STATUSES_KEPT:
            self._statuses.clear()
        self._statuses[status] = made
        return made

    def _head(self, priority: int) -> bytes:
        head = self._heads[priority] = wire_head("exit", priority, self._identifier)
        return head

    def _name(self, raw: bytes) -> tuple[bytes, bytes, bytes]:
        """The short name: as a member, as a field, as the message says it."""
        comm = until_nul(raw).decode()
        made = (b"", b"", b"?")
        if comm:
            member = b"," + dumps({"comm": comm})[1:-1]
            made = (member, wire_fields({"comm": comm}), quote_name(comm).encode())
        if len(self._names) >= _NAMES_KEPT:
            self._names.clear()
        self._names[raw] = made
        return made
