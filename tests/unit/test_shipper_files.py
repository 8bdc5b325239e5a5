# SPDX-License-Identifier: Apache-2.0
"""The files for shippers that can not be had here are at least what their parsers take.

Vector's programs run in its own language, and make of records what the destination is to get.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vrl_python
import yaml

from execaudit.formats.encoders import make_line
from tests.golden.files import golden_records
from tests.siem import SHIPPERS, SIEM
from tests.unit.record_samples import DAEMON_RECORDS

VECTOR = {"ecs": SHIPPERS / "vector/execaudit.toml", "execaudit": SIEM / "clickhouse/vector.toml"}
FILES = ["/var/log/execaudit/execaudit.jsonl", "/var/log/execaudit/execaudit.jsonl.2*[Z0-9]"]


@pytest.mark.parametrize("form", VECTOR)
def test_vector_sends_on_every_record_as_it_is(form: str) -> None:
    config = tomllib.loads(VECTOR[form].read_text())
    assert config["sources"]["execaudit_file"]["include"] == FILES
    source = config["transforms"]["execaudit"]["source"]
    vector = vrl_python.VRLRuntime()
    for record in [*golden_records(), *DAEMON_RECORDS]:
        line = make_line(record, form)
        result = vector.execute(source, {"message": line.decode().rstrip("\n"), "file": "f"})
        event = dict(result.processed_event)
        identity = event.pop("_id", None)
        assert event == json.loads(line)
        if form == "ecs":
            assert identity == event["event"].get("id")


@pytest.mark.parametrize("form", VECTOR)
def test_vector_connects_what_it_names(form: str) -> None:
    config = tomllib.loads(VECTOR[form].read_text())
    made = {*config["sources"], *config["transforms"]}
    for part in (*config["transforms"].values(), *config["sinks"].values()):
        assert set(part["inputs"]) <= made


def test_filebeat_takes_every_generation_and_gives_each_document_its_identity() -> None:
    (entry,) = yaml.safe_load((SHIPPERS / "filebeat/execaudit.yml").read_text())
    assert entry["type"] == "filestream"
    assert entry["paths"] == FILES
    (copy,) = entry["processors"]
    assert copy["copy_fields"]["fields"] == [{"from": "event.id", "to": "@metadata._id"}]


def test_fluent_bit_names_parsers_that_its_file_has() -> None:
    config = yaml.safe_load((SHIPPERS / "fluent-bit/execaudit.yaml").read_text())
    file = SHIPPERS / "fluent-bit" / config["service"]["parsers_file"]
    parsers: list[dict[str, str]] = []
    for line in file.read_text().splitlines():
        if line == "[PARSER]":
            parsers.append({})
        elif line and not line.startswith("#"):
            key, value = re.fullmatch(r"    (\w+)\s+(\S+)", line).groups()  # type: ignore[union-attr]
            parsers[-1][key] = value
    known = {parser["Name"]: parser for parser in parsers}
    (tail,) = config["pipeline"]["inputs"]
    (out,) = config["pipeline"]["outputs"]
    assert out["match"] == tail["tag"]
    # What the parser takes out, the output puts back.
    assert known[tail["parser"]]["Time_Key"] == out["time_key"]
    assert known[tail["parser"]]["Time_Keep"] == "Off"


_ALLOY = re.compile(
    r'\s+|//[^\n]*|(?P<token>"(?:[^"\\]|\\.)*"|[\w.]+|[{}\[\]=,])',
)


def alloy_tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _ALLOY.match(text, at)
        assert found, f"not Alloy's syntax: {text[at : at + 30]!r}"
        at = found.end()
        if found["token"]:
            yield found["token"]


class Alloy:
    """Reads blocks and attributes as Alloy's syntax has them; references stay text."""

    def __init__(self, text: str) -> None:
        self._tokens = [*alloy_tokens(text), ""]
        self._at = 0

    def next(self, wanted: str = "") -> str:
        token = self._tokens[self._at]
        assert token, "ends too early"
        assert wanted in ("", token), f"{token!r} instead of {wanted!r}"
        self._at += 1
        return token

    def has(self, token: str) -> bool:
        return self._tokens[self._at] == token

    def body(self, end: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not self.has(end):
            name = self.next()
            if self.has("="):
                self.next()
                members[name] = self.value()
                continue
            label = "" if self.has("{") else "." + json.loads(self.next())
            self.next("{")
            assert name + label not in members
            members[name + label] = self.body("}")
            self.next("}")
        return members

    def value(self) -> Any:
        token = self.next()
        if token == "[":
            return list(self._items("]", self.value))
        if token == "{":
            return dict(self._items("}", self._member))
        return token

    def _member(self) -> tuple[str, Any]:
        name = self.next()
        self.next("=")
        return name, self.value()

    def _items(self, end: str, read: Any) -> Iterator[Any]:
        while not self.has(end):
            yield read()
            if not self.has(end):
                self.next(",")
        self.next(end)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif re.match(r"(?:loki|local)\.", value):
        yield value


def test_alloy_connects_what_it_names() -> None:
    config = Alloy((SHIPPERS / "alloy/execaudit.alloy").read_text()).body("")
    named = list(references(config))
    assert named
    for name in named:
        assert name.rpartition(".")[0] in config
    labels = config["loki.process.execaudit"]["stage.labels"]["values"]
    assert labels == {"type": '""'}


def test_rotated_files_match_the_patterns_and_compressed_ones_do_not() -> None:
    names = {"execaudit.jsonl.20261125T103000Z": True, "execaudit.jsonl.20261125T103000Z.gz": False}
    names |= {"execaudit.jsonl.20261125T103000Z.1": True}
    names |= {"execaudit.jsonl.20261125T103000Z.zst": False}
    for name, is_taken in names.items():
        assert any(Path(FILES[0]).parent.joinpath(name).match(file) for file in FILES) == is_taken
