# SPDX-License-Identifier: Apache-2.0
"""The journal's native protocol, and how a record looks in it.

Owns the wire form (systemd's documentation, "Native Journal Protocol"), the names of fields, the
message ids and their priorities. The same word names a field here and in JSON: `auid` there is
`EXECAUDIT_AUID` here, with the same text. Members of `caps` and `ns` become fields of their own,
labels, techniques and names of rules one field each, all other lists and objects JSON text, so that
the number of fields is bounded whatever a program does. It sends nothing.
"""

import re
import struct
from typing import Any

from execaudit.records.command import command_words, restore_argv, restore_text
from execaudit.records.journal_fields import FLATTENED, REPEATED
from execaudit.records.quoting import quote
from execaudit.records.template import Placeholder
from execaudit.records.text import FieldDict, dumps
from execaudit.records.words import quote_word

PREFIX = "EXECAUDIT_"
_NAME_LIMIT = 64  # journald drops fields with longer names, without a word
_REPEATED_LIMIT = 64
MESSAGE_LIMIT = 3800  # journalctl -o json shows no field of 4 KiB and more unless asked to
_SAID_LIMIT = 1000
_LINE_LIMIT = 8192
_LENGTH = struct.Struct("<Q").pack
_BARE = re.compile(r"[\w@%+=:,./^\0-]+", re.ASCII).fullmatch
MESSAGE_IDS = {
    "exec": "089dff197abb49ed9a55e1fa21ac75cf",
    "failure": "b3305ee323284c669c36e22d941119a6",
    "exit": "7195561be1114c989e37c97f19d5ed56",
    "lost": "a53e598029614a78bcf025ca2489d6d6",
    "start": "17c7ec8d822e49eb84a33a5ab0e8b524",
    "stop": "d7fd91828c9a43918687050680e70569",
    "config": "789a74a847244ff9bcc4d3c73d0dec22",
    "repair": "8864324f508149808b235ebecf4f88e1",
    "summary": "1e96cf69633f40dbb76e14d34f857fe7",
    "seal": "9f769b7e1fc54b028eaa6ad7b9696f0c",
    "program": "1975444fde5442fcafba90425641e347",
}
"""One per type of record, and one for execs that failed; explained in systemd/execaudit.catalog."""

PRIORITIES = {
    name: number
    for number, name in enumerate(
        ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
    )
}
"""PRIORITY by severity."""

_DEFAULT_SEVERITY = {
    "lost": "warning",
    "repair": "warning",
    "start": "notice",
    "stop": "notice",
    "config": "notice",
}


def wire_field(name: bytes, value: bytes) -> bytes:
    """One field: as text, or with its length where the value holds a newline."""
    if b"\n" in value:
        return name + b"\n" + _LENGTH(len(value)) + value + b"\n"
    return name + b"=" + value + b"\n"


def field_name(key: str) -> bytes:
    """Return the journal's name of a record's field: only A-Z, 0-9 and "_", at most 64 of them."""
    return (PREFIX + re.sub("[^A-Z0-9_]", "_", key.upper()))[:_NAME_LIMIT].encode()


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode(errors="replace")
    if isinstance(value, bool) or not isinstance(value, int):
        return dumps(value)
    return b"%d" % value


def wire_fields(fields: FieldDict, chosen: frozenset[str] | None = None) -> bytes:
    """Return the chosen fields of a part of a record, in its order; None: all."""
    out: list[bytes] = []
    for key, value in fields.items():
        if key in FLATTENED and isinstance(value, dict):
            members = [(f"{key}_{member}", each) for member, each in value.items()]
            out += [
                wire_field(field_name(name), _value(each))
                for name, each in members
                if chosen is None or name in chosen
            ]
        elif chosen is not None and key not in chosen:
            continue
        elif key in REPEATED:
            out += [wire_field(field_name(key), _value(each)) for each in value[:_REPEATED_LIMIT]]
        else:
            out.append(wire_field(field_name(key), _value(value)))
    return b"".join(out)


def wire_head(kind: str, priority: int, identifier: str) -> bytes:
    """Return the fields every entry begins with. `kind`: a key of MESSAGE_IDS, or a type."""
    record_type = "exec" if kind == "failure" else kind
    head = wire_field(field_name("type"), record_type.encode())
    if kind in MESSAGE_IDS:
        head += wire_field(b"MESSAGE_ID", MESSAGE_IDS[kind].encode())
    head += wire_field(b"PRIORITY", b"%d" % priority)
    return head + wire_field(b"SYSLOG_IDENTIFIER", identifier.encode())


def wire_entry(fields: FieldDict, identifier: str, chosen: frozenset[str] | None = None) -> bytes:
    """Return the entry of a record; an exec or exit has the chosen fields, None: all."""
    kind = str(fields["type"])
    if kind == "exec" and fields.get("result") == "failure":
        kind = "failure"
    severity = fields.get("severity") or _DEFAULT_SEVERITY.get(kind, "info")
    entry = wire_head(kind, PRIORITIES.get(severity, PRIORITIES["info"]), identifier)
    if fields["type"] == "exec":
        command, line = _command_of(fields)
        entry += exec_message(fields, command).encode(errors="replace")
        entry += b"EXECAUDIT_CMDLINE=" + line.encode(errors="replace") + b"\n"
    else:
        entry += b"MESSAGE=" + other_message(fields).encode(errors="replace") + b"\n"
    if fields["type"] not in ("exec", "exit"):
        chosen = None
    others = {key: value for key, value in fields.items() if key != "type"}
    return entry + wire_fields(others, chosen)


def _command_of(fields: FieldDict) -> tuple[str, str]:
    """Return the command of the message, named by its file and cut to fit, and the whole line."""
    argv = fields.get("argv", ())
    if isinstance(argv, Placeholder):
        return argv.derive("command"), argv.derive("line")
    words = restore_argv(fields)
    filename = restore_text(fields, "filename")
    command = command_words(filename, words, is_script="script" in fields)[0]
    return shorten(command), command_line(words)


def command_line(words: list[str]) -> str:
    """Words of a command as a shell reads them, printable whatever is in them.

    Whole up to 8 KiB, and beyond if nothing needs quoting; otherwise cut, with "…" at the end. The
    field `argv` has everything.
    """
    text = "\0".join(words)
    if len(text) <= _LINE_LIMIT:
        return " ".join([quote_word(word) for word in words])
    if "" not in words and _BARE(text):
        return text.replace("\0", " ")
    return " ".join([quote_word(word) for word in text[:_LINE_LIMIT].split("\0")]) + "…"


def shorten(words: list[str]) -> str:
    """Return the same for a message, cut to what that has room for in bytes of UTF-8."""
    text = "\0".join(words)
    whole = " ".join([quote_word(word) for word in text[:MESSAGE_LIMIT].split("\0")])
    if not words:
        return ""
    encoded = whole.encode(errors="replace")
    if len(encoded) <= MESSAGE_LIMIT and len(text) <= MESSAGE_LIMIT:
        return whole
    return encoded[:MESSAGE_LIMIT].decode(errors="ignore") + "…"


def describe_user(fields: FieldDict) -> str:
    """Who: the user, and who logged in where that is another."""
    if "uid" not in fields:
        return "somebody"
    user = fields.get("user", f"uid {fields['uid']}")
    if "auid" in fields and fields["auid"] != fields["uid"]:
        user += f" (login {fields.get('auser', fields['auid'])})"
    return quote_name(user)


def quote_name(text: str) -> str:
    """Return a name that hardly ever needs quoting."""
    return text if text.isascii() and text.isprintable() else quote(text)


def describe_parent(fields: FieldDict) -> str:
    """By whom, to stand behind the pid; empty where that is unknown."""
    if "ppid" not in fields:
        return ""
    return f", parent {quote_name(restore_text(fields, 'pcomm') or '?')} {fields['ppid']}"


def exec_message(fields: FieldDict, command: str) -> str:
    """Return the field MESSAGE of an exec, with its newline. `command` is made by `shorten`."""
    verb = "ran"
    if fields.get("result") == "failure":
        verb = f"failed to run ({fields.get('errno', '?')})"
    return (
        f"MESSAGE={describe_user(fields)} {verb} {command}"
        f" [pid {fields.get('pid', '?')}{describe_parent(fields)}]\n"
    )


def other_message(fields: FieldDict) -> str:
    """Return the message of any record that is not of an exec."""
    kind = fields["type"]
    if kind == "exit":
        end = f"exit code {fields.get('exit_code', '?')}"
        if "signal" in fields:
            end = f"killed by {fields['signal']}"
        comm = quote_name(restore_text(fields, "comm") or "?")
        return f"{comm} ended, {end} [pid {fields.get('pid', '?')}]"
    if kind == "lost":
        where = f" in sink {fields['sink']}" if "sink" in fields else ""
        return f"{fields.get('count', '?')} events lost{where}: {fields.get('reason', '?')}"
    if kind == "repair":
        programs = f" ({', '.join(fields['programs'])})" if "programs" in fields else ""
        end = "repaired" if fields.get("result") == "success" else "NOT repaired"
        since = fields.get("first", "?")
        why = f"{fields.get('reason', '?')}{programs}"
        return f"Tracing was broken: {why}, {end}; execs since {since} may be missing"[:_SAID_LIMIT]
    if kind in _SENTENCES:
        return _SENTENCES[kind](fields)[:_SAID_LIMIT]
    said = [
        f"{key} {quote_name(str(value))}"
        for key, value in fields.items()
        if key not in ("time", "type", "host", "boot") and isinstance(value, str | int)
    ]
    return (f"execaudit {kind}: {', '.join(said)}" if said else f"execaudit {kind}")[:_SAID_LIMIT]


def _start_message(fields: FieldDict) -> str:
    text = (
        f"execaudit {fields.get('version', '?')} records execs, by engine"
        f" {fields.get('engine', '?')} on kernel {quote_name(str(fields.get('kernel', '?')))}"
    )
    if "failure_hook_error" in fields:
        text += f"; failed ones are NOT SEEN ({quote_name(str(fields['failure_hook_error']))})"
    elif "failure_hook" in fields:
        text += f", failed ones by {fields['failure_hook']}"
    if "config_error" in fields:
        text += "; THE CONFIGURATION HAS MISTAKES, the last good one is in force"
    gap = fields.get("gap")
    if isinstance(gap, dict):
        since = f"{gap.get('events', 0)} events since were" if gap.get("traced") else "nothing was"
        text += f"; the run before ended by a {gap.get('ended', 'stop')}, {since} traced"
    return text


def _stop_message(fields: FieldDict) -> str:
    names = {"seen": "seen", "dropped": "dropped by rule", "limited": "over a limit"}
    names |= {"lost": "lost"}
    counts = ", ".join(f"{fields.get(name, '?')} {text}" for name, text in names.items())
    return f"execaudit ended: {counts}"


def _config_message(fields: FieldDict) -> str:
    digest = str(fields.get("config_hash", "?"))[:12]
    return f"Another configuration is in force: SHA-256 {quote_name(digest)}"


def _summary_message(fields: FieldDict) -> str:
    by = next((name for name in ("auid", "uid", "unit") if name in fields), "uid")
    whose = f"{by} {quote_name(str(fields.get(by, '?')))}"
    count = fields.get("count", "?")
    if "cut_bytes" in fields:
        return (
            f"Over its limit, {whose}: {fields['cut_bytes']} bytes of arguments were left out of"
            f" {count} records"
        )
    return f"Over its limit, {whose}: {count} records were kept back"


def _program_message(fields: FieldDict) -> str:
    what = "ran for the first time" if fields.get("reason") == "first" else "was changed and ran"
    of_package = f" of package {quote_name(str(fields['package']))}" if "package" in fields else ""
    digest = f"SHA-256 {fields['sha256']}" if "sha256" in fields else "not readable"
    exe = quote_name(str(fields.get("exe", "?")))
    return f"{exe}{of_package} {what}: {fields.get('size', '?')} bytes, {digest}"


_SENTENCES = {
    "program": _program_message,
    "start": _start_message,
    "stop": _stop_message,
    "config": _config_message,
    "summary": _summary_message,
}
