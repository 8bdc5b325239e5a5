# SPDX-License-Identifier: Apache-2.0
"""Records read back from ECS documents: the reverse of `formats.ecs`.

Owns the way back of each field. The documents lose nothing: a record comes back as it was, except
for the order of its members.
"""

from typing import Any

from execaudit.formats.capabilities import capability_mask
from execaudit.formats.derived import command_text

_PROCESS = {
    "id": "entity_id", "pid": "pid", "nspid": "vpid", "argv": "args", "argc": "args_count",
    "cwd": "working_directory", "start": "start", "env": "env_vars", "exit_code": "exit_code",
}  # fmt: skip
_EVENT = {
    "seq": "sequence", "duration_ns": "duration", "result": "outcome", "first": "start",
    "last": "end", "reason": "reason",
}  # fmt: skip
_PARENT = {"parent_id": "entity_id", "ppid": "pid", "pcomm": "name", "pexe": "executable"}
_GROUPS = {"egid": "group", "gid": "real_group", "sgid": "saved_group"}
_EVENTS = ("exec", "exit")
_IMPLIED = {"lost": "warning", "repair": "warning"}


def restore_ecs(document: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a document.

    Raises one of errors.MALFORMED for a document of others.
    """
    event, process = document["event"], document.get("process", {})
    kind = event["dataset"].removeprefix("execaudit.")
    record: dict[str, Any] = {"time": document["@timestamp"], "type": kind}
    host = document.get("host", {})
    _take(record, host, {"host": "name"})
    if "boot" in host:
        record["boot"] = host["boot"]["id"].replace("-", "")
    _take(record, event, _EVENT)
    _take(record, host.get("os", {}), {"kernel": "kernel"})
    if kind in _EVENTS:
        _restore_process(record, document, process)
    elif kind == "program":
        _restore_file(record, document)
    elif "user" in document:
        record["uid"] = int(document["user"]["id"])
    _take(record, document.get("container", {}), {"container": "id"})
    _take(record, document.get("orchestrator", {}).get("resource", {}), {"pod": "id"})
    _take(record, document.get("error", {}), {"errno": "code"})
    severity = document.get("log", {}).get("level")
    if severity is not None and severity != _IMPLIED.get(kind):
        record["severity"] = severity
    _take(record, document, {"labels": "tags"})
    if "rule" in document:
        record["rule"] = [document["rule"]["name"]]
    _take(record, document.get("threat", {}).get("technique", {}), {"technique": "id"})
    own = dict(document.get("execaudit", {}))
    caps = {**record.pop("caps", {}), **own.pop("caps", {})}
    if caps:
        record["caps"] = caps
    return record | own


def _restore_file(record: dict[str, Any], document: dict[str, Any]) -> None:
    file = document.get("file", {})
    _take(record, file, {"exe": "path", "size": "size", "changed": "ctime", "modified": "mtime"})
    _take(record, file.get("hash", {}), {"sha256": "sha256"})
    _take(record, document.get("package", {}), {"package": "name"})


def _take(record: dict[str, Any], source: dict[str, Any], names: dict[str, str]) -> None:
    for name, member in names.items():
        if member in source:
            record[name] = source[member]


def _restore_process(
    record: dict[str, Any], document: dict[str, Any], process: dict[str, Any]
) -> None:
    kind = record["type"]
    _take(record, process, _PROCESS)
    if kind == "exit":
        record.pop("last", None)
        _take(record, process, {"comm": "name"})
    else:
        if record.get("result") != "failure":
            _take(record, process, {"exe": "executable"})
        if "argv" not in record and "argc" in record:
            record["argv"] = []
        _restore_caps(record, process.get("thread", {}), document.get("execaudit", {}))
    thread = process.get("thread", {})
    _take(record, thread, {"comm": "name"})
    if "id" in thread and thread["id"] != process.get("pid"):
        record["tid"] = thread["id"]
    parent = process.get("parent", {})
    _take(record, parent, _PARENT)
    if "args" in parent:
        record["pcmdline"] = command_text(parent["args"])
    for name, member in _GROUPS.items():
        if member in process:
            record[name] = int(process[member]["id"])
    _restore_users(record, document, process)


def _restore_caps(record: dict[str, Any], thread: dict[str, Any], own: dict[str, Any]) -> None:
    """Add capabilities as masks of their names; an empty mask has none."""
    if "caps" not in own:
        return
    held = thread.get("capabilities", {})
    record["caps"] = {
        name: f"{capability_mask(held.get(name, ())):x}" for name in ("permitted", "effective")
    }


def _restore_users(
    record: dict[str, Any], document: dict[str, Any], process: dict[str, Any]
) -> None:
    users = {
        "uid": process.get("real_user") or document.get("user"),
        "euid": process.get("user"),
        "suid": process.get("saved_user"),
        "auid": document.get("user", {}).get("audit"),
    }
    for name, user in users.items():
        if user and "id" in user:
            record[name] = int(user["id"])
    for name, number in (("user", "uid"), ("euser", "euid"), ("auser", "auid")):
        user = users[number]
        if user and "name" in user and (name != "euser" or record["euid"] != record.get("uid")):
            record[name] = user["name"]
