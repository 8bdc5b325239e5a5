# SPDX-License-Identifier: Apache-2.0
"""Files of packaging/siem: index templates, columns of ClickHouse, names for Splunk.

Owns how a kind becomes a mapping or a column. The types of Elastic's own fields come from Elastic's
list of them.
"""

import copy
import json
from typing import Any

from execaudit.formats.ecs import VERSION
from execaudit.formats.schema import load_schema
from execaudit.records.vocabulary import FIELDS, SECTIONS, exact_name
from execaudit.records.vocabulary.kinds import Kind
from tests.schemas import OUTSIDE_ECS, ecs_fields

Mapping = dict[str, Any]

_KEYWORD: Mapping = {"type": "keyword", "ignore_above": 1024}
"""A longer one is not merely unsearchable: beyond 32,766 bytes the document is refused."""

_MAPPINGS: dict[str, Mapping] = {
    "keyword": _KEYWORD,
    "flattened": {"type": "flattened", "ignore_above": 1024},
    "unsearched": {"type": "object", "enabled": False},
    "bytes": {"type": "keyword", "index": False, "doc_values": False},
}
_TITLES = {
    "who": "who",
    "what": "what",
    "where": "where",
    "outcome": "how it ended; what rules say",
    "missing": "what is missing or altered",
    "exit": "ends of processes",
    "lost": "losses, limits and the daemon itself",
}


def _own_mapping(kind: Kind) -> Mapping:
    if kind.search == "members":
        members = {name: _own_mapping(one) for name, one in kind.members}
        return {"properties": members, "dynamic": False}
    return _MAPPINGS.get(kind.search, {"type": kind.search})


def _ecs_mapping(schema: Mapping, path: str) -> Mapping:
    """Return the mapping of what ecs.json has at `path`."""
    if "properties" in schema:
        below = f"{path}." if path else ""
        members = schema["properties"].items()
        return {"properties": {name: _ecs_mapping(one, below + name) for name, one in members}}
    if OUTSIDE_ECS.match(path):
        return _KEYWORD
    field = ecs_fields()[path]
    mapping = _MAPPINGS.get(field["type"], {"type": field["type"]})
    others = {one["name"]: {"type": one["type"]} for one in field.get("multi_fields", ())}
    return {**mapping, "fields": others} if others else mapping


def _template(receiver: str) -> Mapping:
    schema = load_schema("ecs")
    own = schema["properties"].pop("execaudit")
    properties = _ecs_mapping({"properties": schema["properties"]}, "")["properties"]
    properties["execaudit"] = {
        "dynamic": False,
        "properties": {name: _own_mapping(FIELDS[name].kind) for name in own["properties"]},
    }
    strings = {"match_mapping_type": "string", "mapping": _KEYWORD}
    return {
        "index_patterns": ["logs-execaudit-*"],
        "data_stream": {},
        "priority": 200,
        "_meta": {
            "description": f'execaudit records in ECS {VERSION} (file.format = "ecs"), for'
            f" {receiver}. docs/siem.md",
            "license": "Apache-2.0",
        },
        "template": {
            "settings": {"index.mapping.ignore_malformed": True},
            "mappings": {
                "date_detection": False,
                "dynamic_templates": [{"strings": strings}],
                "properties": properties,
            },
        },
    }


def elastic_template() -> str:
    """Return the index template for Elasticsearch."""
    return json.dumps(_template("Elasticsearch 8 or newer"), indent=2) + "\n"


def opensearch_template() -> str:
    """Return the same for OpenSearch, which has no type `flattened`."""
    document = copy.deepcopy(_template("OpenSearch 2.15 or newer"))
    own = document["template"]["mappings"]["properties"]["execaudit"]["properties"]
    for name, mapping in own.items():
        if mapping.get("type") == "flattened":
            own[name] = _MAPPINGS["unsearched"]
    return json.dumps(document, indent=2) + "\n"


def _column_type(kind: Kind) -> str:
    if "Tuple" not in kind.column:
        return kind.column
    members = ", ".join(f"{name} {_column_type(one)}" for name, one in kind.members)
    return kind.column.replace("Tuple", f"Tuple({members})")


def clickhouse_columns() -> str:
    """Return the columns of the table, one for each field, by section."""
    lines: list[str] = []
    for section, fields in SECTIONS.items():
        if section in _TITLES:
            lines += ["", f"    -- {_TITLES[section]}"]
        names: list[str] = []
        for field in fields:
            names += [field.name, exact_name(field.name)] if field.is_bytes else [field.name]
        lines += [
            f"    {name} {FIELDS[name].column or _column_type(FIELDS[name].kind)},"
            for name in names
        ]
    return "\n".join(lines).removesuffix(",")


def splunk_aliases() -> str:
    """Return the lines of props.conf that give fields their names in Splunk's models."""
    return "\n".join(
        f"FIELDALIAS-{field.cim} = {field.name} AS {field.cim}"
        for field in FIELDS.values()
        if field.cim
    )
