# SPDX-License-Identifier: Apache-2.0
"""Open Cybersecurity Schema Framework: a record of ours as an OCSF event.

Owns the mapping (docs/formats.md): execs and exits are Process Activity (1007), records about the
daemon Application Lifecycle (6002), losses and summaries the Base Event (0). Source: OCSF 1.8.0,
https://schema.ocsf.io, with the profile `linux/linux_users`. What OCSF has no attribute for stays
under `unmapped`, by its own name.
"""

from execaudit import __version__
from execaudit.formats.derived import (
    asked_path,
    base_name,
    duration_ms,
    event_id,
    join_words,
    move,
    parent_line,
    to_entities,
    to_ms,
    to_variables,
)
from execaudit.records.journal import other_message
from execaudit.records.template import Placeholder
from execaudit.records.text import FieldDict

VERSION = "1.8.0"

_INT_MAX = 2**31 - 1  # integer_t of the schema; parsers of columns clamp beyond
_SEVERITIES = {
    "debug": 1, "info": 1, "notice": 2, "warning": 3, "err": 4, "crit": 5, "alert": 5, "emerg": 6,
}  # fmt: skip
_INFORMATIONAL = 1
_SUCCESS, _FAILURE = 1, 2
_LAUNCH, _TERMINATE = 1, 2
_LAUNCH_EXEC = 3
_EXECUTABLE, _UNKNOWN_FILE = 8, 0
_LINUX = 200
_OTHER = 99
_OBSERVED, _DETECTED = 3, 15
_PROCESS, _LIFECYCLE, _BASE = (1007, 1), (6002, 6), (0, 0)  # class and category
# Activity, its name where the schema has none, and class.
_DAEMON: dict[str, tuple[int, str, tuple[int, int]]] = {
    "start": (3, "", _LIFECYCLE),
    "stop": (4, "", _LIFECYCLE),
    "config": (_OTHER, "Configure", _LIFECYCLE),
    "repair": (_OTHER, "Repair", _LIFECYCLE),
    "lost": (_OTHER, "Lost", _BASE),
    "summary": (_OTHER, "Limited", _BASE),
    "seal": (_OTHER, "Seal", _BASE),
    "program": (_OTHER, "Program", _BASE),
}
_PRODUCT = {"name": "execaudit", "vendor_name": "execaudit", "version": __version__}


def adapt(fields: FieldDict) -> FieldDict:
    """Return the event of a record of any type."""
    rest = dict(fields)
    kind = str(rest.pop("type"))
    time = rest.pop("time")
    metadata: FieldDict = {"original_time": time, "event_code": kind}
    identity = event_id(rest)
    if identity is not None:
        metadata["uid"] = identity
    metadata |= {"version": VERSION, "product": _PRODUCT, "log_name": "execaudit"}
    _move_int(rest, metadata, "sequence", "seq")
    severity = rest.pop("severity", "warning" if kind in ("lost", "repair") else None)
    doc: FieldDict = {
        "metadata": metadata,
        "time": to_ms(time),
        "severity_id": _SEVERITIES.get(severity, _INFORMATIONAL),
    }
    if severity is not None:
        metadata["log_level"] = severity
    move(rest, metadata, labels="labels")
    if "truncated" in fields:
        metadata["is_truncated"] = True
    doc["device"] = _device(rest)
    if kind == "exec":
        _add_launch(fields, rest, doc)
    elif kind == "exit" and "pid" in fields:
        _add_end(fields, rest, doc)
    else:
        _add_daemon(fields, rest, doc)
    if "technique" in rest:
        _add_attacks(rest.pop("technique"), doc)
    if rest:
        doc["unmapped"] = rest
    return doc


def _add_attacks(techniques: list[str], doc: FieldDict) -> None:
    """Add the attributes of the profile security_control for detections; nothing was blocked."""
    doc["metadata"]["profiles"].append("security_control")
    doc["action_id"], doc["disposition_id"] = _OBSERVED, _DETECTED
    attacks: list[FieldDict] = []
    for each in techniques:
        technique, dot, _ = each.partition(".")
        attacks.append({"technique": {"uid": technique}})
        if dot:
            attacks[-1]["sub_technique"] = {"uid": each}
    doc["attacks"] = attacks


def _move_int(rest: FieldDict, target: FieldDict, new: str, old: str) -> None:
    """Move a number if the schema's type can hold it; else leave it, as text."""
    value = rest.get(old)
    if value is None:
        return
    if isinstance(value, Placeholder) or value <= _INT_MAX:
        target[new] = rest.pop(old)
    else:
        rest[old] = str(value)


def _device(rest: FieldDict) -> FieldDict:
    device: FieldDict = {"type_id": 0, "os": {"name": "Linux", "type_id": _LINUX}}
    move(rest, device, hostname="host", boot_uid="boot")
    if "kernel" in rest:
        device["os"]["kernel_release"] = rest.pop("kernel")
    return device


def _classify(doc: FieldDict, kind: tuple[int, int], activity: int, *profiles: str) -> None:
    class_uid, category_uid = kind
    doc["class_uid"] = class_uid
    doc["category_uid"] = category_uid
    doc["activity_id"] = activity
    doc["type_uid"] = class_uid * 100 + activity
    doc["metadata"]["profiles"] = list(profiles)


def _add_launch(fields: FieldDict, rest: FieldDict, doc: FieldDict) -> None:
    """Add an exec. Of a failure, `process` is the program asked for, and the actor asked."""
    is_failure = rest.pop("result", "") == "failure"
    profiles = ["host", "linux/linux_users"]
    if "container" in fields or "nspid" in fields:
        profiles.append("container")
    _classify(doc, _PROCESS, _LAUNCH, *profiles)
    doc["launch_type_id"] = _LAUNCH_EXEC
    doc["status_id"] = _FAILURE if is_failure else _SUCCESS
    move(rest, doc, status_code="errno")
    image: FieldDict = {}
    move(rest, image, uid="id")
    image["pid"] = fields["pid"]
    if "exe" in fields:
        image["name"] = base_name(fields["exe"])
        image["file"] = _image_file(rest)
    if "start" in rest:
        image["created_time"] = to_ms(rest.pop("start"))
    process = {**_asked_program(fields), "pid": fields["pid"]} if is_failure else image
    del rest["pid"]
    process["cmd_line"] = join_words(rest.pop("argv", ()))
    move(rest, process, working_directory="cwd", ptid="tid", namespace_pid="nspid")
    env = rest.pop("env", None)
    if env:
        process["environment_variables"] = to_variables(env)
    login = _login(fields)
    _add_identity(rest, process)
    if "container" in rest:
        process["container"] = {"uid": rest.pop("container")}
        if "-" in rest.get("pod", ""):  # a static pod's id is no UUID
            process["container"]["pod_uuid"] = rest.pop("pod")
    parent = _parent(rest)
    if parent:
        process["parent_process"] = parent
    if "ancestors" in rest:
        process["ancestry"] = to_entities(rest.pop("ancestors"))
    doc["actor"] = _actor(image if is_failure else parent, login)
    doc["process"] = process


def _image_file(rest: FieldDict) -> FieldDict:
    path = rest.pop("exe")
    file: FieldDict = {"name": base_name(path), "path": path, "type_id": _EXECUTABLE}
    move(rest, file, uid="exe_ino", is_deleted="deleted")
    if "exe_uid" in rest:
        file["owner"] = {"uid": str(rest.pop("exe_uid"))}
    return file


def _asked_program(fields: FieldDict) -> FieldDict:
    path = asked_path(fields)
    if not path:
        return {}
    name = base_name(path)
    return {"name": name, "file": {"name": name, "path": path, "type_id": _UNKNOWN_FILE}}


def _login(fields: FieldDict) -> FieldDict:
    """Return the user who logged in, even if the process has become another user."""
    if "auid" not in fields:
        return {}
    user = {"uid": str(fields["auid"])}
    return {**user, "name": fields["auser"]} if "auser" in fields else user


def _add_identity(rest: FieldDict, process: FieldDict) -> None:
    if "euid" in rest:
        user = {"uid": str(rest["euid"])}
        name = rest.pop("euser", None)
        if rest["euid"] == rest["uid"]:
            name = rest.get("user")
        process["user"] = {**user, "name": name} if name is not None else user
        process["group"] = {"uid": str(rest["egid"])}
    for name in ("euid", "egid", "auid"):
        _move_int(rest, process, name, name)
    session: FieldDict = {}
    if "ses" in rest:
        session["uid"] = str(rest.pop("ses"))
    move(rest, session, uid_alt="session", terminal="tty")
    if session:
        process["session"] = session


def _parent(rest: FieldDict) -> FieldDict:
    parent: FieldDict = {}
    move(rest, parent, uid="parent_id", pid="ppid", name="pcomm")
    if "pexe" in rest:
        path = rest.pop("pexe")
        parent["file"] = {"name": base_name(path), "path": path, "type_id": _EXECUTABLE}
    if "pcmdline" in rest:
        parent["cmd_line"] = parent_line(rest.pop("pcmdline"))
    return parent


def _actor(process: FieldDict, login: FieldDict) -> FieldDict:
    actor: FieldDict = {}
    if process:
        actor["process"] = process
    if login:
        actor["user"] = login
    # The schema wants one attribute at least.
    return actor or {"app_name": "unreadable"}


def _add_end(fields: FieldDict, rest: FieldDict, doc: FieldDict) -> None:
    _classify(doc, _PROCESS, _TERMINATE, "host", "linux/linux_users")
    doc["status_id"] = _SUCCESS
    move(rest, doc, exit_code="exit_code", status_code="signal")
    process: FieldDict = {}
    move(rest, process, uid="id", pid="pid", name="comm")
    doc["actor"] = {"process": dict(process)}
    process["terminated_time"] = doc["time"]
    process["parent_process"] = _parent(rest)
    if "duration_ns" in fields:
        doc["duration"] = duration_ms(fields["duration_ns"])
    doc["process"] = process


def _add_daemon(fields: FieldDict, rest: FieldDict, doc: FieldDict) -> None:
    kind = str(fields["type"])
    activity, name, cls = _DAEMON.get(kind, (_OTHER, kind.capitalize(), _BASE))
    _classify(doc, cls, activity, "host")
    if name:
        doc["activity_name"] = name
    doc["message"] = other_message(fields)
    if cls is _LIFECYCLE:
        doc["app"] = _PRODUCT
    _move_int(rest, doc, "count", "count")
    move(rest, doc, status_code="reason")
    if "result" in rest:
        doc["status_id"] = _SUCCESS if rest.pop("result") == "success" else _FAILURE
    for new, old in (("start_time", "first"), ("end_time", "last")):
        if old in rest:
            doc[new] = to_ms(rest.pop(old))
