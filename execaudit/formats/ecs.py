# SPDX-License-Identifier: Apache-2.0
"""Elastic Common Schema: a record of ours as an ECS document.

Owns the mapping (docs/formats.md). Source: ECS 9.4.0, https://github.com/elastic/ecs, and for
`user.audit` Auditbeat, which ECS leaves that to. What ECS has no field for stays under
`execaudit`, by its own name.
"""

import re
from typing import Any

from execaudit.formats.capabilities import capability_names
from execaudit.formats.derived import (
    asked_path,
    base_name,
    command_text,
    event_id,
    join_words,
    move,
    parent_line,
    parent_start,
    parent_words,
)
from execaudit.records.journal import PRIORITIES, other_message
from execaudit.records.template import Placeholder
from execaudit.records.text import FieldDict

VERSION = "9.4.0"

_TTY = re.compile(r"(pts|tty|ttyS)(\d{1,6})").fullmatch
# include/uapi/linux/major.h, Documentation/admin-guide/devices.txt
_TTY_DEVICES = {"pts": (136, 0), "tty": (4, 0), "ttyS": (4, 64)}
_DAEMON = {"kind": "event", "category": ["configuration"]}
_KINDS: dict[str, FieldDict] = {
    "exec": {"kind": "event", "category": ["process"], "type": ["start"], "action": "exec"},
    "exit": {"kind": "event", "category": ["process"], "type": ["end"], "action": "exit"},
    "lost": {"kind": "pipeline_error", "type": ["error"], "action": "events-lost"},
    "start": {**_DAEMON, "type": ["info"], "action": "audit-started"},
    "stop": {**_DAEMON, "type": ["info"], "action": "audit-stopped"},
    "config": {**_DAEMON, "type": ["change"], "action": "audit-configuration-changed"},
    "repair": {**_DAEMON, "type": ["change"], "action": "audit-repaired"},
    "summary": {"kind": "metric", "type": ["info"], "action": "events-limited"},
    "seal": {"kind": "event", "type": ["info"], "action": "audit-sealed"},
    "program": {"kind": "event", "category": ["file"], "type": ["info"], "action": "program-new"},
}
_UNKNOWN = {"kind": "event", "type": ["info"]}


def adapt(fields: FieldDict) -> FieldDict:
    """Return the document of a record of any type."""
    rest = dict(fields)
    kind = str(rest.pop("type"))
    event: FieldDict = {"dataset": f"execaudit.{kind}"}
    identity = event_id(rest)
    if identity is not None:
        event["id"] = identity
    move(rest, event, sequence="seq")
    event |= {**_KINDS.get(kind, _UNKNOWN), "module": "execaudit"}
    doc: FieldDict = {
        "@timestamp": rest.pop("time"),
        "event": event,
        "ecs": {"version": VERSION},
        "host": _host(rest),
    }
    if kind in ("exec", "exit"):
        _add_process(fields, rest, doc)
    else:
        doc["message"] = other_message(fields)
        move(rest, event, start="first", end="last", reason="reason", outcome="result")
        if kind == "start" and "kernel" in rest:
            doc["host"]["os"]["kernel"] = rest.pop("kernel")
        if kind == "program":
            _add_file(rest, doc)
        if kind == "summary" and "uid" in rest:
            doc["user"] = {"id": str(rest.pop("uid"))}
    _add_severity(rest, doc, kind)
    move(rest, doc, tags="labels")
    if "rule" in rest:
        doc["rule"] = {"name": rest["rule"][0]}  # ECS holds one; of several, all stay
        if len(rest["rule"]) == 1:
            del rest["rule"]
    if "technique" in rest:
        doc["threat"] = _threat(rest.pop("technique"))
    if rest:
        doc["execaudit"] = rest
    return doc


def _add_file(rest: FieldDict, doc: FieldDict) -> None:
    """Add the program of a `program` record."""
    file: FieldDict = {}
    move(rest, file, path="exe", size="size", ctime="changed", mtime="modified")
    if "path" in file:
        file["name"] = base_name(file["path"])
    if "sha256" in rest:
        file["hash"] = {"sha256": rest.pop("sha256")}
    doc["file"] = file
    if "package" in rest:
        doc["package"] = {"name": rest.pop("package")}


def _host(rest: FieldDict) -> FieldDict:
    host: FieldDict = {"os": {"type": "linux"}}
    if "host" in rest:
        host["name"] = host["hostname"] = rest.pop("host")
    boot = rest.pop("boot", "")
    if boot:
        parts = (boot[:8], boot[8:12], boot[12:16], boot[16:20], boot[20:])
        host["boot"] = {"id": "-".join(parts)}
    if "ns" in rest:
        host["pid_ns_ino"] = str(rest["ns"]["pid"])
    return host


def _add_severity(rest: FieldDict, doc: FieldDict, kind: str) -> None:
    severity = rest.pop("severity", None) or ("warning" if kind in ("lost", "repair") else None)
    if severity is not None:
        doc["log"] = {"level": severity}
        if severity in PRIORITIES:
            doc["event"]["severity"] = PRIORITIES[severity]


def _threat(techniques: list[str]) -> FieldDict:
    """Return techniques as rules name them; subtechniques are listed in both members."""
    technique: FieldDict = {"id": techniques}
    below = [each for each in techniques if "." in each]
    if below:
        technique["subtechnique"] = {"id": below}
    return {"framework": "MITRE ATT&CK", "technique": technique}


def _add_process(fields: FieldDict, rest: FieldDict, doc: FieldDict) -> None:
    event = doc["event"]
    process: FieldDict = {}
    move(rest, process, entity_id="id", pid="pid", vpid="nspid")
    if fields["type"] == "exit":
        _add_end(fields, rest, process)
        move(rest, event, duration="duration_ns")
    else:
        move(rest, event, outcome="result")
        if "errno" in rest:
            doc["error"] = {"code": rest.pop("errno")}
        _add_program(fields, rest, process)
        _add_terminal(fields, process)
    _add_thread(rest, process)
    _add_parent(rest, process)
    _add_users(rest, doc, process)
    doc["process"] = process
    if "container" in rest:
        doc["container"] = {"id": rest.pop("container")}
    if "pod" in rest:
        resource = {"type": "pod", "id": rest.pop("pod")}
        doc["orchestrator"] = {"type": "kubernetes", "resource": resource}


def _add_end(fields: FieldDict, rest: FieldDict, process: FieldDict) -> None:
    if "comm" in fields:
        process["name"] = fields["comm"]
    move(rest, process, exit_code="exit_code")
    process["end"] = fields["time"]


def _add_program(fields: FieldDict, rest: FieldDict, process: FieldDict) -> None:
    """Add the program: of a failure the one asked for; the caller's is in `execaudit`."""
    is_failure = fields.get("result") == "failure"
    path = asked_path(fields) if is_failure else rest.pop("exe", "")
    if path:
        process["name"] = base_name(path)
        process["executable"] = path
    argv = rest.pop("argv", ())
    if argv:
        process["args"] = argv
        process["command_line"] = join_words(argv)
    move(rest, process, args_count="argc", working_directory="cwd", start="start", env_vars="env")


def _add_terminal(fields: FieldDict, process: FieldDict) -> None:
    """Add the terminal. Without one a process is not interactive; with one, nobody knows."""
    tty = fields.get("tty")
    if tty is None:
        if "tty" not in fields.get("unreadable", ()):
            process["interactive"] = False
        return
    found = _TTY(tty)
    if found:
        major, minor = _TTY_DEVICES[found[1]]
        process["tty"] = {"char_device": {"major": major, "minor": minor + int(found[2])}}


def _add_thread(rest: FieldDict, process: FieldDict) -> None:
    thread: FieldDict = {}
    if "pid" in process:
        thread["id"] = rest.pop("tid", process["pid"])
    move(rest, thread, name="comm")
    caps = dict(rest.get("caps", ()))
    names = {
        name: capability_names(int(caps.pop(name), 16))
        for name in ("permitted", "effective")
        if name in caps
    }
    if names:
        rest["caps"] = caps
        held = {name: held for name, held in names.items() if held}
        if held:
            thread["capabilities"] = held
    if thread:
        process["thread"] = thread


def _add_parent(rest: FieldDict, process: FieldDict) -> None:
    parent: FieldDict = {}
    move(rest, parent, entity_id="parent_id", pid="ppid", name="pcomm", executable="pexe")
    if "pcmdline" in rest:
        command = rest["pcmdline"]
        parent["args"], parent["command_line"] = parent_words(command), parent_line(command)
        if isinstance(command, Placeholder) or command_text(parent["args"]) == command:
            del rest["pcmdline"]  # else it has bytes that are no UTF-8
    if "ancestors" in rest:
        parent["start"] = parent_start(rest["ancestors"])
    if parent:
        process["parent"] = parent


def _add_users(rest: FieldDict, doc: FieldDict, process: FieldDict) -> None:
    """Add ids and names: at the top who acted, in the process as the kernel sees it."""
    ids = {name: rest.pop(name) for name in ("uid", "euid", "suid", "auid") if name in rest}
    names: dict[Any, str] = {}
    for name, number in (("user", "uid"), ("euser", "euid"), ("auser", "auid")):
        if name in rest:
            names[ids[number]] = rest.pop(name)

    def named(which: str) -> FieldDict:
        number = ids[which]
        user = {"id": str(number)}
        return {**user, "name": names[number]} if number in names else user

    if "uid" in ids:
        doc["user"] = named("uid")
    if "euid" in ids and ids["euid"] != ids["uid"]:
        doc["user"]["effective"] = named("euid")
    if "auid" in ids:
        doc.setdefault("user", {})["audit"] = named("auid")
    for member, which in (("user", "euid"), ("real_user", "uid"), ("saved_user", "suid")):
        if which in ids:
            process[member] = named(which)
    for member, which in (("group", "egid"), ("real_group", "gid"), ("saved_group", "sgid")):
        if which in rest:
            process[member] = {"id": str(rest.pop(which))}
    if names:
        doc["related"] = {"user": list(dict.fromkeys(names.values()))}
