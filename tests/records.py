# SPDX-License-Identifier: Apache-2.0
"""Raw records as the kernel side writes them, made from keyword arguments.

Owns the laying out of bytes for tests, by the layouts of execaudit.record. It knows nothing of what
is made of them. Every member of a layout can be given by its name, also against good sense: that is
what tests of damaged records are for.
"""

import struct
from collections.abc import Sequence
from typing import Any

from execaudit.records.host import Host
from execaudit.wire import record
from execaudit.wire.record import Layout

BOOT = "0123456789abcdef0123456789abcdef"
WALL_OFFSET_NS = 1_700_000_000 * 10**9
TIME_NS = 5_000_000_000_123
START_NS = 4_000_000_000_456
Ancestor = tuple[int, int, int, bytes]
PARENT: Ancestor = (1_000_000_000, 900, 3, b"bash")
INIT: Ancestor = (1_000, 1, 1, b"systemd")

_STRINGS = ("filename", "interp", "exe", "cwd", "root", "cgroup", "script")
_HEAD: dict[str, Any] = {
    "kind": record.KIND_EXEC,
    "version": record.WIRE_VERSION,
    "seq": 1,
    "time_ns": TIME_NS,
}
_EXEC: dict[str, Any] = {
    "pid": 1000,
    "tid": 1000,
    "nspid": 1000,
    "start_ns": START_NS,
    "exec_count": 2,
    "auid": record.UNSET_ID,
    "ses": record.UNSET_ID,
    "cap_bounding": 0x1FFFFFFFFFF,
    "ns_mnt": 4026531841,
    "ns_pid": 4026531836,
    "ns_net": 4026531840,
    "ns_uts": 4026531838,
    "ns_ipc": 4026531839,
    "ns_cgroup": 4026531835,
    "ns_user": 4026531837,
    "exe_ino": 1234,
    "exe_dev": 8 << 20 | 1,
    "exe_nlink": 1,
    "exe_mode": 0o100755,
    "machine": 62,
    "cgroup_id": 77,
    "comm": b"ls",
    "old_comm": b"bash",
}


def make_host(**members: Any) -> Host:
    """Return a host with known users that follows no clock."""
    known = {
        "name": "box",
        "boot": BOOT,
        "wall_offset_ns": WALL_OFFSET_NS,
        "users": {0: "root", 1000: "ann"},
    }
    return Host(**{**known, **members})


def pack(layout: Layout, members: dict[str, Any]) -> bytes:
    """Return the bytes of a layout; members not given are zero."""
    rest = dict(members)
    values: list[Any] = [
        rest.pop(name, b"" if code.endswith("s") else 0) for name, code in layout.members
    ]
    assert not rest, f"no members of {layout.name}: {sorted(rest)}"
    return struct.pack(layout.format, *values)


def leaf_first(path: bytes) -> bytes:
    """Return an absolute path as the kernel side sends it."""
    return b"".join(part + b"\0" for part in reversed(path.split(b"/")) if part)


def block(strings: Sequence[bytes]) -> bytes:
    """Return NUL terminated strings in a row."""
    return b"".join(text + b"\0" for text in strings)


def exec_record(
    *argv: bytes,
    argv_block: bytes | None = None,
    env: Sequence[bytes] = (),
    env_block: bytes | None = None,
    filename: bytes = b"/usr/bin/ls\0",
    interp: bytes = b"",
    exe: bytes = leaf_first(b"/usr/bin/ls"),
    cwd: bytes = leaf_first(b"/home/ann"),
    root: bytes = b"",
    cgroup: bytes = leaf_first(b"/user.slice/user-1000.slice/session-3.scope"),
    script: bytes = b"",
    ancestors: Sequence[Ancestor] = (PARENT, INIT),
    argv_inside: int | None = None,
    env_inside: int | None = None,
    **members: Any,
) -> bytes:
    """Return an exec record; with an `error` one of a failure, whose hook is then execve.

    The strings are raw: with their NUL, paths leaf first. `argv_inside` and `env_inside` are how
    many bytes of the blocks are in the record itself; None: all.
    """
    arguments = block(argv) if argv_block is None else argv_block
    variables = block(env) if env_block is None else env_block
    is_failure = bool(members.get("error"))
    members.setdefault("kind", record.KIND_FAILURE if is_failure else record.KIND_EXEC)
    members.setdefault("hook", record.HOOKS.index("execve") if is_failure else 0)
    arguments_here = arguments[:argv_inside]
    variables_here = variables[:env_inside]
    strings = dict(zip(_STRINGS, (filename, interp, exe, cwd, root, cgroup, script), strict=True))
    tail = b"".join(strings.values()) + variables_here + arguments_here
    body = {
        **_EXEC,
        "argc": len(argv),
        "argv_bytes": len(arguments),
        "argv_inline": len(arguments_here),
        "argv_head": len(arguments),
        "argv_tail": len(arguments),
        "env_bytes": len(variables),
        "env_inline": len(variables_here),
        "env_head": len(variables),
        "env_tail": len(variables),
        **{f"{name}_bytes": len(raw) for name, raw in strings.items()},
        "ancestor_count": len(ancestors),
        "ancestors": b"".join(struct.pack(record.ANCESTOR.format, *one) for one in ancestors),
    }
    return _with_head(record.EXEC, body, members, tail)


def chunk_record(area: int, offset: int, data: bytes, /, **members: Any) -> bytes:
    """Return a chunk record that carries `data`, the small one where that is enough."""
    body = {"area": area, "offset": offset, "wanted": len(data), "got": len(data), "data": data}
    size = record.CHUNK_SIZES[len(data) <= record.CHUNK_SMALL]
    head = {"kind": record.KIND_CHUNK, "size": size}
    return _with_head(record.CHUNK, body, {**head, **members})[:size]


def chunks_of(area: int, data: bytes, begin: int, /, **members: Any) -> list[bytes]:
    """Return the chunk records for the part of a block from `begin` on."""
    size = record.CHUNK_BYTES
    return [
        chunk_record(area, at, data[at : at + size], **members)
        for at in range(begin, len(data), size)
    ]


def exit_record(**members: Any) -> bytes:
    """Return an exit record of the process that exec_record() describes."""
    body = {
        "start_ns": START_NS,
        "parent_start_ns": PARENT[0],
        "pid": 1000,
        "exec_count": 2,
        "ppid": PARENT[1],
        "parent_exec_count": PARENT[2],
        "uid": 1000,
        "comm": b"ls",
    }
    head = {"kind": record.KIND_EXIT, "hook": record.HOOKS.index("exit")}
    return _with_head(record.EXIT, body, {**head, **members})


def slot(**members: Any) -> bytes:
    """Return the counters of one hook on one CPU."""
    return pack(record.SLOT, members)


def slots(**by_hook: list[bytes]) -> list[list[bytes]]:
    """Return counters as Capture.slots() does: those given by the hook's name, zeros for others."""
    cpus = max((len(values) for values in by_hook.values()), default=1)
    zero = slot()
    return [(by_hook.get(hook, []) + [zero] * cpus)[:cpus] for hook in record.HOOKS]


def join(*records: bytes) -> tuple[bytes, list[int]]:
    """Return records as a batch: the buffer, and where in it each begins."""
    buf, offsets = b"", []
    for raw in records:
        # As in the ring: a header of 8 bytes before each, and each 8-byte aligned.
        buf += b"\0" * (-len(buf) % 8) + b"\xee" * 8
        offsets.append(len(buf))
        buf += raw
    return buf, offsets


def _with_head(
    layout: Layout, body: dict[str, Any], members: dict[str, Any], tail: bytes = b""
) -> bytes:
    names = {name for name, _ in record.HEAD.members}
    head = {"size": layout.size + len(tail), **_HEAD}
    head |= {name: value for name, value in members.items() if name in names}
    body |= {name: value for name, value in members.items() if name not in names}
    return pack(layout, {"head": pack(record.HEAD, head), **body}) + tail
