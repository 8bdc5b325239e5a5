# SPDX-License-Identifier: Apache-2.0
"""Raw records that make the code emit every field it knows, and the fields it then emits."""

import struct

from execaudit.daemon import meters
from execaudit.daemon.limits import Suppressed
from execaudit.daemon.stage import StageCounts
from execaudit.records import events
from execaudit.records.exits import exit_fields
from execaudit.records.fields import exec_fields
from execaudit.records.host import Host
from execaudit.records.incident import EventKey, Incident
from execaudit.records.lost import lost_fields
from execaudit.records.streams import Counts
from execaudit.wire import record
from execaudit.wire.decode import Exit, split

_HEAD = struct.Struct(record.HEAD.format)
_CONTAINER = "c" * 64


def pack_exec(strings: dict[str, bytes], *, hook: int = 0, **members: object) -> bytes:
    """An exec record as bpf/wire.h lays it out: members by name, then strings by name of length."""
    raw = bytearray(record.EXEC.size)
    for name in ("filename", "interp", "exe", "cwd", "root", "cgroup", "env", "argv"):
        text = strings.get(name, b"")
        raw += text
        if name in ("env", "argv"):
            lengths = [f"{name}_{part}" for part in ("bytes", "inline", "head", "tail")]
            members = {**dict.fromkeys(lengths, len(text)), **members}
        else:
            members.setdefault(f"{name}_bytes", len(text))
    codes = dict(record.EXEC.members)
    for name, value in members.items():
        struct.pack_into(f"@{codes[name]}", raw, record.EXEC.offset(name), value)
    kind = record.KIND_FAILURE if members.get("error") else record.KIND_EXEC
    _HEAD.pack_into(raw, 0, len(raw), kind, record.WIRE_VERSION, hook, 0, 1, 10**9, 0, 0, 0)
    return bytes(raw)


def _host() -> Host:
    return Host("h", "0" * 32, 0, {0: "root", 1: "daemon", 2: "bin"})


def _exec_samples() -> list[bytes]:
    parent = struct.pack(record.ANCESTOR.format, 1, 1, 1, b"\xff")
    whole = pack_exec(
        {
            "filename": b"./s\xff\0",
            "interp": b"/bin/sh\0",
            "exe": b"sh\0bin\0",
            "cwd": b"tmp\0",
            "root": b"jail\0",
            "cgroup": f"docker-{_CONTAINER}.scope\0session-1.scope\0user.slice\0".encode(),
            "env": b"LD_PRELOAD=\xff\0",
            "argv": b"sh\0\xff\0",
        },
        flags=record.FLAG_PRIVILEGED | record.FLAG_SCRIPT | record.FLAG_CWD_DELETED,
        pid=1,
        tid=2,
        nspid=3,
        euid=1,
        auid=2,
        ses=1,
        securebits=1,
        machine=62,
        exe_flags=record.EXE_DELETED,
        comm=b"sh",
        old_comm=b"bash",
        tty=b"pts0",
        ancestor_count=1,
        ancestors=parent,
    )
    memfd = pack_exec(
        {
            "exe": b"memfd:x\0",
            "cgroup": b"a.service\0app.slice\0user@1.service\0user.slice\0",
        },
        exe_flags=record.EXE_PSEUDO,
    )
    cut = pack_exec({"filename": b"x\0"}, flags=0xFF00)
    unreadable = pack_exec({"filename": b"x\0"}, hook=2, error=-2, flags=0x7FFF0000)
    return [whole, memfd, cut, unreadable]


_OF_THE_DAEMON = ("labels", "severity", "path_search", "redacted")
"""Fields that the stage adds; its tests see them."""


def emitted_fields() -> dict[str, set[str]]:
    """Names of all fields by type of record."""
    host = _host()
    found: dict[str, set[str]] = {"exec": set(_OF_THE_DAEMON), "exit": set(), "lost": set()}
    for raw in _exec_samples():
        parts = split(raw, 0)
        assert parts is not None
        found["exec"] |= exec_fields(parts, [], host, (b"LD_PRELOAD=",)).keys()
    for flags, status in ((0, 0x8B), (record.FLAG_BAD_IDS | record.FLAG_BAD_START, 0)):
        event = Exit(1, 0, 1, flags, 1, 1, 1, 1, 1, 1, status, 0, b"sh\0")
        found["exit"] |= exit_fields(event, host, 1).keys()
    found["lost"] |= lost_fields(host, "ring", 0, 0, 1, 1, 1).keys()
    key = EventKey("", 0, "exec", 1)
    incident = Incident("disk_full", 1, 1, 1, key, key)
    found["lost"] |= events.sink_lost_fields(host, "file", incident).keys()
    hook = ("fexit", "refused")
    missed: dict[str, object] = {"last_record": {}, "gap": {}, "previous": {}}
    found["start"] = set(events.start_fields(host, "bcc", hook, "", missed))
    found["stop"] = set(events.stop_fields(host, meters.totals(Counts(), StageCounts(), 0)))
    found["config"] = set(events.config_fields(host, "", ""))
    found["repair"] = set(events.repair_fields(host, ("silent", ["on_exec"], True), 1, 1))
    found["summary"] = {
        name
        for field in ("uid", "unit")
        for name in events.summary_fields(host, field, Suppressed(1, 1, 1, 1))
    }
    return found
