# SPDX-License-Identifier: Apache-2.0
"""Builds, from what a program said it is, the record that execaudit must print for it.

The whole record, by docs/record.md: a field that is missing, wrong or not documented makes a
difference. It must not read anything from the tracer except the record under test.
"""

import os
import platform
import pwd
import socket
from base64 import b64decode, b64encode
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.integration.launching import boot_time_offset_ns
from tests.integration.surroundings import cgroup_directory
from tests.integration.tracing import Record
from tests.integration.truth import ANCESTORS, UNSET, Stat, Truth

DEFAULT_ENVIRONMENT = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "SSH_CONNECTION", "SUDO_USER")
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# Checked by assert_same on their own, or told apart by a test of their own (names from cgroups).
_APART = {"time", "seq", "cpu", "id", "parent_id", "start", "ancestors"}
_IN_ORDER = ("unit", "user_unit", "slice", "session", "container", "pod")
_FROM_CGROUP = set(_IN_ORDER)
_CAPABILITIES = {
    "permitted": "CapPrm",
    "effective": "CapEff",
    "inheritable": "CapInh",
    "ambient": "CapAmb",
    "bounding": "CapBnd",
}
_DELETED = b" (deleted)"


def assert_same(record: Record, truth: Truth, **differences: Any) -> None:
    """Assert that `record` tells the truth, whole and nothing else.

    `differences` are fields that the program cannot know, such as script; None removes one.
    """
    expected = expected_record(truth) | differences
    if truth.ns["mnt"] != _own_mount_namespace() or differences.get("root"):
        expected["other_root"] = True
    unreadable = _unreadable_cgroups(expected.get("cgroup"), record)
    if unreadable:
        expected["unreadable"] = [*differences.get("unreadable", ()), *unreadable]
        expected |= dict.fromkeys(unreadable)
    expected = {name: value for name, value in expected.items() if value is not None}
    _assert_ancestors(record, truth)
    _assert_start(record["start"], truth.stat)
    left_out = _APART | (_FROM_CGROUP - set(differences))
    assert {k: v for k, v in record.items() if k not in left_out} == expected
    assert 0 <= record["cpu"] < (os.cpu_count() or 1)
    assert record["seq"] > 0
    assert record["id"]


def _own_mount_namespace() -> int:
    return Path("/proc/self/ns/mnt").stat().st_ino


def has_old_cgroups() -> bool:
    """Return True where control groups are in hierarchies of version 1 that records lack."""
    groups = Path("/proc/self/cgroup").read_text()
    return ":memory:" in groups and "name=systemd" not in groups


def _unreadable_cgroups(path: str | None, record: Record) -> list[str]:
    if not has_old_cgroups():
        return []
    if path == "/":
        return ["cgroup", "cgroup_id", *_IN_ORDER]
    return [] if "container" in record else [n for n in ("container", "pod") if n not in record]


def _cgroup_id(directory: Path) -> Record:
    """In version 2; a test that puts a process elsewhere knows the id."""
    return {"cgroup_id": str(directory.stat().st_ino)} if directory.exists() else {}


def expected_record(truth: Truth) -> Record:
    """Everything but what differs from run to run (see ``_APART``)."""
    record: Record = {
        "type": "exec",
        "result": "success",
        "host": socket.gethostname(),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""),
        **_identity(truth),
        **_image(truth),
    }
    if truth.failed:
        record |= {"result": "failure", "errno_code": truth.failed}
    else:
        record |= _arguments(truth)
        record |= _environment(truth)
        record |= encode_text("filename", truth.execfn)
        record["arch"] = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if truth.secure and not truth.failed:
        record["privileged"] = True
    return record


def encode_text(name: str, raw: bytes) -> Record:
    """A string field, and beside it its bytes where they are not UTF-8."""
    text = raw.decode("utf-8", "replace")
    if text.encode() == raw:
        return {name: text}
    return {name: text, f"{name}_b64": b64encode(raw).decode()}


def encode_array(name: str, items: list[bytes]) -> Record:
    """An array of strings, with NAME_b64 for elements that are not UTF-8."""
    texts = [item.decode("utf-8", "replace") for item in items]
    exact = {
        str(i): b64encode(item).decode()
        for i, (item, text) in enumerate(zip(items, texts, strict=True))
        if text.encode() != item
    }
    return {name: texts} | ({f"{name}_b64": exact} if exact else {})


def parse_time_ns(text: str) -> int:
    """RFC 3339 with nanoseconds, to nanoseconds since 1970."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    assert text.endswith("Z")
    assert len(fraction) == 9
    whole = datetime.fromisoformat(seconds + "+00:00").timestamp()
    return int(whole) * 1_000_000_000 + int(fraction)


def _identity(truth: Truth) -> Record:
    uid, euid, suid, fsuid = truth.ids("Uid")
    gid, egid, sgid, fsgid = truth.ids("Gid")
    record: Record = {
        "pid": truth.pid,
        "ppid": truth.stat.ppid,
        "uid": uid,
        "euid": euid,
        "suid": suid,
        "fsuid": fsuid,
        "gid": gid,
        "egid": egid,
        "sgid": sgid,
        "fsgid": fsgid,
        "caps": {name: f"{int(truth.status[key], 16):x}" for name, key in _CAPABILITIES.items()},
        "ns": truth.ns,
        **encode_text("cgroup", truth.cgroup),
        **_cgroup_id(cgroup_directory(os.fsdecode(truth.cgroup))),
        **encode_text("comm", truth.stat.comm),
    }
    if truth.nspid != truth.pid:
        record["nspid"] = truth.nspid
    if truth.tid != truth.nspid:
        record["tid"] = truth.tid
    if truth.securebits:
        record["securebits"] = truth.securebits
    if truth.loginuid != UNSET:
        record |= {"auid": truth.loginuid, **_name("auser", truth.loginuid)}
    if truth.sessionid != UNSET:
        record["ses"] = truth.sessionid
    record |= _name("user", uid)
    if euid != uid:
        record |= _name("euser", euid)
    if truth.stat.tty:
        record["tty"] = _tty_name(truth.stat.tty)
    if truth.ancestors:
        record |= encode_text("pcomm", truth.ancestors[0].comm)
    if len(truth.ancestors) > ANCESTORS:
        record["truncated"] = {"ancestors": True}
    return record


def _name(field: str, uid: int) -> Record:
    try:
        return {field: pwd.getpwuid(uid).pw_name}
    except KeyError:
        return {}


def _tty_name(number: int) -> str:
    # Major numbers 136 to 143: Unix98 terminals, Documentation/admin-guide/devices.txt.
    major, minor = os.major(number), os.minor(number)
    if 136 <= major <= 143:
        return f"pts{minor + 256 * (major - 136)}"
    uevent = Path(f"/sys/dev/char/{major}:{minor}/uevent").read_text()
    return next(line[8:] for line in uevent.splitlines() if line.startswith("DEVNAME="))


def _image(truth: Truth) -> Record:
    record: Record = {}
    exe, cwd = truth.exe, truth.cwd
    if exe.startswith(b"/memfd:"):
        record["memfd"] = True
        exe = exe.removesuffix(_DELETED)
    elif exe.endswith(_DELETED):
        record["deleted"] = True
        exe = exe.removesuffix(_DELETED)
    if cwd.endswith(_DELETED):
        record["cwd_deleted"] = True
        cwd = cwd.removesuffix(_DELETED)
    stat = truth.exe_stat
    return record | {
        **encode_text("exe", exe),
        **encode_text("cwd", cwd),
        "exe_ino": str(stat["ino"]),
        "exe_dev": f"{os.major(stat['dev'])}:{os.minor(stat['dev'])}",
        "exe_mode": f"{stat['mode']:07o}",
        "exe_uid": stat["uid"],
        "exe_gid": stat["gid"],
        "exe_nlink": stat["nlink"],
    }


def _arguments(truth: Truth) -> Record:
    return {"argc": truth.argc, **encode_array("argv", split_block(truth.cmdline))}


def split_block(block: bytes) -> list[bytes]:
    """Take a block of NUL terminated strings apart."""
    return block.split(b"\0")[:-1]


def argument_bytes(record: Record) -> list[bytes]:
    """The exact bytes of each element of argv."""
    exact = {int(i): b64decode(data) for i, data in record.get("argv_b64", {}).items()}
    return [exact.get(i, text.encode()) for i, text in enumerate(record["argv"])]


def assert_gaps_fit(record: Record, block: bytes) -> None:
    """Assert that the elements of argv, with the gaps between them, are exactly `block`.

    An element is followed by its NUL, or by as many missing bytes as the gap after it has.
    """
    missing: Counter[int] = Counter()
    for gap in record.get("truncated", {}).get("argv", []):
        missing[gap["index"]] += gap["missing_bytes"]
    at = missing.pop(-1, 0)
    for i, part in enumerate(argument_bytes(record)):
        assert block[at : at + len(part)] == part
        at += len(part)
        after = missing.pop(i, 0)
        assert after or block[at : at + 1] == b"\0"
        at += after or 1
    assert at == len(block)
    assert not missing


def _environment(truth: Truth) -> Record:
    wanted = tuple(f"{name}=".encode() for name in DEFAULT_ENVIRONMENT)
    found = [item for item in truth.environ if item.startswith(wanted)]
    return encode_array("env", found) if found else {}


def _assert_ancestors(record: Record, truth: Truth) -> None:
    said = record.get("ancestors", [])
    assert [(a["pid"], a["comm"]) for a in said] == [
        (stat.pid, stat.comm.decode("utf-8", "replace")) for stat in truth.ancestors[:ANCESTORS]
    ]
    for one, stat in zip(said, truth.ancestors, strict=False):
        assert set(one) == {"id", "pid", "start", "comm"}
        _assert_start(one["start"], stat)
    assert record.get("parent_id") == (said[0]["id"] if said else None)


def _assert_start(start: str, stat: Stat) -> None:
    ticks = (parse_time_ns(start) - boot_time_offset_ns()) // _TICK_NS
    # The wall clock is steered, so that the offset is not the same number twice.
    assert abs(ticks - stat.start_ticks) <= 1
