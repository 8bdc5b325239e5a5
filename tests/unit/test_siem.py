# SPDX-License-Identifier: Apache-2.0
"""The files and queries for each destination name fields that records have, with their types."""

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from execaudit.formats.schema import load_schema
from tests.schemas import OUTSIDE_ECS, ecs_fields
from tests.siem import PAGE, SIEM, ecs_paths, queries, record_names, words

OF_OBJECTS = {
    "truncated",
    "redacted",
    "argv_b64",
    "env_b64",
    "b64",
    "last_record",
    "previous",
    "gap",
}
NATIVE_TYPES = {"integer": "long", "string": "keyword"}
# What else stands in the queries: words of the language, labels, and names given to results.
VOCABULARY = {
    "sql": {"execaudit", "first_seen", "execs", "hosts", "lost_records", "since", "until"},
    "spl": {"index", "sort", "stats", "table", "fillnull", "value", "convert", "execs", "hosts",
            "first_seen", "since", "until", "lost", "_time"},
    "logql": {"json", "job", "sum", "by", "or", "unwrap", "line_format", "d"},
}  # fmt: skip
DOTTED = {"esql": "FROM logs-execaudit-*\n", "ppl": "source = `logs-execaudit-*`\n"}


def template(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SIEM / name / "execaudit-template.json").read_bytes())
    return document


def mapped(properties: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, mapping in properties.items():
        if "properties" in mapping:
            yield from mapped(mapping["properties"], f"{path}{name}.")
        else:
            yield path + name, mapping


def mappings(name: str) -> dict[str, dict[str, Any]]:
    return dict(mapped(template(name)["template"]["mappings"]["properties"]))


def is_within(path: str, names: set[str]) -> bool:
    first, _, rest = path.partition(".")
    return first == "execaudit" and rest.partition(".")[0] in names


@pytest.mark.parametrize("name", ["elastic", "opensearch"])
def test_template_maps_every_field_to_its_type_and_no_other(name: str) -> None:
    ours = {p: s for p, s in ecs_paths().items() if not is_within(p, OF_OBJECTS)}
    # What is not UTF-8 in an ancestor's name.
    ours.pop("execaudit.ancestors.b64", None)
    ours = {p: s for p, s in ours.items() if not p.startswith("execaudit.ancestors.b64")}
    found = mappings(name)
    assert {p for p in found if not is_within(p, OF_OBJECTS)} == set(ours)
    for path, schema in ours.items():
        mapping = found[path]
        if not OUTSIDE_ECS.match(path):
            field = ecs_fields()[path]
            fields = {one["name"]: {"type": one["type"]} for one in field.get("multi_fields", ())}
            assert mapping.get("fields", {}) == fields, path
            wanted = field["type"]
        elif schema.get("const") is True:
            wanted = "boolean"
        elif schema == load_schema("execaudit")["$defs"]["time"]:
            wanted = "date"
        else:
            wanted = NATIVE_TYPES[schema.get("type", "string")]
        assert mapping["type"] == wanted, path
        # A longer keyword is not merely unsearchable: beyond 32,766 bytes the document is refused.
        assert (mapping.get("ignore_above", 32767) <= 8191) == (wanted == "keyword"), path
    objects = {
        p.removeprefix("execaudit."): m for p, m in found.items() if is_within(p, OF_OBJECTS)
    }
    assert set(objects) == OF_OBJECTS
    for path, mapping in objects.items():
        is_searched = name == "elastic" and path in ("truncated", "redacted")
        unsearched = {"type": "object", "enabled": False}
        assert mapping == (
            {"type": "flattened", "ignore_above": 1024} if is_searched else unsearched
        ), path


def test_templates_are_for_the_data_stream_that_shippers_write_to() -> None:
    for name in ("elastic", "opensearch"):
        document = template(name)
        assert document["index_patterns"] == ["logs-execaudit-*"]
        assert document["data_stream"] == {}
        assert document["template"]["mappings"]["properties"]["execaudit"]["dynamic"] is False
    for path in ("filebeat/execaudit.yml", "fluent-bit/execaudit.yaml"):
        assert "index: logs-execaudit-default" in (SIEM.parent / "shippers" / path).read_text()


@pytest.mark.parametrize("language", DOTTED)
def test_queries_of_ecs_name_mapped_fields(language: str) -> None:
    known = mappings({"esql": "elastic", "ppl": "opensearch"}[language])
    assert len(queries(language)) == 4
    for query in queries(language):
        assert query.startswith(DOTTED[language])
        paths = set(re.findall(r"@timestamp|(?<![\w'\"/-])[a-z_]+(?:\.[a-z_]+)+", query))
        assert paths
        assert paths <= known.keys(), paths - known.keys()
        assert all(known[path].get("enabled", True) for path in paths)


@pytest.mark.parametrize("language", VOCABULARY)
def test_queries_of_records_name_fields(language: str) -> None:
    assert len(queries(language)) == 4
    for query in queries(language):
        unknown = words(query) - VOCABULARY[language] - record_names()
        assert not unknown


def test_table_has_a_column_for_each_field_and_no_other() -> None:
    table = (SIEM / "clickhouse/execaudit.sql").read_text()
    inside = table.partition("\n(\n")[2].partition("\n)\n")[0]
    columns = re.findall(r"^    (\w+) [A-Z]", inside, re.MULTILINE)
    assert len(columns) == len(set(columns))
    assert set(columns) == record_names()
    for name in ("caps", "ns", "ancestors"):
        (members,) = re.findall(rf"^    {name} .*?Tuple\((.*?)\)+,$", inside, re.MULTILINE)
        members = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", members))
        schema = load_schema("execaudit")["$defs"]["fields"]["properties"][name]
        known = schema.get("items", schema)["properties"].keys() - {"b64"}
        assert {member.split()[0] for member in members.split(", ")} == known
    (key,) = re.findall(r"^ORDER BY \((.*)\)$", table, re.MULTILINE)
    assert {"boot", "cpu", "hook", "seq"} <= set(key.split(", ")) <= record_names()


def splunk(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((SIEM / "splunk" / name).read_text())
    return parser


def test_splunk_app_names_fields_and_its_own_parts() -> None:
    stanza = splunk("props.conf")["execaudit:json"]
    for key, value in stanza.items():
        if key.startswith("FIELDALIAS-"):
            field, _, alias = value.partition(" AS ")
            assert field in record_names()
            assert alias == key.removeprefix("FIELDALIAS-")
        elif key.startswith("EVAL-"):
            used = words(value) | set(re.findall(r"'(\w+)\{\}'", value))
            assert used <= record_names()
    assert stanza["TRANSFORMS-host"] in splunk("transforms.conf").sections()
    events = splunk("eventtypes.conf").sections()
    tagged = {one.removeprefix("eventtype=") for one in splunk("tags.conf").sections()}
    assert tagged <= set(events)


def test_splunk_finds_time_and_host_at_the_beginning_of_every_line() -> None:
    stanza = splunk("props.conf")["execaudit:json"]
    host = splunk("transforms.conf")["execaudit_host"]["REGEX"]
    for path in (Path(__file__).parents[1] / "golden").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            begin = re.match(stanza["TIME_PREFIX"], line)
            assert begin
            assert line[begin.end() :].startswith(record["time"])
            assert len(record["time"]) <= int(stanza["MAX_TIMESTAMP_LOOKAHEAD"])
            found = re.match(host, line)
            assert found
            assert found[1] == record["host"]


def test_loki_limits_are_yaml() -> None:
    limits = yaml.safe_load((SIEM / "loki/limits.yaml").read_text())["limits_config"]
    assert limits["max_line_size"] == "1MB"


def test_page_names_every_folder_of_files() -> None:
    text = PAGE.read_text()
    for folder in SIEM.iterdir():
        assert f"{folder.name}/" in text
