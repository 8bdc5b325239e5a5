# SPDX-License-Identifier: Apache-2.0
"""The files and queries for each destination name fields that records have, with their types."""

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from execaudit.records.vocabulary import FIELDS
from tests.siem import PAGE, SIEM, queries, words

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


@pytest.mark.parametrize("name", ["elastic", "opensearch"])
def test_every_searched_keyword_has_a_bound(name: str) -> None:
    """A longer one is not merely unsearchable: beyond 32,766 bytes the document is refused."""
    for path, mapping in mappings(name).items():
        if mapping["type"] in ("keyword", "flattened") and mapping.get("index", True):
            assert mapping["ignore_above"] <= 8191, path


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
        unknown = words(query) - VOCABULARY[language] - FIELDS.keys()
        assert not unknown


def test_table_is_ordered_by_what_tells_records_apart() -> None:
    table = (SIEM / "clickhouse/execaudit.sql").read_text()
    (key,) = re.findall(r"^ORDER BY \((.*)\)$", table, re.MULTILINE)
    assert {"boot", "cpu", "hook", "seq"} <= set(key.split(", ")) <= FIELDS.keys()


def splunk(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((SIEM / "splunk" / name).read_text())
    return parser


def test_splunk_app_names_fields_and_its_own_parts() -> None:
    stanza = splunk("props.conf")["execaudit:json"]
    for key, value in stanza.items():
        if key.startswith("EVAL-"):
            used = words(value) | set(re.findall(r"'(\w+)\{\}'", value))
            assert used <= FIELDS.keys()
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
