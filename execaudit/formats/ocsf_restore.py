# SPDX-License-Identifier: Apache-2.0
"""Records read back from OCSF events: the reverse of `formats.ocsf`.

Owns the way back of each field. OCSF has times of processes in milliseconds only, and the arguments
as one text: one with blanks comes back as several.
"""

from datetime import UTC, datetime
from typing import Any

from execaudit.formats.derived import command_text

_EXEC = {
    "cwd": "working_directory", "tid": "ptid", "nspid": "namespace_pid", "euid": "euid",
    "egid": "egid", "auid": "auid", "pid": "pid",
}  # fmt: skip
_PARENT = {"parent_id": "uid", "ppid": "pid", "pcomm": "name"}
_EXIT = {"id": "uid", "pid": "pid", "comm": "name"}
_IMPLIED = {"lost": "warning", "repair": "warning"}
_NUMBERS = ("seq", "count", "euid", "egid", "auid")
_FAILURE = 2


def restore_ocsf(document: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an event.

    Raises one of errors.MALFORMED for an event of others.
    """
    metadata = document["metadata"]
    kind = metadata["event_code"]
    record: dict[str, Any] = {"time": metadata["original_time"], "type": kind}
    device = document.get("device", {})
    _take(record, device, {"host": "hostname", "boot": "boot_uid"})
    _take(record, device.get("os", {}), {"kernel": "kernel_release"})
    _take(record, metadata, {"seq": "sequence", "labels": "labels"})
    severity = metadata.get("log_level")
    if severity is not None and severity != _IMPLIED.get(kind):
        record["severity"] = severity
    if kind == "exec":
        _restore_exec(record, document)
    elif kind == "exit" and "process" in document:
        _restore_exit(record, document)
    else:
        _restore_daemon(record, document)
    if "attacks" in document:
        record["technique"] = [
            each.get("sub_technique", each["technique"])["uid"] for each in document["attacks"]
        ]
    record |= document.get("unmapped", {})
    for name in _NUMBERS:
        if isinstance(record.get(name), str):  # beyond the schema's integers
            record[name] = int(record[name])
    if kind == "exec" and "cmd_line" in document["process"]:
        record["argv"] = _split(document["process"]["cmd_line"], record.get("argc"))
    return record


def _take(record: dict[str, Any], source: dict[str, Any], names: dict[str, str]) -> None:
    for name, member in names.items():
        if member in source:
            record[name] = source[member]


def _split(line: str, count: int | None) -> list[str]:
    if count == 1:
        return [line]
    return line.split(" ") if line or count != 0 else []


def _time(ms: int) -> str:
    second, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}000000Z"


def _restore_exec(record: dict[str, Any], document: dict[str, Any]) -> None:
    process = document["process"]
    is_failure = document["status_id"] == _FAILURE
    record["result"] = "failure" if is_failure else "success"
    _take(record, document, {"errno": "status_code"})
    image = document["actor"].get("process", {}) if is_failure else process
    _take(record, image, {"id": "uid"})
    if "created_time" in image:
        record["start"] = _time(image["created_time"])
    file = image.get("file", {})
    _take(record, file, {"exe": "path", "exe_ino": "uid", "deleted": "is_deleted"})
    if "owner" in file:
        record["exe_uid"] = int(file["owner"]["uid"])
    _take(record, process, _EXEC)
    if "environment_variables" in process:
        pairs = process["environment_variables"]
        record["env"] = [f"{pair['name']}={pair['value']}" for pair in pairs]
    _take(record, process.get("container", {}), {"container": "uid", "pod": "pod_uuid"})
    session = process.get("session", {})
    _take(record, session, {"session": "uid_alt", "tty": "terminal"})
    if "uid" in session:
        record["ses"] = int(session["uid"])
    parent = process.get("parent_process", {})
    _take(record, parent, _PARENT)
    _take(record, parent.get("file", {}), {"pexe": "path"})
    if "cmd_line" in parent:
        record["pcmdline"] = command_text(parent["cmd_line"].split(" "))
    if "ancestry" in process:
        record["ancestors"] = [_ancestor(one) for one in process["ancestry"]]
    _restore_users(record, document, process)


def _ancestor(entity: dict[str, Any]) -> dict[str, Any]:
    one = {"id": entity["uid"], "pid": entity["pid"], "start": _time(entity["created_time"])}
    return one | ({"comm": entity["name"]} if "name" in entity else {})


def _restore_users(
    record: dict[str, Any], document: dict[str, Any], process: dict[str, Any]
) -> None:
    user, unmapped = process.get("user", {}), document.get("unmapped", {})
    if "name" in user and record.get("euid") != unmapped.get("uid"):
        record["euser"] = user["name"]
    _take(record, document["actor"].get("user", {}), {"auser": "name"})


def _restore_exit(record: dict[str, Any], document: dict[str, Any]) -> None:
    _take(record, document, {"exit_code": "exit_code", "signal": "status_code"})
    _take(record, document["process"], _EXIT)
    _take(record, document["process"].get("parent_process", {}), _PARENT)
    if "duration" in document:
        record["duration_ns"] = document["duration"] * 1_000_000


def _restore_daemon(record: dict[str, Any], document: dict[str, Any]) -> None:
    _take(record, document, {"count": "count", "reason": "status_code"})
    if "status_id" in document and record["type"] == "repair":
        record["result"] = "failure" if document["status_id"] == _FAILURE else "success"
    for name, member in (("first", "start_time"), ("last", "end_time")):
        if member in document:
            record[name] = _time(document[member])
