# SPDX-License-Identifier: Apache-2.0
"""What /proc says about a running process, in the form of an exec record.

Owns the reading of /proc/PID, to try rules on what runs now. Much of a record is not in /proc (the
file name of the call, the name of a script): such fields are named as unreadable.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from execaudit.errors import InvalidArgument, NoPermission
from execaudit.records import cgroup
from execaudit.records.host import Host
from execaudit.records.text import FieldDict, add_text, decode_all
from execaudit.records.vocabulary import FIELDS, Field
from execaudit.wire import record

_ANCESTORS = 8
_PTS_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt, like the next
_TTY_MAJOR = 4
_NOT_IN_PROC = ("script", "interp", "arch", "env")
"""Fields that a record can lack, and that /proc never has."""

_CAN_LACK = ("flag", "errno")
"""Kinds of conditions on fields that most records lack."""

_DELETED = " (deleted)"


def read_process(pid: int, host: Host, proc: Path = Path("/proc")) -> FieldDict:
    """Return fields of a process. Raises InvalidArgument where there is none, NoPermission."""
    folder = proc / str(pid)
    try:
        fields = _identity(pid, folder, host)
        fields |= _program(folder)
        fields |= _arguments(folder)
    except (FileNotFoundError, ProcessLookupError):
        if folder.exists():
            raise InvalidArgument(
                f"Failed to read process '{pid}': it runs no program, since it is a thread of the"
                " kernel or has ended"
            ) from None
        raise InvalidArgument(f"Failed to read process '{pid}': there is no such process") from None
    except PermissionError as error:
        raise NoPermission(
            f"Failed to read process '{pid}': {error.strerror}; try as root"
        ) from None
    fields |= _ancestors(folder, proc, host)
    return fields | {"unreadable": [name for name in _UNKNOWABLE if name not in fields]}


def _is_unknowable(field: Field) -> bool:
    """Return True if a rule must not take the field for absent where /proc does not have it."""
    condition = field.condition
    if condition is None or "exec" not in field.types:
        return False
    if field.name in _NOT_IN_PROC or field.omitted == 0:
        return True
    can_lack = condition.can_be_absent or condition.kind in _CAN_LACK
    return not can_lack and field.omitted is None


_UNKNOWABLE = tuple(name for name, field in FIELDS.items() if _is_unknowable(field))


def _status(folder: Path) -> dict[str, str]:
    # Not splitlines(): the name of a process may have other line ends than the kernel's.
    lines = (folder / "status").read_text(errors="replace").split("\n")
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _stat(folder: Path) -> list[str]:
    """Return the members of /proc/PID/stat from the third on; the second may hold anything."""
    text = (folder / "stat").read_text(errors="replace")
    return text.rpartition(")")[2].split()


def _identity(pid: int, folder: Path, host: Host) -> FieldDict:
    status, stat = _status(folder), _stat(folder)
    fields: FieldDict = {"type": "exec", "pid": pid, "ppid": int(stat[1]), "result": "success"}
    for kind in ("uid", "gid"):
        ids = map(int, status[kind.capitalize()].split())
        fields |= dict(zip((kind, f"e{kind}", f"s{kind}", f"fs{kind}"), ids, strict=True))
    for name, file in (("auid", "loginuid"), ("ses", "sessionid")):
        number = _read_number(folder / file)
        if number != record.UNSET_ID:
            fields[name] = number
    for name, of in (("user", "uid"), ("euser", "euid"), ("auser", "auid")):
        user = host.user(fields[of]) if of in fields else None
        if user is not None and not (name == "euser" and fields["euid"] == fields["uid"]):
            fields[name] = user
    tty = _tty_name(int(stat[4]))
    if tty:
        fields["tty"] = tty
    add_text(fields, "comm", (folder / "comm").read_bytes().removesuffix(b"\n"))
    fields |= _cgroup(folder)
    return fields


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text())
    except FileNotFoundError:  # a kernel without audit
        return record.UNSET_ID


def _tty_name(number: int) -> str:
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if major in _PTS_MAJORS:
        return f"pts{(major - _PTS_MAJORS[0]) * 256 + minor}"
    if major == _TTY_MAJOR:
        return f"tty{minor}" if minor < 64 else f"ttyS{minor - 64}"
    return f"char{major}:{minor}" if number else ""


def _cgroup(folder: Path) -> FieldDict:
    for line in (folder / "cgroup").read_bytes().split(b"\n"):
        if line.startswith(b"0::"):
            fields: FieldDict = {}
            add_text(fields, "cgroup", line[3:])
            return fields | cgroup.describe(fields["cgroup"])
    return {}


def _program(folder: Path) -> FieldDict:
    fields: FieldDict = {}
    exe = _link(folder / "exe")
    name = exe.removesuffix(_DELETED.encode())
    add_text(fields, "exe", name)
    if name.startswith(b"/memfd:"):
        fields["memfd"] = True
    elif name != exe:
        fields["deleted"] = True
    status = (folder / "exe").stat()
    fields |= {"exe_mode": f"{status.st_mode:07o}", "exe_uid": status.st_uid}
    fields |= {"exe_gid": status.st_gid, "exe_nlink": status.st_nlink}
    cwd = _link(folder / "cwd")
    add_text(fields, "cwd", cwd.removesuffix(_DELETED.encode()))
    if cwd.endswith(_DELETED.encode()):
        fields["cwd_deleted"] = True
    root = _link(folder / "root")
    if root != b"/":
        add_text(fields, "root", root)
    if root != b"/" or _link(folder / "ns/mnt") != _host_mounts(folder.parent):
        fields["other_root"] = True
    return fields


def _host_mounts(proc: Path) -> bytes:
    """Return the mount namespace of the first process; where that is hidden, our own."""
    try:
        return _link(proc / "1/ns/mnt")
    except OSError:
        return _link(proc / "self/ns/mnt")


def _link(path: Path) -> bytes:
    return os.fsencode(path.readlink())


def _arguments(folder: Path) -> FieldDict:
    raw = (folder / "cmdline").read_bytes()
    words = raw.removesuffix(b"\0").split(b"\0") if raw else []
    texts, exact = decode_all(words)
    fields: FieldDict = {"argv": texts, "argc": len(texts)}
    return fields | ({"argv_b64": exact} if exact else {})


def _ancestors(folder: Path, proc: Path, host: Host) -> FieldDict:
    """Return the chain of parents; numbers of execs and exact times of start are not in /proc."""
    found: list[dict[str, Any]] = []
    try:
        pid = int(_stat(folder)[1])
        while pid and len(found) < _ANCESTORS:
            above = proc / str(pid)
            stat = _stat(above)
            one: dict[str, Any] = {"id": host.identity(pid, int(stat[19]) * 10_000_000, 0)}
            one["pid"] = pid
            add_text(one, "comm", (above / "comm").read_bytes().removesuffix(b"\n"))
            found.append(one)
            pid = int(stat[1])
    except OSError:  # it ended meanwhile
        pass
    if not found:
        return {}
    parent = found[0]
    names = {f"p{name}": parent[name] for name in ("comm", "comm_b64") if name in parent}
    return {"parent_id": parent["id"], **names, "ancestors": found}


def running_programs(proc: Path = Path("/proc")) -> Iterator[tuple[int, int, str]]:
    """Yield pid, start in ticks and program of every process that can be read."""
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                exe = os.fsdecode(_link(folder / "exe"))
                start = int(_stat(folder)[19])
            except (OSError, IndexError):  # a thread of the kernel, gone meanwhile, or not ours
                continue
            yield int(folder.name), start, exe.removesuffix(_DELETED)
