# SPDX-License-Identifier: Apache-2.0
"""Native JSON, fast: records of the usual kind through a template and cached fragments.

Owns the caches. What repeats between execs (credentials, namespaces, program, parent, cgroup) is
encoded once per distinct raw slice by the functions of `fields` and kept. Whatever is unusual (cut,
unreadable, not UTF-8, in chunks) is left to `fields.exec_fields`; a test holds the two paths to
byte-identical output.
"""

import time
from collections.abc import Callable

from execaudit import record
from execaudit.decode import (
    CGROUP,
    CRED,
    EXE,
    HEAD,
    NAMES,
    NAMESPACES,
    SCALARS,
    SCALARS_AT,
    STRINGS_AT,
)
from execaudit.fields import (
    FieldDict,
    ancestor_fields,
    cgroup_fields,
    cred_fields,
    error_fields,
    exe_fields,
    flag_fields,
    name_fields,
    namespace_fields,
    path_bytes,
    select_env,
)
from execaudit.host import Host
from execaudit.text import SAFE, dumps

_KEPT = 4096
_ORDINARY = (
    record.FLAG_PRIVILEGED
    | record.FLAG_SCRIPT
    | record.FLAG_CWD_DELETED
    | record.FLAG_CUT_ANCESTORS
)
_UNUSUAL = 0xFFFFFFFFFFFFFFFF & ~_ORDINARY
_SAFE_OR_NUL = SAFE + b"\0"
_ANCESTOR_BYTES = record.ANCESTOR.size
_CRED_AT, _NS_AT, _EXE_AT = CRED.start, NAMESPACES.start, EXE.start
_CGROUP_AT, _NAMES_AT, _ANCESTORS_AT = CGROUP.start, NAMES.start, NAMES.stop

_LINE = (
    b'{"time":"%b.%09dZ","type":"exec",%b"cpu":%d,"seq":%d,"id":"%b-%x-%x-%x","pid":%d%b,%b,%b,'
    b'"filename":%b,%b,"cwd":%b,"argv":%b,"argc":%d,"result":"%b","start":"%b.%09dZ"%b,'
    b"%b,%b%b%b%b}\n"
)


class _Fragments(dict[bytes, bytes | None]):
    """JSON of raw slices, made on first sight. None: has to go the long way. Bounded."""

    __slots__ = ("_make", "clears")

    def __init__(self, make: Callable[[bytes], bytes | None]) -> None:
        super().__init__()
        self._make = make
        self.clears = 0

    def __missing__(self, raw: bytes) -> bytes | None:
        if len(self) >= _KEPT:
            self.clear()
            self.clears += 1
        value = self[raw] = self._make(raw)
        return value


class _Seconds(dict[int, bytes]):
    """RFC 3339 text of whole seconds since the epoch. Bounded."""

    def __missing__(self, second: int) -> bytes:
        if len(self) >= _KEPT:
            self.clear()
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        self[second] = text
        return text


def _members(fields: FieldDict) -> bytes | None:
    """Members of a JSON object without its braces; None where base64 must be merged elsewhere."""
    return None if "b64" in fields else dumps(fields)[1:-1]


def _after(members: bytes | None) -> bytes | None:
    """The same for a place where there may be none: with the comma before."""
    return b"," + members if members else members


def _string(raw: bytes) -> bytes | None:
    try:
        return dumps(raw.decode())
    except UnicodeDecodeError:
        return None


def _strings(raw: bytes) -> bytes | None:
    """JSON array of NUL terminated strings; None where they are not UTF-8 or not terminated."""
    if not raw:
        return b"[]"
    if raw[-1]:
        return None
    if not raw.translate(None, _SAFE_OR_NUL):
        return b'["' + raw[:-1].replace(b"\0", b'","') + b'"]'
    try:
        return dumps(raw[:-1].decode().split("\0"))
    except UnicodeDecodeError:
        return None


class Encoder:
    """Encodes exec records of the usual kind for one host."""

    def __init__(self, host: Host, env_names: tuple[bytes, ...]) -> None:
        self._host = host
        self._env_names = env_names
        self._seconds = _Seconds()
        self._cred = _Fragments(lambda raw: _members(cred_fields(raw, host)))
        self._names = _Fragments(lambda raw: _members(name_fields(raw)))
        self._exe = _Fragments(lambda raw: _members(exe_fields(raw)))
        self._cgroup = _Fragments(lambda raw: _members(cgroup_fields(raw)))
        self._namespaces = _Fragments(lambda raw: _members(namespace_fields(raw)))
        self._ancestors = _Fragments(lambda raw: _after(_members(ancestor_fields(raw, host))))
        self._path = _Fragments(lambda raw: _string(path_bytes(raw)))
        self._filename = _Fragments(lambda raw: _string(raw[:-1]))
        self._flags: dict[int, bytes] = {}
        self._errors: dict[int, bytes] = {}
        constant = dumps({"host": host.name, "boot": host.boot})[1:-1] + b","
        self._heads = [constant] + [
            constant + dumps({"hook": name})[1:-1] + b"," for name in record.HOOKS[1:]
        ]
        self._boot = host.boot[:12].encode()

    def follow_clock(self) -> None:
        """Forget what was made with the old wall clock offset."""
        self._ancestors.clear()

    def encode(self, buf: bytes, at: int) -> bytes | None:  # noqa: PLR0911 - each a reason
        """One line for the exec record at `at`, or None if it has to go the long way."""
        if at + STRINGS_AT > len(buf):
            return None
        size, _, version, hook, _, seq, time_ns, cpu, _, _ = HEAD(buf, at)
        (
            flags, error, argc, pid, tid, start_ns, exec_count, nspid,
            argv_bytes, argv_inline, _, _, env_bytes, env_inline, _, _,
            filename, interp, exe, cwd, root, cgroup, chunks, ancestors,
        ) = SCALARS(buf, at + SCALARS_AT)  # fmt: skip
        if flags & _UNUSUAL or chunks or argv_inline != argv_bytes or env_inline != env_bytes:
            return None
        filename_at = at + STRINGS_AT
        interp_at = filename_at + filename
        exe_at = interp_at + interp
        cwd_at = exe_at + exe
        root_at = cwd_at + cwd
        cgroup_at = root_at + root
        env_at = cgroup_at + cgroup
        argv_at = env_at + env_inline
        end = argv_at + argv_inline
        if end - at != size or end > len(buf) or version != record.WIRE_VERSION:
            return None
        if hook >= len(record.HOOKS) or ancestors > record.ANCESTORS:
            return None

        cred = self._cred[buf[at + _CRED_AT : at + _NS_AT]]
        names = self._names[buf[at + _NAMES_AT : at + _ANCESTORS_AT]]
        asked = self._filename[buf[filename_at:interp_at]]
        program = self._exe[buf[at + _EXE_AT : at + _CGROUP_AT] + buf[exe_at:cwd_at]]
        directory = self._path[buf[cwd_at:root_at]]
        argv = _strings(buf[argv_at:end])
        group = self._cgroup[buf[at + _CGROUP_AT : at + _NAMES_AT] + buf[cgroup_at:env_at]]
        spaces = self._namespaces[buf[at + _NS_AT : at + _EXE_AT]]
        first = at + _ANCESTORS_AT
        parents = self._ancestors[buf[first : first + ancestors * _ANCESTOR_BYTES]]
        env = self._select(buf[env_at:argv_at])
        if (
            cred is None or names is None or asked is None or program is None or directory is None
            or argv is None or group is None or spaces is None or parents is None or env is None
        ):  # fmt: skip
            return None
        if flags & record.FLAG_SCRIPT:
            script = _string(buf[interp_at : exe_at - 1])
            if script is None or not interp:
                return None
            program += b',"script":' + asked + b',"interp":' + script
        if root:
            top = self._path[buf[root_at:cgroup_at]]
            if top is None:
                return None
            directory += b',"root":' + top

        offset = self._host.wall_offset_ns
        seconds = self._seconds
        second, fraction = divmod(time_ns + offset, 1_000_000_000)
        start_second, start_fraction = divmod(start_ns + offset, 1_000_000_000)
        return _LINE % (
            seconds[second], fraction, self._heads[hook], cpu, seq,
            self._boot, pid, start_ns, exec_count, pid,
            b"" if tid == pid == nspid else _other_ids(pid, tid, nspid),
            cred, names, asked, program, directory, argv, argc,
            b"failure" if error else b"success", seconds[start_second], start_fraction,
            self._error(error) if error else b"",
            group, spaces, env, parents, self._flag_members(flags),
        )  # fmt: skip

    def _select(self, env: bytes) -> bytes | None:
        for name in self._env_names:
            if name in env:
                break
        else:
            return b""
        if env[-1]:
            return None
        chosen = select_env(env[:-1].split(b"\0"), self._env_names)
        if not chosen:
            return b""
        values = _strings(b"\0".join(chosen) + b"\0")
        return None if values is None else b',"env":' + values

    def _error(self, error: int) -> bytes:
        if error not in self._errors:
            self._errors[error] = b"," + dumps(error_fields(error))[1:-1]
        return self._errors[error]

    def _flag_members(self, flags: int) -> bytes:
        flags &= ~record.FLAG_SCRIPT
        if flags not in self._flags:
            members = dumps(flag_fields(flags))[1:-1]
            self._flags[flags] = b"," + members if members else b""
        return self._flags[flags]


def _other_ids(pid: int, tid: int, nspid: int) -> bytes:
    text = b""
    if tid != pid:
        text += b',"tid":%d' % tid
    if nspid != pid:
        text += b',"nspid":%d' % nspid
    return text
