# SPDX-License-Identifier: Apache-2.0
"""The members of a record that repeat between execs: raw bytes of a Place become named fields.

Owns the form of these fields (docs/record.md). Fields that would be empty are left out. A text that
is not UTF-8 has its exact bytes beside it, as `<name>_b64`. A field that could not be read is named
in `unreadable` and nowhere else; one that was cut is named in `truncated`.
"""

import struct
import sys
from collections.abc import Callable, Mapping

from execaudit.records import cgroup
from execaudit.records.host import Host
from execaudit.records.machines import MACHINES
from execaudit.records.process_commands import ProcessCommands
from execaudit.records.text import FieldDict, add_text, until_nul
from execaudit.records.vocabulary import FIELDS
from execaudit.wire import record
from execaudit.wire.event import Place

_ANCESTOR = struct.Struct(record.ANCESTOR.format).iter_unpack
_PARENT = struct.Struct("@QII").unpack
_ORIGIN = struct.Struct("@QII").unpack
_SCRIPT = struct.Struct(record.EXEC.part("script_ino", "comm").format)
_UNREACHABLE = b"(unreachable)"  # as the kernel puts it before what getcwd(2) returns
_PARTS_BYTES = 256 << 10
_PART_BYTES = 600  # about what Python takes for the fields of one
_OF_EXEC = [field for field in FIELDS.values() if "exec" in field.types]
_UNREADABLE = [(field.unreadable, field.name) for field in _OF_EXEC if field.unreadable]
_UNREADABLE_OF_EXIT = [
    (record.FLAG_BAD_IDS, "uid"),
    *[(record.FLAG_BAD_START, name) for name in ("parent_id", "ppid", "comm")],
]
_CUT = [(field.cut, field.name) for field in _OF_EXEC if field.cut]
_CUT_AT_BEGIN = ("exe", "cwd", "root", "cgroup", "script")  # paths are read from their end


class PlaceDescriber:
    """Makes the fields of places of one host. Parts that many places have in common are kept.

    `commands` knows what parents run; without it no field says it.
    """

    def __init__(self, host: Host, commands: ProcessCommands | None = None) -> None:
        self._host = host
        self._commands = commands
        self._cred = _Parts(lambda raw: cred_fields(raw, host))
        self._names = _Parts(name_fields)
        self._exe = _Parts(exe_fields)
        self._cgroup = _Parts(lambda raw: cgroup_fields(raw, host))
        self._namespaces = _Parts(namespace_fields)
        self._ancestor = _Parts(lambda raw: _ancestor(raw, host))
        self._ancestors = _Parts(lambda raw: ancestor_fields(raw, self._ancestor))

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        self._cred.clear()
        self._ancestor.clear()
        self._ancestors.clear()

    def __call__(self, place: Place) -> FieldDict:
        """Return the fields of a place."""
        if place.type == "exit":
            return _exit_fields(place, self._host)
        fields = {
            **self._cred[place.cred],
            **self._names[place.names],
            **_file_fields(place),
            **self._exe[place.exe],
            **self._cgroup[place.cgroup],
            **self._namespaces[place.namespaces],
            **self._ancestors[place.ancestors],
        }
        if "unreadable" in self._exe[place.exe]:
            of_cgroup = self._cgroup[place.cgroup].get("unreadable", ())
            fields["unreadable"] = [*self._exe[place.exe]["unreadable"], *of_cgroup]
        origin = _origin(place, self._host)
        if origin:
            fields["origin"] = origin
        if place.flags & ~record.FLAG_SCRIPT:
            _mark_cut(fields, place.flags)
        if self._commands is not None and not place.flags & record.FLAG_BAD_ANCESTORS:
            shown = self._commands.shown_of_parent(place.ancestors, fields)
            cut = fields.get("truncated")
            fields |= shown
            if cut:
                fields["truncated"] = cut | shown.get("truncated", {})
        if place.flags:
            _mark_unreadable(fields, place, _UNREADABLE)
        return fields


class _Parts(dict[bytes, FieldDict]):
    """Fields made of raw slices, on first sight. Bounded by bytes: anybody can make new ones."""

    __slots__ = ("_bytes", "_make")

    def __init__(self, make: Callable[[bytes], FieldDict]) -> None:
        super().__init__()
        self._make = make
        self._bytes = 0

    def __missing__(self, raw: bytes) -> FieldDict:
        self._bytes += len(raw) + _PART_BYTES
        if self._bytes > _PARTS_BYTES:
            self.clear()
            self._bytes = len(raw) + _PART_BYTES
        fields = self[raw] = self._make(raw)
        return fields


def path_bytes(raw: bytes, is_unreachable: int = 0) -> bytes:
    """Return a path out of its components, which come leaf first, each with a NUL.

    Mark one that does not begin at the root of the process: it is not what it looks like.
    """
    path = b"/" + b"/".join(raw[:-1].split(b"\0")[::-1]) if raw else b"/"
    return _UNREACHABLE + path if is_unreachable else path


class _Block:
    """A stretch of members of struct exec_record, from one to before another.

    What the vocabulary takes over as it stands is in `fields`; `read` gives all members.
    """

    def __init__(self, first: str, stop: str) -> None:
        layout = record.EXEC.part(first, stop)
        self.struct = struct.Struct(layout.format)
        self._names = [name for name, _ in layout.members]
        fields = [FIELDS[name] for name in self._names if name in FIELDS]
        self._plain = [(field.name, field.omitted) for field in fields if field.is_member]

    def read(self, raw: bytes) -> FieldDict:
        """Return the members by name."""
        return dict(zip(self._names, self.struct.unpack_from(raw), strict=True))

    def fields(self, members: FieldDict) -> FieldDict:
        """Return members that are fields, but for those that say nothing."""
        return {name: members[name] for name, omitted in self._plain if members[name] != omitted}


_CRED = _Block("uid", "ns_mnt")
_NAMESPACES = _Block("ns_mnt", "exe_ino")
_EXE = _Block("exe_ino", "cgroup_id")
_OF_CGROUP = [field.name for field in FIELDS.values() if field.unreadable == record.FLAG_BAD_CGROUP]


def cred_fields(raw: bytes, host: Host) -> FieldDict:
    """Return ids, their names and capabilities, of the credential block."""
    members = _CRED.read(raw)
    fields = _CRED.fields(members)
    uid, euid = members["uid"], members["euid"]
    named = [("user", uid)]
    if euid != uid:
        named.append(("euser", euid))
    if "auid" in fields:
        named.append(("auser", fields["auid"]))
    for name, number in named:
        user = host.user(number)
        if user is not None:
            fields[name] = user
    fields["caps"] = {
        kind: f"{members[f'cap_{kind}']:x}"
        for kind in ("permitted", "effective", "inheritable", "ambient", "bounding")
    }
    return fields


def name_fields(raw: bytes) -> FieldDict:
    """Return comm, old_comm and tty."""
    fields: FieldDict = {}
    for index, name in enumerate(("comm", "old_comm", "tty")):
        text = until_nul(raw[index * 16 : index * 16 + 16])
        if text:
            add_text(fields, name, text)
    return fields


def _file_fields(place: Place) -> FieldDict:
    """Return what was asked to be executed, and from where."""
    fields: FieldDict = {}
    flags = place.flags
    add_text(fields, "filename", place.filename)
    if flags & record.FLAG_SCRIPT:
        add_text(fields, "script", place.filename)
        fields |= script_fields(place)
        add_text(fields, "interp", place.interp)
    add_text(fields, "cwd", path_bytes(place.cwd, flags & record.FLAG_CWD_UNREACHABLE))
    is_unreachable = flags & record.FLAG_ROOT_UNREACHABLE
    if place.root or is_unreachable:
        add_text(fields, "root", path_bytes(place.root, is_unreachable))
    if flags & record.FLAG_OTHER_ROOT:
        fields["other_root"] = True
    return fields


def script_fields(place: Place) -> FieldDict:
    """Return the file of a script that was run through a descriptor; {} for other scripts.

    Of a name relative to the descriptor of a directory, the kernel side gives the directory.
    """
    ino, dev, _, flags = _SCRIPT.unpack_from(place.script)
    if not ino:
        return {}
    path = path_bytes(place.script[_SCRIPT.size :], flags & record.EXE_UNREACHABLE)
    _, _, name = place.filename.removeprefix(b"/dev/fd/").partition(b"/")
    fields: FieldDict = {}
    add_text(fields, "script", path.rstrip(b"/") + b"/" + name if name else path)
    if not name:
        fields |= {"script_ino": str(ino), "script_dev": f"{dev >> 20}:{dev & 0xFFFFF}"}
    return fields


def exe_fields(raw: bytes) -> FieldDict:
    """Return path, kind and inode of the program. `raw` is the inode block, then the path."""
    members = _EXE.read(raw)
    flags, machine, device = members["exe_flags"], members["machine"], members["exe_dev"]
    path = path_bytes(raw[_EXE.struct.size :], flags & record.EXE_UNREACHABLE)
    fields: FieldDict = {}
    add_text(fields, "exe", path)
    if flags & record.EXE_PSEUDO and path.startswith(b"/memfd:"):
        fields["memfd"] = True
    elif flags & record.EXE_DELETED:
        fields["deleted"] = True
    if machine:
        fields["arch"] = MACHINES.get(machine, f"em_{machine}")
    fields["exe_ino"] = str(members["exe_ino"])
    fields["exe_dev"] = f"{device >> 20}:{device & 0xFFFFF}"
    if flags & record.EXE_BAD_DEV:
        fields["exe_dev_inexact"] = True
    if flags & record.EXE_UPPER:
        fields["exe_upper"] = True
    elif flags & record.EXE_BAD_UPPER:
        fields["unreadable"] = ["exe_upper"]
    fields["exe_mode"] = f"{members['exe_mode']:07o}"
    return fields | _EXE.fields(members)


def cgroup_fields(raw: bytes, host: Host) -> FieldDict:
    """Return the cgroup and what its path says. `raw` is the id, then the path.

    Where groups are kept in hierarchies of version 1, the root of version 2 says nothing, and
    nothing elsewhere in it says that a process is in no container.
    """
    if host.has_old_cgroups and len(raw) == 8:
        return {"unreadable": _OF_CGROUP}
    fields: FieldDict = {}
    add_text(fields, "cgroup", path_bytes(raw[8:]))
    fields["cgroup_id"] = str(int.from_bytes(raw[:8], sys.byteorder))
    fields |= cgroup.describe(fields["cgroup"])
    if host.has_old_cgroups and "container" not in fields:
        fields["unreadable"] = [name for name in ("container", "pod") if name not in fields]
    return fields


def namespace_fields(raw: bytes) -> FieldDict:
    """Return namespace inode numbers."""
    members = _NAMESPACES.read(raw)
    kinds = ("mnt", "pid", "net", "user", "cgroup", "uts", "ipc")
    return {"ns": {kind: members[f"ns_{kind}"] for kind in kinds}} | _NAMESPACES.fields(members)


def _ancestor(raw: bytes, host: Host) -> FieldDict:
    """Return one ancestor; `raw` is a struct ancestor."""
    ((start_ns, pid, exec_count, comm),) = _ANCESTOR(raw)
    ancestor: FieldDict = {
        "id": host.identity(pid, start_ns, exec_count),
        "pid": pid,
        "start": host.time(start_ns),
    }
    name = until_nul(comm)
    if name:
        add_text(ancestor, "comm", name)
    return ancestor


def ancestor_fields(raw: bytes, of: Mapping[bytes, FieldDict]) -> FieldDict:
    """Return parent and further ancestors; `raw` is an array of struct ancestor, `of` gives one.

    Places differ in their parents, and share what is above these.
    """
    size = record.ANCESTOR.size
    ancestors = [of[raw[at : at + size]] for at in range(0, len(raw), size)]
    if not ancestors:
        return {"ppid": 0}
    parent = ancestors[0]
    fields = {"parent_id": parent["id"], "ppid": parent["pid"]}
    for member in ("comm", "comm_b64"):
        if member in parent:
            fields[f"p{member}"] = parent[member]
    fields["ancestors"] = ancestors
    return fields


def _origin(place: Place, host: Host) -> str:
    """Return the id of the process whose program forked this one, where it is no ancestor."""
    start_ns, pid, exec_count = _ORIGIN(place.origin)
    if not pid or any(one[:2] == (start_ns, pid) for one in _ANCESTOR(place.ancestors)):
        return ""
    return host.identity(pid, start_ns, exec_count)


def _exit_fields(place: Place, host: Host) -> FieldDict:
    start_ns, pid, exec_count = _PARENT(place.ancestors)
    fields: FieldDict = {
        "parent_id": host.identity(pid, start_ns, exec_count),
        "ppid": pid,
        "uid": place.uid,
    }
    if place.comm:
        add_text(fields, "comm", place.comm)
    if place.flags:
        _mark_unreadable(fields, place, _UNREADABLE_OF_EXIT)
    return fields


def _mark_cut(fields: FieldDict, flags: int) -> None:
    cut = {name: True for bit, name in _CUT if flags & bit}
    if not cut:
        return
    for name in _CUT_AT_BEGIN:
        if name in cut and name in fields:
            fields[name] = "…" + fields[name]
    if "cgroup" in cut:
        # The beginning names units, and is what is missing; the end names the container.
        for name in ("unit", "user_unit", "slice", "session"):
            fields.pop(name, None)
    fields["truncated"] = cut


def _mark_unreadable(fields: FieldDict, place: Place, table: list[tuple[int, str]]) -> None:
    unreadable = [name for bit, name in table if place.flags & bit]
    if place.flags & record.FLAG_SCRIPT:
        if place.flags & record.FLAG_BAD_FILENAME:
            unreadable.append("script")
        if not place.interp:
            unreadable.append("interp")
    if unreadable:
        for name in unreadable:
            fields.pop(name, None)
            fields.pop(f"{name}_b64", None)
        before = fields.get("unreadable", ())
        fields["unreadable"] = [*unreadable, *(name for name in before if name not in unreadable)]
