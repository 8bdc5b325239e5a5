# SPDX-License-Identifier: Apache-2.0
"""Records of every type are as the schemas say: ours, Elastic's and OCSF's."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from execaudit.cli import main
from execaudit.formats import ecs, ocsf
from execaudit.formats.ecs_restore import restore_ecs
from execaudit.formats.encoders import make_line
from execaudit.formats.ocsf_restore import restore_ocsf
from execaudit.records.text import FieldDict
from tests.events import fields_of
from tests.golden.files import golden_records
from tests.schemas import ECS_FIELDS, check_all, check_own, ecs_fields, leaves
from tests.unit.any_records import long_records, ordinary_records
from tests.unit.record_samples import DAEMON_RECORDS, GOLDEN, OF_POD, OF_STATIC_POD

PAGE = Path(__file__).parents[2] / "docs/formats.md"
PARENT = ("parent_id", "ppid", "pcomm", "ancestors")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_records_fit_the_schemas(path: Path) -> None:
    for line in path.read_bytes().splitlines():
        check_all(json.loads(line))


@pytest.mark.parametrize("fields", DAEMON_RECORDS, ids=lambda fields: fields["type"])
def test_records_of_the_daemon_fit_the_schemas(fields: FieldDict) -> None:
    check_all(fields)


@pytest.mark.parametrize(
    "found", [OF_POD, OF_STATIC_POD, {"pod": OF_POD["pod"]}], ids=["pod", "static", "sandbox"]
)
def test_execs_in_pods_fit_the_schemas_and_come_back(found: FieldDict) -> None:
    fields = {**golden_records()[0], **found}

    check_all(fields)
    assert restore_ecs(ecs.adapt(fields))["pod"] == found["pod"]
    assert restore_ocsf(ocsf.adapt(fields))["pod"] == found["pod"]


@given(ordinary_records())
@settings(max_examples=40)
def test_any_exec_fits_the_schemas(raw: bytes) -> None:
    fields = fields_of(raw)
    fields |= {"seq": 2**40, "labels": ["web"], "severity": "crit", "path_search": ["/bin/x"]}
    fields |= {"technique": ["T1059.004", "T1105"], "rule": ["a", "b"]}

    check_all(fields)


@given(long_records())
@settings(max_examples=20)
def test_trimmed_records_fit_the_schema(fields: FieldDict) -> None:
    fields = {**fields, "id": "0123456789ab-1-2-3", "exe_b64": "AAAA" * 3000}
    for one in fields.get("ancestors", ()):
        one["id"] = fields["parent_id"] = "0123456789ab-4-5-6"

    check_own("execaudit", json.loads(make_line(fields, "execaudit", 9000)))


@pytest.mark.parametrize("name", ["execaudit", "ecs", "ocsf"])
def test_printed_schema_is_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--format", name]) == 0

    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"].startswith("urn:execaudit:schema:")


def test_schema_refuses_what_is_not_in_it() -> None:
    record = golden_records()[0]

    for wrong in ({"extra": 1}, {"pid": "7"}, {"time": "now"}, {"type": "other"}):
        with pytest.raises(AssertionError):
            check_own("execaudit", {**record, **wrong})
    with pytest.raises(AssertionError):
        check_own("ecs", {**ecs.adapt(record), "agent": {}})


def test_definitions_of_ecs_are_of_the_version_that_is_named() -> None:
    assert ECS_FIELDS.parent.name == f"ecs-{ecs.VERSION}"
    assert len(ecs_fields()) > 2000


@pytest.mark.parametrize(("name", "adapt"), [("ecs", ecs.adapt), ("ocsf", ocsf.adapt)])
def test_table_of_the_mapping_has_what_is_written_and_nothing_else(name: str, adapt: Any) -> None:
    own = {"ecs": "execaudit", "ocsf": "unmapped"}[name]
    chapter = PAGE.read_text().partition(f"\n## {name.upper()}")[2].partition("\n## ")[0]
    documented = {
        path
        for row in re.findall(r"^\| (`.*?) \|", chapter, re.MULTILINE)
        for path in re.findall(r"`([^`]+)`", row)
    }
    labelled = {"labels": ["web"], "severity": "crit", "rule": ["a"]}
    labelled["technique"] = ["T1059.004", "T1105"]
    records = [{**fields, **labelled} for fields in golden_records()] + DAEMON_RECORDS
    contained = {**records[0], **OF_POD, "nspid": 3, "tid": 5}
    alone = {k: v for k, v in records[0].items() if k not in PARENT and k != "auid"}
    written = {
        path
        for fields in [*records, contained, alone]
        for path, _ in leaves(adapt(fields))
        if not path.startswith(f"{own}.")
    }
    above = {path: {name for name in documented if f"{path}.".startswith(f"{name}.")}
             for path in written}  # fmt: skip
    assert [path for path, names in above.items() if not names] == []
    assert documented - {own} == set().union(*above.values())
