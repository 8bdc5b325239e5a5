# SPDX-License-Identifier: Apache-2.0
"""JSON Schema of the record, and the part of those of ECS and OCSF that has fields of our own.

Owns how a kind becomes a schema, and how the files are laid out.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from execaudit.records.vocabulary import FIELDS, OWN, TYPES, Field
from execaudit.records.vocabulary.field import OWN_OR_TEXT
from execaudit.records.vocabulary.kinds import SHARED, Kind

_VERSION = 2
_WIDTH = 100
_OWN = {OWN, OWN_OR_TEXT}

Schema = dict[str, Any]


def lay_out(value: Any, width: int = _WIDTH) -> str:
    """Return JSON text, each object and array on one line where it has room there."""
    return _lay_out(value, "", 0, width) + "\n"


def _lay_out(value: Any, indent: str, before: int, width: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or before + len(line) < width:
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        named = [(f"{deeper}{json.dumps(key)}: ", one) for key, one in value.items()]
    else:
        named = [(deeper, one) for one in value]
    parts = [name + _lay_out(one, deeper, len(name), width) for name, one in named]
    text = "\n" + ",\n".join(parts) + "\n" + indent
    return "{" + text + "}" if isinstance(value, dict) else "[" + text + "]"


def _define(kind: Kind) -> Schema:
    """Return the schema of a kind, without its name."""
    if not kind.members:
        return dict(kind.schema)
    if kind.schema["type"] == "array":
        return {**kind.schema, "items": _define(kind._replace(schema={"type": "object"}))}
    members = {name: _refer(one) for name, one in kind.members}
    schema = {**kind.schema, "properties": members}
    if kind.required:
        schema["required"] = list(kind.required)
    return schema if kind.is_open else {**schema, "additionalProperties": False}


def _refer(kind: Kind) -> Schema:
    return {"$ref": f"#/$defs/{kind.name}"} if kind.name else _define(kind)


def _named(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """Return all kinds that have names, those of members too."""
    found: dict[str, Kind] = {}
    for kind in kinds:
        if kind.name:
            found[kind.name] = kind
        found |= _named(member for _, member in kind.members)
    return found


def _reference(field: Field, kind: str = "") -> Schema:
    """Return a reference to a field, with its meaning in records of a type where it has another."""
    reference = {"$ref": f"#/$defs/fields/properties/{field.name}"}
    if kind in field.meanings:
        reference["description"] = field.meanings[kind]
    return reference


def _type_schema(kind: str) -> Schema:
    fields = [field for field in FIELDS.values() if kind in field.types]
    properties = {
        field.name: {"const": kind} if field.name == "type" else _reference(field, kind)
        for field in fields
    }
    required = [field.name for field in fields if kind in field.required]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def record_schema() -> str:
    """Return execaudit/schemas/execaudit.json."""
    described = {
        field.name: {**_refer(field.kind), "description": field.meaning}
        for field in FIELDS.values()
        if field.name != "type"
    }
    named = _named([*(field.kind for field in FIELDS.values()), *SHARED])
    return lay_out(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:execaudit:schema:record:{_VERSION}",
            "title": f"execaudit record, version {_VERSION}",
            "description": "One line of a file of format execaudit. docs/record.md explains every"
            " field.",
            "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in TYPES],
            "$defs": {
                **{kind: _type_schema(kind) for kind in TYPES},
                "fields": {"description": "Every field by its name.", "properties": described},
                **{name: _define(kind) for name, kind in named.items()},
            },
        }
    )


def fill_own(path: Path, name: str) -> str:
    """Return ecs.json or ocsf.json; `name` is the member that has fields by our own names."""
    document = json.loads(path.read_bytes())
    properties: dict[str, Schema] = {}
    for field in FIELDS.values():
        targets = field.ecs if path.stem == "ecs" else field.ocsf
        if OWN_OR_TEXT in targets:
            properties[field.name] = {"anyOf": [_reference(field), {"$ref": "#/$defs/number"}]}
        elif OWN in targets:
            properties[field.name] = _reference(field)
    document["properties"][name]["properties"] = properties
    return lay_out(document)
