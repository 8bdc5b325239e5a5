# SPDX-License-Identifier: Apache-2.0
"""Journal entries, fast: execs of the usual kind through a template and cached fields.

Owns the caches, as `encode` does for JSON and by the same rules: what repeats between execs is made
once per distinct raw slice, whatever is unusual is left to `journal.wire_entry`, and a test holds
the two ways to byte-identical entries.
"""

import struct

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
from execaudit.records.fragments import PLACES_BYTES, Fragments, Seconds, json_strings
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
from execaudit.wire import record
from execaudit.wire.decode import (
    CGROUP,
    CRED,
    EXE,
    NAMES,
    NAMESPACES,
    SCALARS,
    SCALARS_AT,
    STRINGS_AT,
)

_UNUSUAL = 0xFFFFFFFFFFFFFFFF & ~(
    record.FLAG_PRIVILEGED
    | record.FLAG_SCRIPT
    | record.FLAG_CWD_DELETED
    | record.FLAG_CUT_ANCESTORS
)
_ANCESTOR_BYTES = record.ANCESTOR.size
_ANCESTORS_AT = NAMES.stop
_LENGTHS_AT = record.EXEC.offset("filename_bytes")
_LENGTHS = struct.Struct("@8H").unpack_from
# Words of these characters alone are shown as they are (execaudit.quoting).
_BARE_OR_NUL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./^-\0"
_WORDS_KEPT = 4096
_WORD_KEPT_BYTES = 128
_SHORT = 900  # no cutting of commands whose text is shorter, whatever its characters
_INFO = PRIORITIES["info"]

_ENTRY = (
    b"%bMESSAGE=%b %b %b [pid %d%b]\nEXECAUDIT_CMDLINE=%b\n"
    b"EXECAUDIT_TIME=%b.%09dZ\n%bEXECAUDIT_CPU=%d\nEXECAUDIT_SEQ=%d\n"
    b"EXECAUDIT_ID=%b-%x-%x-%x\nEXECAUDIT_PID=%d\n%b%b"
    b"EXECAUDIT_ARGV=%b\nEXECAUDIT_ARGC=%d\nEXECAUDIT_RESULT=%b\nEXECAUDIT_START=%b.%09dZ\n"
    b"%b%b%b%b%b%b"
)

_Place = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


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

    def follow_clock(self) -> None:
        """Forget what was made with the old wall clock offset."""
        self._ancestors.clear()
        self._places.clear()

    def encode(
        self,
        buf: bytes,
        at: int,
        head: tuple[int, ...],
        priority: int = _INFO,
        extra: bytes = b"",
    ) -> bytes | None:
        """One entry for the exec record at `at`, or None if it has to go the long way.

        `head` is its unpacked header; the fixed part lies wholly within `buf`. `extra` are fields
        that rules added (`wire_fields` of labels and severity), `priority` what the severity gives.
        """
        size, _, version, hook, _, seq, time_ns, cpu, _, _ = head
        (
            flags, error, argc, pid, tid, start_ns, exec_count, nspid,
            argv_bytes, argv_inline, _, _, env_bytes, env_inline, _, _,
            filename, interp, exe, cwd, root, cgroup, chunks, ancestors,
        ) = SCALARS(buf, at + SCALARS_AT)  # fmt: skip
        if flags & _UNUSUAL or chunks or argv_inline != argv_bytes or env_inline != env_bytes:
            return None
        filename_at = at + STRINGS_AT
        env_at = filename_at + filename + interp + exe + cwd + root + cgroup
        argv_at = env_at + env_inline
        end = argv_at + argv_inline
        if end - at != size or end > len(buf) or version != record.WIRE_VERSION:
            return None
        if hook >= len(record.HOOKS) or ancestors > record.ANCESTORS:
            return None
        if (flags & record.FLAG_SCRIPT == 0) != (interp == 0):
            return None
        block_end = at + _ANCESTORS_AT + ancestors * _ANCESTOR_BYTES
        place = self._places[buf[at + _LENGTHS_AT : block_end] + buf[filename_at:env_at]]
        argv = buf[argv_at:end]
        argv_json = json_strings(argv)
        env = self._env[buf[env_at:argv_at]] if env_inline else b""
        if place is None or argv_json is None or env is None:
            return None
        who, program, group, parents, by, name = place
        line, command = self._commands(
            argv, name, buf[filename_at : filename_at + filename - 1], flags
        )

        offset = self._host.wall_offset_ns
        seconds = self._seconds
        second, fraction = divmod(time_ns + offset, 1_000_000_000)
        start_second, start_fraction = divmod(start_ns + offset, 1_000_000_000)
        verb, errors = self._error(error) if error else (b"ran", b"")
        return _ENTRY % (
            self._heads.get((error != 0, priority)) or self._head(error != 0, priority),
            who, verb, command, pid, by, line,
            seconds[second], fraction, self._hosts[hook], cpu, seq,
            self._boot, pid, start_ns, exec_count, pid,
            b"" if tid == pid == nspid else _other_ids(pid, tid, nspid),
            program, argv_json, argc,
            b"failure" if error else b"success", seconds[start_second], start_fraction,
            errors, group, env, parents, self._flag_fields(flags) if flags else b"", extra,
        )  # fmt: skip

    def _commands(
        self, argv: bytes, name: bytes, filename: bytes, flags: int
    ) -> tuple[bytes, bytes]:
        """The whole command line, and the command of the message: named by file, cut to fit.

        `argv` is NUL terminated and UTF-8, `name` the quoted `filename`.
        """
        is_script = bool(flags & record.FLAG_SCRIPT)
        if not argv or len(argv) + len(name) >= _SHORT:
            texts = argv[:-1].decode().split("\0") if argv else []
            command = command_words(filename.decode(), texts, is_script=is_script)[0]
            return command_line(texts).encode(), shorten(command).encode()
        is_bare = not argv.translate(None, _BARE_OR_NUL) and argv[0] and b"\0\0" not in argv
        if is_bare and not is_script:
            line = argv[:-1].replace(b"\0", b" ")
            _, blank, rest = line.partition(b" ")
            return line, name + blank + rest
        quoted = self._words
        words = argv[:-1].split(b"\0")
        line = b" ".join([quoted[word] for word in words])
        if not is_script:
            return line, b" ".join([name, *[quoted[word] for word in words[1:]]])
        words = command_words(filename, words, is_script=True)[0]
        return line, b" ".join([quoted[word] for word in words])

    def _head(self, is_failure: bool, priority: int) -> bytes:
        head = wire_head("failure" if is_failure else "exec", priority, self._identifier)
        self._heads[is_failure, priority] = head
        return head

    def _make_place(self, raw: bytes) -> _Place | None:
        """Whatever tends to repeat: who, program, surroundings, ancestors, parent, file name."""
        lengths = _LENGTHS(raw)
        base = -_LENGTHS_AT
        strings: list[bytes] = []
        at = base + _ANCESTORS_AT + lengths[-1] * _ANCESTOR_BYTES
        ancestors = raw[base + _ANCESTORS_AT : at]
        for length in lengths[:6]:
            strings.append(raw[at : at + length])
            at += length
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
        return (
            who, b"".join(filter(None, program)), b"".join(filter(None, group)), *parents, name
        )  # fmt: skip

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
