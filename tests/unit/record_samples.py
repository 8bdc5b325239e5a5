# SPDX-License-Identifier: Apache-2.0
"""Records of every type and shape, for tests that hold all of them to something.

Owns the samples, and the names of the fields that the code emits for them.
"""

import os
import tempfile
import time
from typing import Any

from execaudit.daemon.handover.checkpoint import Totals
from execaudit.evidence.chain import Chain
from execaudit.evidence.setup import make_state
from execaudit.evidence.state import StateFile
from execaudit.records import service_records
from execaudit.records.host import Host
from execaudit.records.lost import EventKey, Incident, Lost, lost_fields, sink_lost_fields
from execaudit.records.text import FieldDict
from execaudit.records.vocabulary import EVENT_FLAGS, FIELDS
from execaudit.wire import record
from tests.events import decode, fields_of
from tests.golden.files import FOLDER
from tests.records import exec_record, exit_record, leaf_first, make_host

GOLDEN = sorted(FOLDER.glob("*.jsonl"))

_HEAD = {"time": "2026-11-25T10:00:00.000000001Z", "host": "h", "boot": "0123456789ab" + "0" * 20}
_SPAN = {"first": _HEAD["time"], "last": _HEAD["time"]}
_MARK = {"time": _HEAD["time"], "cpu": 3, "hook": "execve", "seq": 2**40}

OF_POD = {"container": "4f" * 32, "pod": "3f2b8c1e-9a4d-4c55-8e0b-6d7f1a2b3c4d"}
OF_STATIC_POD = {"container": "4f" * 32, "pod": "8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e"}

DAEMON_RECORDS: list[FieldDict] = [
    {**_HEAD, "type": "lost", "hook": "exec", "cpu": 0, "reason": "ring", "count": 2**40, **_SPAN},
    {**_HEAD, "type": "lost", "sink": "file", "reason": "crash", "count": 3, **_SPAN},
    {**_HEAD, "type": "lost", "sink": "file", "reason": "disk_full", "count": 3, **_SPAN,
     "first_missed": _MARK, "last_missed": _MARK},
    {**_HEAD, "type": "start", "version": "1", "kernel": "6.1", "engine": "bcc",
     "failure_hook": "fexit", "cgroups": "legacy", "pid": 1, "config_hash": "0" * 64,
     "last_record": {"time": _HEAD["time"]}},
    {**_HEAD, "type": "stop", "pid": 1, "seen": 9, "dropped": 1, "limited": 1, "collapsed": 1,
     "lost": 1, "undecodable": 0, "checks": 1},
    {**_HEAD, "type": "config", "old_hash": "0" * 64, "config_hash": "1" * 64},
    {**_HEAD, "type": "repair", "reason": "silent", "programs": ["on_exec"], "result": "failure",
     **_SPAN},
    {**_HEAD, "type": "repair", "reason": "detached", "result": "success", **_SPAN},
    {**_HEAD, "type": "summary", "uid": 1000, "count": 3, **_SPAN},
    {**_HEAD, "type": "summary", "unit": "cron.service", "count": 3, **_SPAN},
    {**_HEAD, "type": "summary", "auid": 1000, "count": 3, "cut_bytes": 9000, **_SPAN},
    {**_HEAD, "type": "seal", "reason": "start", "chain": "0" * 16, "epoch": 2**40, "file": "a",
     "covers": {"lines": 3, "bytes": 2**40, **_SPAN, "apart": True,
                "missing": {"first": 1, "last": 2}, "shortened": {"from": 2**40, "to": 0}},
     "hash": "0" * 64, "previous_hash": "1" * 64, "removed": {"before": 1, "files": ["b"]},
     "events": {"seen": 1}, "next_chain": "1" * 16, "mac": "2" * 64,
     "certificate": {"period": 1, "key": "0" * 64, "signature": "1" * 128, "seal_key": "2" * 64},
     "next_key": "3" * 64, "signature": "4" * 128, "endorsement": "5" * 128},
    {**_HEAD, "type": "program", "reason": "first", "exe": "/usr/bin/a", "exe_ino": "7",
     "exe_dev": "8:1", "exe_mode": "0100755", "exe_uid": 0, "exe_gid": 0, "size": 2**40,
     "changed": _HEAD["time"], "modified": _HEAD["time"], "sha256": "0" * 64, "package": "a"},
    {**_HEAD, "type": "program", "reason": "changed", "exe": "\ufffd", "exe_b64": "/w==",
     "other_root": True, "exe_ino": "7", "exe_dev": "8:1", "exe_dev_inexact": True,
     "exe_upper": True, "exe_mode": "0100755", "exe_uid": 0, "exe_gid": 0, "size": 0,
     "changed": _HEAD["time"], "unreadable": ["modified", "sha256", "package"]},
    {**_HEAD, "type": "exit", "hook": "exit", "cpu": 0, "seq": 1,
     "unreadable": ["uid", "id", "parent_id", "pid", "ppid", "comm"], "exit_code": 0},
]  # fmt: skip
"""Records that no golden file has."""


def _flags(which: str) -> int:
    """Return all flags together that the vocabulary names as `which` of a field."""
    bits = 0
    for field in FIELDS.values():
        bits |= getattr(field, which)
    return bits


def _exec_samples() -> list[bytes]:
    """Return exec records that show, together, every field that comes from the kernel side."""
    members: dict[str, Any] = {name: 1 for name, field in FIELDS.items() if field.is_member}
    members["euid"] = 0
    whole = exec_record(
        b"sh", b"\xff",
        **members, tid=2, nspid=3, comm=b"\xff", old_comm=b"\xff", tty=b"\xff",
        env=(b"LD_PRELOAD=\xff",), filename=b"./s\xff\0", interp=b"/bin/\xff\0",
        exe=leaf_first(b"/\xff"), cwd=leaf_first(b"/\xff"), root=leaf_first(b"/\xff"),
        cgroup=leaf_first(b"/user.slice/session-1.scope/\xff/docker-%s.scope" % (b"c" * 64)),
        exe_flags=record.EXE_DELETED | record.EXE_BAD_DEV | record.EXE_UPPER,
        ancestors=((1, 1, 1, b"\xff"),),
        flags=sum(EVENT_FLAGS.values()) | record.FLAG_SCRIPT | record.FLAG_OTHER_ROOT,
        origin_start_ns=9, origin_pid=9,
    )  # fmt: skip
    script = exec_record(
        filename=b"/dev/fd/7\0", interp=b"/bin/sh\0", flags=record.FLAG_SCRIPT,
        script=leaf_first(b"/\xff"), script_ino=7, script_dev=8 << 20 | 1,
    )  # fmt: skip
    memfd = exec_record(
        exe=leaf_first(b"/memfd:x"),
        cgroup=leaf_first(
            b"/user.slice/user@1.service/app.slice/a.service/kubepods-pod%s.slice" % (b"c" * 32)
        ),
        exe_flags=record.EXE_PSEUDO,
    )
    cut = exec_record(flags=_flags("cut"))
    unreadable = exec_record(filename=b"", error=-2, flags=_flags("unreadable"))
    return [whole, memfd, script, cut, unreadable]


_OF_THE_DAEMON = (
    "labels", "severity", "technique", "rule", "path_search", "redacted", "first_seen", "pexe",
    "pexe_b64", "pcmdline",
)  # fmt: skip
"""Fields that the daemon adds; the tests of its flow see them."""


def _seal_fields(host: Host) -> set[str]:
    """Return the names of fields of seals with a MAC and with a signature."""
    found: set[str] = set()
    hour_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    now = Host(host.name, host.boot, hour_ns)
    for is_public in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/state"
            owner = os.geteuid(), os.getegid()
            make_state(path, is_public=is_public, owner=owner, periods=2)
            chain = Chain(StateFile(path), lambda: service_records.seal_head(now, {}))
            chain.note_removed(["a"], (chain.file.state.chain, 1))
            chain.mark_next_chain("0" * 16)
            found |= chain.next_seal("begin", "b").keys()
            chain.close()
    return found


def _program_fields(host: Host) -> set[str]:
    """Return the names of fields of `program` records; the thread that reads files adds four."""
    found = {"modified", "sha256", "package", "unreadable"}
    for raw in _exec_samples():
        (event,) = decode(raw, host=host)
        if not event.error:
            found |= service_records.program_fields(host, event, (1, 1), is_first=True).keys()
    return found


def emitted_fields() -> dict[str, set[str]]:
    """Return the names of all fields that are emitted, by type of record."""
    host = make_host(users={0: "root", 1: "daemon"})
    found: dict[str, set[str]] = {"exec": set(_OF_THE_DAEMON), "exit": {"duration_ns"}}
    for raw in _exec_samples():
        found["exec"] |= fields_of(raw, host=host).keys()
    for flags, status in ((0, 0x8B), (record.FLAG_BAD_IDS | record.FLAG_BAD_START, 0)):
        raw = exit_record(flags=flags, status=status, comm=b"\xff")
        found["exit"] |= fields_of(raw, host=host).keys()
    key = EventKey("", 0, "exec", 1)
    incident = Incident("disk_full", 1, 1, 1, key, key)
    found["lost"] = {
        *lost_fields(Lost("ring", 0, 0, 1, 1, 1), host),
        *sink_lost_fields(host, "file", incident),
    }
    hook = ("fexit", "refused")
    missed: dict[str, object] = {"last_record": {}, "gap": {}, "previous": {}, "config_error": ""}
    host.has_old_cgroups = True
    found["start"] = set(service_records.start_fields(host, "bcc", hook, "", missed))
    found["stop"] = set(service_records.stop_fields(host, Totals(0, 0, 0, 0, 0, 0)._asdict())) | {
        "checks"
    }
    found["config"] = set(service_records.config_fields(host, "", ""))
    how = ("silent", ["on_exec"], True)
    found["repair"] = set(service_records.repair_fields(host, how, 1, 1))
    found["seal"] = _seal_fields(host)
    found["program"] = _program_fields(host)
    found["summary"] = {
        name
        for field in ("uid", "auid", "unit")
        for name in service_records.summary_fields(host, (field, 1), (1, 1), 1, 1)
    }
    return found
