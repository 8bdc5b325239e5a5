# SPDX-License-Identifier: Apache-2.0
"""Native JSON, fast: records of the usual kind through a template and cached fragments.

Owns the caches. What repeats between execs (credentials, namespaces, program, parent, cgroup) is
encoded once per distinct raw slice by the functions of `fields` and kept. Whatever is unusual (cut,
unreadable, not UTF-8, in chunks) is left to `fields.exec_fields`; a test holds the two paths to
byte-identical output.
"""

from execaudit.records.encode_exits import ExitEncoder, view_exit
from execaudit.records.fields import (
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
from execaudit.records.fragments import (
    PLACES_BYTES,
    Fragments,
    Seconds,
    format_of,
    json_strings,
)
from execaudit.records.host import Host
from execaudit.records.text import dumps
from execaudit.records.view import LENGTHS_AT, View, Viewer, split_place
from execaudit.wire import record
from execaudit.wire.decode import CGROUP, CRED, EXE, NAMES, NAMESPACES

_ERRORS_KEPT = 256
_CRED_AT, _NS_AT, _EXE_AT = CRED.start, NAMESPACES.start, EXE.start
_CGROUP_AT, _NAMES_AT, _ANCESTORS_AT = CGROUP.start, NAMES.start, NAMES.stop

# Of this a format is made for each place: what has one % is put in, what has two stays open.
_LINE = (
    b'{"time":"%%b.%%09dZ","type":"exec",%%b"cpu":%%d,"seq":%%d,"id":"%b-%%x-%%x-%%x","pid":%%d%%b,'
    b'%b,"argv":%%b,"argc":%%d,"result":"%%b","start":"%%b.%%09dZ"%%b,%b%%b%b%%b}\n'
)


def _members(fields: FieldDict) -> bytes | None:
    """Members of a JSON object without its braces; None where base64 must be merged elsewhere."""
    return None if "b64" in fields else dumps(fields)[1:-1]


def _after(members: bytes | None) -> bytes | None:
    """The same for a place where there may be none: with the comma before."""
    return b"," + members if members else members


def _labelled(name: bytes, value: bytes | None) -> bytes | None:
    return None if value is None else name + value


def _string(raw: bytes) -> bytes | None:
    try:
        return dumps(raw.decode())
    except UnicodeDecodeError:
        return None


class Encoder:
    """Encodes exec records of the usual kind for one host."""

    def __init__(self, host: Host, env_names: tuple[bytes, ...]) -> None:
        self._host = host
        self._env_names = env_names
        self._viewer = Viewer()
        self._exits = ExitEncoder(host)
        self._seconds = Seconds()
        self._places = Fragments(self._make_place, PLACES_BYTES)
        self._cred = Fragments(lambda raw: _members(cred_fields(raw, host)))
        self._names = Fragments(lambda raw: _members(name_fields(raw)))
        self._exe = Fragments(lambda raw: _members(exe_fields(raw)))
        self._cgroup = Fragments(lambda raw: _members(cgroup_fields(raw)))
        self._namespaces = Fragments(lambda raw: _members(namespace_fields(raw)))
        self._ancestors = Fragments(lambda raw: _after(_members(ancestor_fields(raw, host))))
        self._path = Fragments(lambda raw: _string(path_bytes(raw)))
        self._filename = Fragments(lambda raw: _string(raw[:-1]))
        self._env = Fragments(self._select_env)
        self._flags: dict[int, bytes] = {}
        self._errors: dict[int, bytes] = {}
        constant = dumps({"host": host.name, "boot": host.boot})[1:-1] + b","
        self._heads = [constant] + [
            constant + dumps({"hook": name})[1:-1] + b"," for name in record.HOOKS[1:]
        ]
        self._boot = host.boot[:12].encode()

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        for cache in (self._cred, self._ancestors, self._places):
            cache.clear()

    def encode(self, buf: bytes, at: int, head: tuple[int, ...]) -> bytes | None:
        """One line for the exec record at `at`, or None if it has to go the long way.

        `head` is its unpacked header; the fixed part lies wholly within `buf`.
        """
        view = self._viewer.view(buf, at, head)
        return None if view is None else self.encode_view(head, view)

    def encode_view(self, head: tuple[int, ...], view: View, extra: bytes = b"") -> bytes | None:
        """The same for what was looked at before.

        `extra` are members for the end of the record, with the comma before.
        """
        _, _, _, hook, _, seq, time_ns, cpu, _, _ = head
        flags, error, argc, pid, tid, start_ns, exec_count, nspid, key, argv_block, env_block = view
        form = self._places[key]
        argv = json_strings(argv_block)
        env = self._env[env_block] if env_block else b""
        if form is None or argv is None or env is None:
            return None
        if flags:
            extra = self._flag_members(flags) + extra
        offset = self._host.wall_offset_ns
        seconds = self._seconds
        second, fraction = divmod(time_ns + offset, 1_000_000_000)
        start_second, start_fraction = divmod(start_ns + offset, 1_000_000_000)
        return form % (
            seconds[second], fraction, self._heads[hook], cpu, seq,
            pid, start_ns, exec_count, pid,
            b"" if tid == pid == nspid else _other_ids(pid, tid, nspid),
            argv, argc, b"failure" if error else b"success", seconds[start_second], start_fraction,
            self._error(error) if error else b"", env, extra,
        )  # fmt: skip

    def encode_exit(
        self, buf: bytes, at: int, head: tuple[int, ...], duration_ns: int | None
    ) -> bytes | None:
        """The same for the record of a process's end, which lies wholly within `buf`."""
        view = view_exit(buf, at, head)
        return None if view is None else self._exits.line(head, view, duration_ns)

    def _make_place(self, raw: bytes) -> bytes | None:
        """The format of lines of a place, with all that tends to repeat inside."""
        base = -LENGTHS_AT
        ancestors, strings = split_place(raw)
        filename, interp, exe, cwd, root, cgroup = strings
        parts = [
            self._cred[raw[base + _CRED_AT : base + _NS_AT]],
            self._names[raw[base + _NAMES_AT : base + _ANCESTORS_AT]],
            _labelled(b'"filename":', self._filename[filename]),
            self._exe[raw[base + _EXE_AT : base + _CGROUP_AT] + exe],
        ]
        if interp:
            parts.append(_labelled(b'"script":', self._filename[filename]))
            parts.append(_labelled(b'"interp":', self._filename[interp]))
        parts.append(_labelled(b'"cwd":', self._path[cwd]))
        if root:
            parts.append(_labelled(b'"root":', self._path[root]))
        group = [
            self._cgroup[raw[base + _CGROUP_AT : base + _NAMES_AT] + cgroup],
            self._namespaces[raw[base + _NS_AT : base + _EXE_AT]],
        ]
        parents = self._ancestors[ancestors]
        if parents is None or None in parts or None in group:
            return None
        return format_of(
            _LINE,
            self._boot,
            b",".join(filter(None, parts)),
            b",".join(filter(None, group)),
            parents,
        )

    def _select_env(self, env: bytes) -> bytes | None:
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
        values = json_strings(b"\0".join(chosen) + b"\0")
        return None if values is None else b',"env":' + values

    def _error(self, error: int) -> bytes:
        if error not in self._errors:
            if len(self._errors) >= _ERRORS_KEPT:  # a recording may hold any number
                self._errors.clear()
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
