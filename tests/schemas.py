# SPDX-License-Identifier: Apache-2.0
"""Checks of lines against what defines their format: our own schemas, Elastic's and OCSF's.

Elastic's list of fields is put into the cache by ./dev; OCSF's schema comes with a test package.
"""

import functools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from execaudit.formats import ecs, ocsf
from execaudit.formats.schema import load_schema

Document = dict[str, Any]
ECS_FIELDS = (
    Path(os.environ.get("EXECAUDIT_CACHE", "/var/cache/execaudit-dev"))
    / f"ecs-{ecs.VERSION}/fields.json"
)
# Auditbeat's names, which ECS leaves that to; and what is our own.
OUTSIDE_ECS = re.compile(r"execaudit\.|user\.audit\.(?:id|name)$")
_TEXTS = {"keyword", "wildcard", "match_only_text", "constant_keyword"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z").fullmatch


@functools.cache
def _validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(load_schema(name))


def check_own(name: str, document: Document) -> None:
    """Check against the schema that we ship."""
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(document))
    assert error is None, f"{name}: {error.json_path}: {error.message}"


def leaves(document: Document, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything that is no object."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


@functools.cache
def ecs_fields() -> dict[str, Any]:
    """Elastic's definition of each field by its path."""
    fields: dict[str, Any] = json.loads(ECS_FIELDS.read_bytes())
    return fields


def _is_of(value: Any, kind: str) -> bool:
    if kind in _TEXTS:
        return isinstance(value, str)
    if kind == "long":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if kind == "date":
        return isinstance(value, str) and _TIME(value) is not None
    return kind == "boolean" and isinstance(value, bool)


def check_ecs(document: Document) -> None:
    """Check against Elastic's fields: each known, of its type, of its allowed values."""
    for path, value in leaves(document):
        if OUTSIDE_ECS.match(path):
            continue
        field = ecs_fields().get(path)
        assert field is not None, f"{path} is no field of ECS"
        is_array = "array" in field["normalize"]
        assert isinstance(value, list) == is_array, f"{path}: {value!r}"
        allowed = [one["name"] for one in field.get("allowed_values", ())]
        for each in value if is_array else [value]:
            assert _is_of(each, field["type"]), f"{path}: {each!r} is no {field['type']}"
            assert not allowed or each in allowed, f"{path}: {each!r}"
            assert re.search(field.get("pattern", ""), each if isinstance(each, str) else "")
    event = document["event"]
    for category in event.get("category", ()):
        (known,) = [
            one
            for one in ecs_fields()["event.category"]["allowed_values"]
            if one["name"] == category
        ]
        assert set(event["type"]) <= set(known["expected_event_types"])
    assert document["ecs"]["version"] == ecs.VERSION


@functools.cache
def _ocsf_validator(class_uid: int, profiles: tuple[str, ...]) -> Any:
    definitions = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=ocsf.VERSION))
    name = definitions.lookup_class_name_from_uid(class_uid=class_uid)
    return jsonschema.Draft202012Validator(
        definitions.get_class_schema(class_name=name, profiles=list(profiles))
    )


def check_ocsf(document: Document) -> None:
    """Check against the schema of the event's class, with the profiles that it names."""
    validator = _ocsf_validator(document["class_uid"], tuple(document["metadata"]["profiles"]))
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    assert error is None, f"{error.json_path}: {error.message}"
    assert document["type_uid"] == document["class_uid"] * 100 + document["activity_id"]


def check_all(fields: Document) -> None:
    """Check a record and what it becomes in each format."""
    check_own("execaudit", fields)
    for name, adapt, check in (("ecs", ecs.adapt, check_ecs), ("ocsf", ocsf.adapt, check_ocsf)):
        document = adapt(fields)
        check_own(name, document)
        check(document)
