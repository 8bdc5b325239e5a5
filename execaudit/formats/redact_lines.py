# SPDX-License-Identifier: Apache-2.0
"""Removes secrets from lines that were written before: records of execaudit, ECS and OCSF.

Owns where each format has arguments and environment. The redactor knows what is secret. A line
without a secret stays as it is, byte for byte. OCSF joins the arguments by blanks, without quotes:
of a secret with blanks only a part is recognized there.
"""

import json
from typing import Any

from execaudit.formats.derived import command_text, join_words, parent_line, parent_words
from execaudit.records.redact import Redactor
from execaudit.records.redact_record import redact_record
from execaudit.records.text import FieldDict, dumps


def redact_line(line: bytes, redactor: Redactor) -> bytes | None:
    """Return the line without its secrets, None if it has none.

    Raises ValueError if it is no JSON object, and one of errors.MALFORMED for a malformed record.
    """
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - as for a line that is no JSON
    if isinstance(document.get("type"), str):
        clean = redact_record(document, redactor)
        is_changed = clean != document
    else:
        clean = document
        is_changed = _redact_process(document, redactor)
    if not is_changed:
        return None
    return dumps(clean) + (b"\n" if line.endswith(b"\n") else b"")


def _redact_process(document: dict[str, Any], redactor: Redactor) -> bool:
    """Clean the process of an ECS or OCSF document in place; return True if it had secrets."""
    process = document.get("process")
    if not isinstance(process, dict):
        return False
    is_ecs = "@timestamp" in document
    rest = document.get("execaudit" if is_ecs else "unmapped", {})
    fields: FieldDict = {
        name: rest[name] for name in ("argv_b64", "env_b64", "truncated") if name in rest
    }
    if is_ecs:
        fields |= {"argv": process.get("args", []), "env": process.get("env_vars", [])}
    else:
        fields["argv"] = process.get("cmd_line", "").split(" ")
        pairs = process.get("environment_variables", [])
        fields["env"] = [f"{pair['name']}={pair['value']}" for pair in pairs]
    if is_ecs:
        has_changed = _redact_ecs_parent(process.get("parent", {}), rest, redactor)
    else:  # the actor of a success is its parent
        above = process.get("parent_process", {}), document.get("actor", {}).get("process", {})
        changes = [_redact_ocsf_parent(each, redactor) for each in above]
        has_changed = any(changes)
    clean = redact_record(fields, redactor)
    if "redacted" not in clean:
        return has_changed
    if is_ecs:
        _put_ecs(process, clean)
    else:
        _put_ocsf(process, clean)
    for name in ("argv_b64", "env_b64"):
        rest.pop(name, None)
        if name in clean:
            rest[name] = clean[name]
    rest["redacted"] = {**rest.get("redacted", {}), **clean["redacted"]}
    document["execaudit" if is_ecs else "unmapped"] = rest
    return True


def _redact_ecs_parent(parent: dict[str, Any], rest: dict[str, Any], redactor: Redactor) -> bool:
    """Clean the parent's command line in place; return True if it had secrets."""
    text = rest.get("pcmdline", command_text(parent.get("args", [])))
    clean = redact_record({"pcmdline": text}, redactor)["pcmdline"]
    if clean == text:
        return False
    parent["args"], parent["command_line"] = parent_words(clean), parent_line(clean)
    if "pcmdline" in rest:
        rest["pcmdline"] = clean
    return True


def _redact_ocsf_parent(parent: dict[str, Any], redactor: Redactor) -> bool:
    """Clean the command line of a process in OCSF in place; return True if it had secrets."""
    text = command_text(parent.get("cmd_line", "").split(" "))
    clean = redact_record({"pcmdline": text}, redactor)["pcmdline"]
    if clean == text:
        return False
    parent["cmd_line"] = parent_line(clean)
    return True


def _put_ecs(process: dict[str, Any], clean: FieldDict) -> None:
    if "argv" in clean["redacted"]:
        process["args"] = clean["argv"]
        process["command_line"] = join_words(clean["argv"])
    if "env" in clean["redacted"]:
        process["env_vars"] = clean["env"]


def _put_ocsf(process: dict[str, Any], clean: FieldDict) -> None:
    if "argv" in clean["redacted"]:
        process["cmd_line"] = join_words(clean["argv"])
    if "env" in clean["redacted"]:
        pairs = [entry.partition("=") for entry in clean["env"]]
        process["environment_variables"] = [{"name": n, "value": v} for n, _, v in pairs]
