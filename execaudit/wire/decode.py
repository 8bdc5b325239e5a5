# SPDX-License-Identifier: Apache-2.0
"""Takes a raw record apart: bounds checked, sliced, nothing interpreted.

Owns the variable part behind the fixed layout and the chunks that belong to it. What the slices
mean is the business of `fields`.
"""

import struct
from typing import NamedTuple

from execaudit.wire import record
from execaudit.wire.event import Event

HEAD = struct.Struct(record.HEAD.format).unpack_from
"""(size, kind, version, hook, pad, seq, time_ns, cpu, lost, lost_first_ns) at an offset."""

SCALARS_AT = record.EXEC.offset("flags")
SCALARS = struct.Struct("@QiIIIQII4I4I8H").unpack_from
"""The members from `flags` to `ancestor_count` of an exec record."""
_EXIT = struct.Struct(record.EXIT.format).unpack_from
_CHUNK = struct.Struct(record.CHUNK.format[: -len("16384s")]).unpack_from
_SIZE = struct.Struct("@I").unpack_from
_CHUNK_DATA = record.CHUNK.offset("data")

CRED = slice(record.EXEC.offset("uid"), record.EXEC.offset("ns_mnt"))
NAMESPACES = slice(CRED.stop, record.EXEC.offset("exe_ino"))
EXE = slice(NAMESPACES.stop, record.EXEC.offset("cgroup_id"))
CGROUP = slice(EXE.stop, record.EXEC.offset("comm"))
NAMES = slice(CGROUP.stop, record.EXEC.offset("ancestors"))
ANCESTORS_AT = NAMES.stop
STRINGS_AT = record.EXEC_BYTES


class Parts(NamedTuple):
    """One exec record: numbers as they are, the rest as raw slices. Raw paths are leaf first."""

    time_ns: int
    hook: int
    cpu: int
    seq: int
    flags: int
    error: int
    argc: int
    pid: int
    tid: int
    start_ns: int
    exec_count: int
    nspid: int
    chunks: int
    cred: bytes
    namespaces: bytes
    exe: bytes  # the inode block, then the path
    cgroup: bytes  # the id, then the path
    names: bytes  # comm, old_comm, tty, 16 bytes each
    ancestors: bytes
    filename: bytes  # this and the next with their NUL
    interp: bytes
    cwd: bytes
    root: bytes
    argv: bytes  # as far as it is in the record itself
    argv_bytes: int
    argv_head: int
    argv_tail: int
    env: bytes
    env_bytes: int
    env_head: int
    env_tail: int


def split(buf: bytes, at: int) -> Parts | None:
    """Take apart the exec record (KIND_EXEC, KIND_FAILURE) that begins at `at` in `buf`.

    None when its bytes do not make a record of this version: too short, or lengths that disagree.
    """
    if len(buf) - at < STRINGS_AT:
        return None
    size, _, version, hook, _, seq, time_ns, cpu, _, _ = HEAD(buf, at)
    (
        flags, error, argc, pid, tid, start_ns, exec_count, nspid,
        argv_bytes, argv_inline, argv_head, argv_tail,
        env_bytes, env_inline, env_head, env_tail,
        filename, interp, exe, cwd, root, cgroup, chunks, ancestors,
    ) = SCALARS(buf, at + SCALARS_AT)  # fmt: skip
    filename_at = at + STRINGS_AT
    interp_at = filename_at + filename
    exe_at = interp_at + interp
    cwd_at = exe_at + exe
    root_at = cwd_at + cwd
    cgroup_at = root_at + root
    env_at = cgroup_at + cgroup
    argv_at = env_at + env_inline
    end = argv_at + argv_inline
    if (
        end - at != size
        or end > len(buf)
        or argv_inline > argv_bytes
        or env_inline > env_bytes
        or version != record.WIRE_VERSION
        or ancestors > record.ANCESTORS
        or hook >= len(record.HOOKS)
    ):
        return None
    return Parts(
        time_ns, hook, cpu, seq, flags, error, argc, pid, tid, start_ns, exec_count, nspid, chunks,
        buf[at + CRED.start : at + CRED.stop],
        buf[at + NAMESPACES.start : at + NAMESPACES.stop],
        buf[at + EXE.start : at + EXE.stop] + buf[exe_at:cwd_at],
        buf[at + CGROUP.start : at + CGROUP.stop] + buf[cgroup_at:env_at],
        buf[at + NAMES.start : at + NAMES.stop],
        buf[at + ANCESTORS_AT : at + ANCESTORS_AT + ancestors * record.ANCESTOR.size],
        buf[filename_at:interp_at],
        buf[interp_at:exe_at],
        buf[cwd_at:root_at],
        buf[root_at:cgroup_at],
        buf[argv_at:end], argv_bytes, argv_head, argv_tail,
        buf[env_at:argv_at], env_bytes, env_head, env_tail,
    )  # fmt: skip


class Chunk(NamedTuple):
    """A piece of an argument or environment block; `data` is empty where it was unreadable."""

    area: int
    offset: int
    wanted: int
    data: bytes


def split_chunk(buf: bytes, at: int) -> Chunk | None:
    """Take a KIND_CHUNK record apart; None when its lengths disagree."""
    if len(buf) - at < _CHUNK_DATA:
        return None
    _, area, offset, wanted, got = _CHUNK(buf, at)
    (size,) = _SIZE(buf, at)
    if (
        size not in record.CHUNK_SIZES
        or size > len(buf) - at
        or area not in (record.AREA_ARGV, record.AREA_ENV)
        or not 0 < wanted <= size - _CHUNK_DATA
        or got not in (0, wanted)
        or offset + wanted > 1 << 32
    ):
        return None
    start = at + _CHUNK_DATA
    return Chunk(area, offset, wanted, buf[start : start + got])


class Exit(NamedTuple):
    """One exit record."""

    time_ns: int
    cpu: int
    seq: int
    flags: int
    start_ns: int
    parent_start_ns: int
    pid: int
    exec_count: int
    ppid: int
    parent_exec_count: int
    status: int
    uid: int
    comm: bytes


def split_exit(buf: bytes, at: int) -> Exit | None:
    """Take a KIND_EXIT record apart; None when it is too short or of another version."""
    if len(buf) - at < record.EXIT_BYTES:
        return None
    size, _, version, _, _, seq, time_ns, cpu, _, _ = HEAD(buf, at)
    if size != record.EXIT_BYTES or version != record.WIRE_VERSION:
        return None
    return Exit(time_ns, cpu, seq, *_EXIT(buf, at)[1:])


def event_at(buf: bytes, at: int) -> Event:
    """Return what the canary looks at; the Decoder takes its place."""
    event = Event()
    event.type, event.argv = "damaged", None
    if buf[at + 4] == record.KIND_EXIT:
        end = split_exit(buf, at)
        if end is not None:
            event.type, event.hook = "exit", record.HOOKS.index("exit")
            event.pid, event.start_ns = end.pid, end.start_ns
    elif buf[at + 4] in (record.KIND_EXEC, record.KIND_FAILURE):
        parts = split(buf, at)
        if parts is not None:
            event.type, event.hook, event.argv = "exec", parts.hook, parts.argv
            event.error, event.nspid = parts.error, parts.nspid
            event.pid, event.start_ns = parts.pid, parts.start_ns
    return event
