# SPDX-License-Identifier: Apache-2.0
"""Journal entries, fast: execs of the usual kind through a template and cached fields.

Owns the caches, as `encode` does for JSON and by the same rules: what repeats between execs is made
once per distinct raw slice, whatever is unusual is left to `journal.wire_entry`, and a test holds
the two ways to byte-identical entries.
"""

from execaudit.records.command import command_words
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
from execaudit.records.journal import (
    PRIORITIES,
    command_line,
    describe_parent,
    describe_user,
    quote_word,
    shorten,
    wire_field,
    wire_fields,
    wire_head,
)
from execaudit.records.view import LENGTHS_AT, View, Viewer, file_name, split_place
from execaudit.wire import record
from execaudit.wire.decode import CGROUP, CRED, EXE, NAMES, NAMESPACES

# Words of these characters alone are shown as they are (execaudit.quoting).
_BARE_OR_NUL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./^-\0"
_WORDS_KEPT = 4096
_WORD_KEPT_BYTES = 128
_SHORT = 900  # no cutting of commands whose text is shorter, whatever its characters
_INFO = PRIORITIES["info"]

# Of this a format is made for each place: what has one % is put in, what has two stays open.
_ENTRY = (
    b"%%bMESSAGE=%b %%b %%b [pid %%d%b]\nEXECAUDIT_CMDLINE=%%b\n"
    b"EXECAUDIT_TIME=%%b.%%09dZ\n%%bEXECAUDIT_CPU=%%d\nEXECAUDIT_SEQ=%%d\n"
    b"EXECAUDIT_ID=%b-%%x-%%x-%%x\nEXECAUDIT_PID=%%d\n%%b%b"
    b"EXECAUDIT_ARGV=%%b\nEXECAUDIT_ARGC=%%d\nEXECAUDIT_RESULT=%%b\nEXECAUDIT_START=%%b.%%09dZ\n"
    b"%%b%b%%b%b%%b"
)

_Place = tuple[bytes, bytes]
"""The format, and the file name quoted."""


def _wire(fields: FieldDict) -> bytes | None:
    """Fields of a part; None where base64 must be merged elsewhere."""
    return None if "b64" in fields else wire_fields(fields)


def _text(name: bytes, raw: bytes) -> bytes | None:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return None
    return wire_field(name, raw)


class _Words(dict[bytes, bytes]):
    """Words as a shell reads them; programs get the same ones over and over. Bounded."""

    def __missing__(self, raw: bytes) -> bytes:
        quoted = quote_word(raw.decode()).encode()
        if len(raw) <= _WORD_KEPT_BYTES:
            if len(self) >= _WORDS_KEPT:
                self.clear()
            self[raw] = quoted
        return quoted


class JournalEncoder:
    """Makes the journal entries of exec records of the usual kind, for one host."""

    def __init__(self, host: Host, env_names: tuple[bytes, ...], identifier: str) -> None:
        self._host = host
        self._env_names = env_names
        self._identifier = identifier
        self._viewer = Viewer()
        self._seconds = Seconds()
        self._places = Fragments(self._make_place, PLACES_BYTES)
        self._who = Fragments(lambda raw: describe_user(cred_fields(raw, host)).encode())
        self._cred = Fragments(lambda raw: _wire(cred_fields(raw, host)))
        self._names = Fragments(lambda raw: _wire(name_fields(raw)))
        self._exe = Fragments(lambda raw: _wire(exe_fields(raw)))
        self._cgroup = Fragments(lambda raw: _wire(cgroup_fields(raw)))
        self._namespaces = Fragments(lambda raw: _wire(namespace_fields(raw)))
        self._ancestors = Fragments(self._make_ancestors)
        self._env = Fragments(self._select_env)
        self._words = _Words()
        self._flags: dict[int, bytes] = {}
        self._errors: dict[int, tuple[bytes, bytes]] = {}
        self._heads: dict[tuple[bool, int], bytes] = {}
        constant = wire_fields({"host": host.name, "boot": host.boot})
        self._hosts = [constant] + [
            constant + wire_fields({"hook": name}) for name in record.HOOKS[1:]
        ]
        self._boot = host.boot[:12].encode()

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        for cache in (self._who, self._cred, self._ancestors, self._places):
            cache.clear()

    def encode(
        self,
        buf: bytes,
        at: int,
        head: tuple[int, ...],
        priority: int = _INFO,
        extra: bytes = b"",
    ) -> bytes | None:
        """One entry for the exec record at `at`, or None if it has to go the long way.

        `head` is its unpacked header; the fixed part lies wholly within `buf`.
        """
        view = self._viewer.view(buf, at, head)
        return None if view is None else self.encode_view(head, view, priority, extra)

    def encode_view(
        self, head: tuple[int, ...], view: View, priority: int = _INFO, extra: bytes = b""
    ) -> bytes | None:
        """The same for what was looked at before.

        `extra` are fields for the end of the entry (as `wire_fields` makes them), `priority` what
        the severity gives.
        """
        _, _, _, hook, _, seq, time_ns, cpu, _, _ = head
        flags, error, argc, pid, tid, start_ns, exec_count, nspid, key, argv, env_block = view
        place = self._places[key]
        env = self._env[env_block] if env_block else b""
        if place is None or env is None:
            return None
        form, name = place
        if (
            0 < len(argv) < _SHORT
            and not argv.translate(None, _BARE_OR_NUL)
            and argv[0]
            and not argv[-1]
            and b"\0\0" not in argv
            and not flags & record.FLAG_SCRIPT
        ):
            # Words that need no quotes, neither here nor there, and are not empty.
            line = argv[:-1].replace(b"\0", b" ")
            argv_json: bytes | None = b'["' + line.replace(b" ", b'","') + b'"]'
            _, blank, rest = line.partition(b" ")
            command = name + blank + rest
        else:
            argv_json = json_strings(argv)
            if argv_json is None:
                return None
            line, command = self._commands(argv, name, key, flags)
        if flags:
            extra = self._flag_fields(flags) + extra
        offset = self._host.wall_offset_ns
        seconds = self._seconds
        second, fraction = divmod(time_ns + offset, 1_000_000_000)
        start_second, start_fraction = divmod(start_ns + offset, 1_000_000_000)
        verb, errors = self._error(error) if error else (b"ran", b"")
        return form % (
            self._heads.get((error != 0, priority)) or self._head(error != 0, priority),
            verb, command, pid, line, seconds[second], fraction, self._hosts[hook], cpu, seq,
            pid, start_ns, exec_count, pid,
            b"" if tid == pid == nspid else _other_ids(pid, tid, nspid),
            argv_json, argc, b"failure" if error else b"success",
            seconds[start_second], start_fraction, errors, env, extra,
        )  # fmt: skip

    def _commands(self, argv: bytes, name: bytes, place: bytes, flags: int) -> tuple[bytes, bytes]:
        """The whole command line, and the command of the message: named by file, cut to fit.

        `argv` is NUL terminated and UTF-8, `name` the quoted file name of the `place`.
        """
        is_script = bool(flags & record.FLAG_SCRIPT)
        if not argv or len(argv) + len(name) >= _SHORT:
            texts = argv[:-1].decode().split("\0") if argv else []
            command = command_words(file_name(place).decode(), texts, is_script=is_script)[0]
            return command_line(texts).encode(), shorten(command).encode()
        quoted = self._words
        words = argv[:-1].split(b"\0")
        line = b" ".join([quoted[word] for word in words])
        if not is_script:
            return line, name + line[len(quoted[words[0]]) :]
        words = command_words(file_name(place), words, is_script=True)[0]
        return line, b" ".join([quoted[word] for word in words])

    def _head(self, is_failure: bool, priority: int) -> bytes:
        head = wire_head("failure" if is_failure else "exec", priority, self._identifier)
        self._heads[is_failure, priority] = head
        return head

    def _make_place(self, raw: bytes) -> _Place | None:
        """What tends to repeat: who, program, surroundings, ancestors, parent, file name."""
        base = -LENGTHS_AT
        ancestors, strings = split_place(raw)
        filename, interp, exe, cwd, root, cgroup = strings
        cred = raw[base + CRED.start : base + CRED.stop]
        program = [
            self._cred[cred],
            self._names[raw[base + NAMES.start : base + NAMES.stop]],
            _text(b"EXECAUDIT_FILENAME", filename[:-1]),
            self._exe[raw[base + EXE.start : base + EXE.stop] + exe],
        ]
        if interp:
            program.append(_text(b"EXECAUDIT_SCRIPT", filename[:-1]))
            program.append(_text(b"EXECAUDIT_INTERP", interp[:-1]))
        program.append(_text(b"EXECAUDIT_CWD", path_bytes(cwd)))
        if root:
            program.append(_text(b"EXECAUDIT_ROOT", path_bytes(root)))
        group = [
            self._cgroup[raw[base + CGROUP.start : base + CGROUP.stop] + cgroup],
            self._namespaces[raw[base + NAMESPACES.start : base + NAMESPACES.stop]],
        ]
        parents = self._ancestors[ancestors]
        who = self._who[cred]
        if parents is None or who is None or None in program or None in group:
            return None
        name = quote_word(filename[:-1].decode()).encode()
        form = format_of(
            _ENTRY, who, parents[1], self._boot, b"".join(filter(None, program)),
            b"".join(filter(None, group)), parents[0],
        )  # fmt: skip
        return form, name

    def _make_ancestors(self, raw: bytes) -> tuple[bytes, bytes] | None:
        fields = ancestor_fields(raw, self._host)
        wire = _wire(fields)
        return None if wire is None else (wire, describe_parent(fields).encode())

    def _select_env(self, env: bytes) -> bytes | None:
        if not any(name in env for name in self._env_names):
            return b""
        if env[-1]:
            return None
        chosen = select_env(env[:-1].split(b"\0"), self._env_names)
        if not chosen:
            return b""
        values = json_strings(b"\0".join(chosen) + b"\0")
        return None if values is None else b"EXECAUDIT_ENV=" + values + b"\n"

    def _error(self, error: int) -> tuple[bytes, bytes]:
        if error not in self._errors:
            fields = error_fields(error)
            verb = f"failed to run ({fields['errno']})".encode()
            self._errors[error] = verb, wire_fields(fields)
        return self._errors[error]

    def _flag_fields(self, flags: int) -> bytes:
        flags &= ~record.FLAG_SCRIPT
        if flags not in self._flags:
            self._flags[flags] = wire_fields(flag_fields(flags))
        return self._flags[flags]


def _other_ids(pid: int, tid: int, nspid: int) -> bytes:
    text = b""
    if tid != pid:
        text += b"EXECAUDIT_TID=%d\n" % tid
    if nspid != pid:
        text += b"EXECAUDIT_NSPID=%d\n" % nspid
    return text
