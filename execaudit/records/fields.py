# SPDX-License-Identifier: Apache-2.0
"""The one vocabulary: raw slices of a record become its named fields (docs/record.md).

Owns every field's name, form and order. `exec_fields` gives a whole record as a dict; `encode`
calls the parts one by one and keeps their JSON. Fields that would be empty are left out. Exact
bytes of strings that are not UTF-8 gather under "b64".
"""

import errno
import struct
import sys
from typing import Any

from execaudit.records import cgroup
from execaudit.records.host import Host
from execaudit.records.text import decode, decode_all, until_nul
from execaudit.wire import record
from execaudit.wire.area import assemble, split_strings
from execaudit.wire.decode import Chunk, Parts

FieldDict = dict[str, Any]
"""Record fields by name, in the order of the vocabulary."""

_CRED = struct.Struct("@10I5QII").unpack
_NAMESPACES = struct.Struct("@8I").unpack
_EXE = struct.Struct("@QIIIIHHI")
_ANCESTOR = struct.Struct(record.ANCESTOR.format).iter_unpack
_MACHINES = {
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
_UNREADABLE = (
    (record.FLAG_BAD_CAPS, ("caps", "securebits")),
    (record.FLAG_BAD_NS, ("ns", "nspid")),
    (record.FLAG_BAD_TTY, ("tty",)),
    (record.FLAG_BAD_EXE_PATH, ("exe", "deleted", "memfd")),
    (record.FLAG_BAD_CWD, ("cwd", "cwd_deleted")),
    (record.FLAG_BAD_ROOT, ("root",)),
    (
        record.FLAG_BAD_CGROUP,
        ("cgroup", "cgroup_id", "unit", "user_unit", "slice", "session", "container"),
    ),
    (record.FLAG_BAD_FILENAME, ("filename",)),
    (record.FLAG_BAD_ANCESTORS, ("parent_id", "ppid", "pcomm", "ancestors")),
    (record.FLAG_BAD_OLD_COMM, ("old_comm",)),
    (record.FLAG_BAD_START, ("id", "start")),
    (
        record.FLAG_BAD_IDS,
        ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid", "auid", "ses", "user",
         "euser", "auser"),
    ),
    (
        record.FLAG_BAD_EXE,
        ("exe_ino", "exe_dev", "exe_mode", "exe_uid", "exe_gid", "exe_nlink"),
    ),
)  # fmt: skip
# Of two names for one number, the one in errno(3).
_ERRNO_NAMES = {
    **errno.errorcode,
    errno.EAGAIN: "EAGAIN",
    errno.EDEADLK: "EDEADLK",
    errno.EOPNOTSUPP: "EOPNOTSUPP",
}
_CUT = (
    (record.FLAG_CUT_FILENAME, "filename"),
    (record.FLAG_CUT_EXE, "exe"),
    (record.FLAG_CUT_CWD, "cwd"),
    (record.FLAG_CUT_ROOT, "root"),
    (record.FLAG_CUT_CGROUP, "cgroup"),
    (record.FLAG_CUT_ANCESTORS, "ancestors"),
)


def add_text(fields: FieldDict, name: str, raw: bytes) -> None:
    """Add a string field; its exact bytes too where they are not UTF-8."""
    fields[name], exact = decode(raw)
    if exact is not None:
        fields.setdefault("b64", {})[name] = exact


def path_bytes(raw: bytes) -> bytes:
    """A path out of its components, which come leaf first, each with a NUL."""
    if not raw:
        return b"/"
    return b"/" + b"/".join(raw[:-1].split(b"\0")[::-1])


def cred_fields(raw: bytes, host: Host) -> FieldDict:
    """Ids, their names and capabilities, of the credential block."""
    (
        uid, gid, suid, sgid, euid, egid, fsuid, fsgid, auid, ses,
        inheritable, permitted, effective, bounding, ambient, securebits, _,
    ) = _CRED(raw)  # fmt: skip
    fields: FieldDict = {
        "uid": uid, "gid": gid, "euid": euid, "egid": egid,
        "suid": suid, "sgid": sgid, "fsuid": fsuid, "fsgid": fsgid,
    }  # fmt: skip
    if auid != record.UNSET_ID:
        fields["auid"] = auid
    if ses != record.UNSET_ID:
        fields["ses"] = ses
    named = [("user", uid)]
    if euid != uid:
        named.append(("euser", euid))
    if auid != record.UNSET_ID:
        named.append(("auser", auid))
    for name, number in named:
        user = host.user(number)
        if user is not None:
            fields[name] = user
    fields["caps"] = {
        "permitted": f"{permitted:x}",
        "effective": f"{effective:x}",
        "inheritable": f"{inheritable:x}",
        "ambient": f"{ambient:x}",
        "bounding": f"{bounding:x}",
    }
    if securebits:
        fields["securebits"] = securebits
    return fields


def namespace_fields(raw: bytes) -> FieldDict:
    """Namespace inode numbers."""
    mnt, pid, net, uts, ipc, cgroup_ns, user, _ = _NAMESPACES(raw)
    return {
        "ns": {
            "mnt": mnt, "pid": pid, "net": net, "user": user,
            "cgroup": cgroup_ns, "uts": uts, "ipc": ipc,
        }
    }  # fmt: skip


def exe_fields(raw: bytes) -> FieldDict:
    """The program file: path, kind and inode. `raw` is the inode block, then the path."""
    ino, dev, nlink, uid, gid, mode, machine, flags = _EXE.unpack_from(raw)
    path = path_bytes(raw[_EXE.size :])
    fields: FieldDict = {}
    is_pseudo = bool(flags & record.EXE_PSEUDO)
    add_text(fields, "exe", path)
    if is_pseudo and path.startswith(b"/memfd:"):
        fields["memfd"] = True
    elif flags & record.EXE_DELETED:
        fields["deleted"] = True
    if machine:
        fields["arch"] = _MACHINES.get(machine, f"em_{machine}")
    fields["exe_ino"] = str(ino)
    fields["exe_dev"] = f"{dev >> 20}:{dev & 0xFFFFF}"
    fields["exe_mode"] = f"{mode:07o}"
    fields["exe_uid"] = uid
    fields["exe_gid"] = gid
    fields["exe_nlink"] = nlink
    return fields


def cgroup_fields(raw: bytes) -> FieldDict:
    """The cgroup and what its path tells. `raw` is the id, then the path."""
    fields: FieldDict = {}
    add_text(fields, "cgroup", path_bytes(raw[8:]))
    fields["cgroup_id"] = str(int.from_bytes(raw[:8], sys.byteorder))
    fields |= cgroup.describe(fields["cgroup"])
    return fields


def name_fields(raw: bytes) -> FieldDict:
    """comm, old_comm and tty."""
    fields: FieldDict = {}
    for index, name in enumerate(("comm", "old_comm", "tty")):
        text = until_nul(raw[index * 16 : index * 16 + 16])
        if text:
            add_text(fields, name, text)
    return fields


def ancestor_fields(raw: bytes, host: Host) -> FieldDict:
    """Parent and further ancestors."""
    ancestors: list[FieldDict] = []
    for start_ns, pid, exec_count, comm in _ANCESTOR(raw):
        ancestor: FieldDict = {
            "id": host.identity(pid, start_ns, exec_count),
            "pid": pid,
            "start": host.time(start_ns),
        }
        name = until_nul(comm)
        if name:
            add_text(ancestor, "comm", name)
        ancestors.append(ancestor)
    if not ancestors:
        return {"ppid": 0}
    parent = ancestors[0]
    fields = {"parent_id": parent["id"], "ppid": parent["pid"]}
    if "comm" in parent:
        fields["pcomm"] = parent["comm"]
    if "b64" in parent:
        fields["b64"] = {"pcomm": parent["b64"]["comm"]}
    fields["ancestors"] = ancestors
    return fields


def flag_fields(flags: int) -> FieldDict:
    """What the flags say by themselves, cut and unreadable fields included."""
    fields: FieldDict = {}
    if flags & record.FLAG_PRIVILEGED:
        fields["privileged"] = True
    if flags & record.FLAG_CWD_DELETED:
        fields["cwd_deleted"] = True
    cut = {name: True for bit, name in _CUT if flags & bit}
    if cut:
        fields["truncated"] = cut
    unreadable = [name for bit, names in _UNREADABLE if flags & bit for name in names]
    if unreadable:
        fields["unreadable"] = unreadable
    return fields


def select_env(block: list[bytes], names: tuple[bytes, ...]) -> list[bytes]:
    """Those of "NAME=value" strings whose name is in `names` (each with its "=")."""
    return [entry for entry in block if entry.startswith(names)]


def exec_fields(
    parts: Parts, chunks: list[Chunk], host: Host, env_names: tuple[bytes, ...]
) -> FieldDict:
    """The whole record of an exec, successful or failed, in the order of the vocabulary."""
    fields: FieldDict = {
        "time": host.time(parts.time_ns),
        "type": "exec",
        "host": host.name,
        "boot": host.boot,
    }
    if parts.hook:
        fields["hook"] = record.HOOKS[parts.hook]
    fields |= {
        "cpu": parts.cpu,
        "seq": parts.seq,
        "id": host.identity(parts.pid, parts.start_ns, parts.exec_count),
        "pid": parts.pid,
    }
    if parts.tid != parts.pid:
        fields["tid"] = parts.tid
    if parts.nspid != parts.pid:
        fields["nspid"] = parts.nspid
    for part in (
        cred_fields(parts.cred, host),
        name_fields(parts.names),
        _file_fields(parts),
        _argv_fields(parts, chunks),
        _result_fields(parts, host),
        _cgroup_fields(parts),
        namespace_fields(parts.namespaces),
        _env_fields(parts, chunks, env_names),
        ancestor_fields(parts.ancestors, host),
        flag_fields(parts.flags),
    ):
        _merge(fields, part)
    _leave_out_unreadable(fields, parts.flags)
    return fields


def _merge(fields: FieldDict, part: FieldDict) -> None:
    """Add a part's members; "b64" and "truncated", which several parts have, member by member."""
    for name, value in part.items():
        if name in ("b64", "truncated", "unreadable") and name in fields:
            fields[name] = fields[name] + value if name == "unreadable" else fields[name] | value
        else:
            fields[name] = value


def _file_fields(parts: Parts) -> FieldDict:
    fields: FieldDict = {}
    filename = parts.filename[:-1]
    if not parts.flags & record.FLAG_BAD_FILENAME:
        add_text(fields, "filename", filename)
    _merge(fields, exe_fields(parts.exe))
    if parts.flags & record.FLAG_SCRIPT:
        if parts.flags & record.FLAG_BAD_FILENAME:
            fields.setdefault("unreadable", []).append("script")
        else:
            add_text(fields, "script", filename)
        if parts.interp:
            add_text(fields, "interp", parts.interp[:-1])
        else:
            fields.setdefault("unreadable", []).append("interp")
    add_text(fields, "cwd", path_bytes(parts.cwd))
    if parts.root:
        add_text(fields, "root", path_bytes(parts.root))
    for bit, name in _CUT[1:4]:
        if parts.flags & bit and name in fields:
            fields[name] = "…" + fields[name]
    return fields


def _cgroup_fields(parts: Parts) -> FieldDict:
    fields = cgroup_fields(parts.cgroup)
    if parts.flags & record.FLAG_CUT_CGROUP:
        # Units are told by the beginning, which is what is missing; the container by the end.
        for name in ("unit", "user_unit", "slice", "session"):
            fields.pop(name, None)
        fields["cgroup"] = "…" + fields["cgroup"]
    return fields


def _argv_fields(parts: Parts, chunks: list[Chunk]) -> FieldDict:
    of_argv = [chunk for chunk in chunks if chunk.area == record.AREA_ARGV]
    pieces, gaps = assemble(parts.argv, parts.argv_bytes, parts.argv_head, parts.argv_tail, of_argv)
    strings, marks = split_strings(pieces, gaps)
    flags = parts.flags
    if flags & record.FLAG_BAD_ARGV and not strings:
        # The kernel counted the arguments of a success; of a failure, argc is those read: none.
        counted = {} if parts.error else {"argc": parts.argc}
        return counted | {"unreadable": ["argv"]}
    if parts.error and flags & (record.FLAG_CUT_ARGV | record.FLAG_BAD_ARGV):
        reason = "unreadable" if flags & record.FLAG_BAD_ARGV else "budget"
        marks.append({"index": len(strings) - 1, "reason": reason})
    elif flags & record.FLAG_BAD_ARGV and marks:
        marks[0]["reason"] = "unreadable"
    texts, exact = decode_all(strings)
    fields: FieldDict = {"argv": texts, "argc": parts.argc}
    if exact:
        fields["argv_b64"] = exact
    if marks:
        fields["truncated"] = {"argv": marks}
    return fields


def _env_fields(parts: Parts, chunks: list[Chunk], names: tuple[bytes, ...]) -> FieldDict:
    if not parts.env_bytes:
        return {"unreadable": ["env"]} if parts.flags & record.FLAG_BAD_ENV else {}
    of_env = [chunk for chunk in chunks if chunk.area == record.AREA_ENV]
    pieces, gaps = assemble(parts.env, parts.env_bytes, parts.env_head, parts.env_tail, of_env)
    strings, marks = split_strings(pieces, gaps)
    # What follows a gap may be the end of any variable's value, and look like a variable.
    after_gaps = {mark["index"] + 1 for mark in marks}
    whole = [entry for index, entry in enumerate(strings) if index not in after_gaps]
    texts, exact = decode_all(select_env(whole, names))
    fields: FieldDict = {}
    if texts:
        fields["env"] = texts
    if exact:
        fields["env_b64"] = exact
    if marks:
        if parts.flags & record.FLAG_BAD_ENV:
            marks[0]["reason"] = "unreadable"
        fields["truncated"] = {"env": [{k: v for k, v in m.items() if k != "index"} for m in marks]}
    return fields


def _result_fields(parts: Parts, host: Host) -> FieldDict:
    fields: FieldDict = {"result": "success", "start": host.time(parts.start_ns)}
    if parts.error:
        fields["result"] = "failure"
        fields |= error_fields(parts.error)
    return fields


def error_fields(error: int) -> FieldDict:
    """Name and number of a negative errno."""
    return {"errno": _ERRNO_NAMES.get(-error, f"E{-error}"), "errno_code": -error}


def _leave_out_unreadable(fields: FieldDict, flags: int) -> None:
    """A field that could not be read is named in "unreadable" and nowhere else."""
    for bit, names in _UNREADABLE:
        if flags & bit:
            for name in names:
                fields.pop(name, None)
                fields.get("b64", {}).pop(name, None)
    if "b64" in fields and not fields["b64"]:
        del fields["b64"]
