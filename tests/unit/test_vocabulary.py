# SPDX-License-Identifier: Apache-2.0
"""The table of fields says of each what is so, and all that is made from it is fresh."""

from pathlib import Path
from typing import Any

import pytest

from execaudit.formats import ecs, ocsf
from execaudit.records.vocabulary import FIELDS, OWN, TYPES, Field
from execaudit.records.vocabulary.field import OWN_OR_TEXT
from execaudit.wire import record
from tests.generate.outputs import ROOT, outputs
from tests.golden.files import golden_records
from tests.schemas import leaves
from tests.unit.record_samples import DAEMON_RECORDS, OF_POD, OF_STATIC_POD, emitted_fields

ADDED = {"labels", "severity", "technique", "rule", "truncated"}
"""Fields that come from rules, or with max_line_bytes, to records of any type."""

LABELLED = {"labels": ["web"], "severity": "crit"}


@pytest.mark.parametrize("path", outputs(), ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_as_dev_generate_makes_it(path: Path) -> None:
    assert path.read_text() == outputs()[path]()


def test_fields_occur_in_types_that_there_are() -> None:
    for field in FIELDS.values():
        assert set(field.required) <= set(field.types) <= set(TYPES), field.name
        assert field.types, field.name
        assert field.meanings.keys() <= set(field.types), field.name


def test_members_of_the_kernels_record_have_a_number_of_their_name() -> None:
    codes = dict(record.EXEC.members)
    for field in FIELDS.values():
        assert not field.is_member or codes[field.name] in ("H", "I", "Q"), field.name
        assert field.is_member or field.omitted is None, field.name


@pytest.mark.parametrize("kind", TYPES)
def test_record_has_the_fields_of_its_type_and_no_other(kind: str) -> None:
    named = {field.name for field in FIELDS.values() if kind in field.types}

    assert emitted_fields()[kind] - ADDED == named - ADDED


def _changed(value: Any) -> Any:
    """Return another value of the same form."""
    if isinstance(value, int):
        return value + 10**6
    if isinstance(value, str):
        if value[10:11] == "T":  # a time: documents may have milliseconds
            return f"19{value[2:]}"
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    if isinstance(value, list):
        return [*map(_changed, value)]
    return {key: _changed(one) for key, one in value.items()}


def _targets(adapt: Any, fields: dict[str, Any], name: str) -> set[str]:
    """Return what of a document is other when a field of its record is other, or not there."""
    changed = {key: value for key, value in fields.items() if key != name}
    if fields[name] is not True and name != "truncated":
        changed[name] = _changed(fields[name])
    before, after = dict(leaves(adapt(fields))), dict(leaves(adapt(changed)))
    return {path for path in before if path not in after or before[path] != after[path]}


def _is_at(path: str, found: set[str]) -> bool:
    return any(f"{one}.".startswith(f"{path}.") for one in found)


def _samples() -> list[dict[str, Any]]:
    golden = [{**fields, **LABELLED} for fields in golden_records()]
    program = next(fields for fields in golden if "tty" in fields)
    return [*golden, *DAEMON_RECORDS, {**program, **OF_POD, "nspid": 3, "tid": 5},
            {**program, **OF_STATIC_POD}]  # fmt: skip


@pytest.mark.parametrize(
    ("adapt", "own"), [(ecs.adapt, "execaudit"), (ocsf.adapt, "unmapped")], ids=["ecs", "ocsf"]
)
def test_field_goes_where_the_table_says(adapt: Any, own: str) -> None:
    reached: dict[str, set[str]] = {}
    for fields in _samples():
        kept = adapt(fields).get(own, {})
        for name in fields.keys() - {"type", "result", "severity"}:
            found = reached.setdefault(name, set())
            found |= _targets(adapt, fields, name)
            if name in kept:
                found.add(f"{own}.{name}")
    for name, found in reached.items():
        field: Field = FIELDS[name]
        targets = set(field.ecs if own == "execaudit" else field.ocsf)
        stays = bool(targets & {OWN, OWN_OR_TEXT})
        wanted = targets - {OWN, OWN_OR_TEXT}
        assert {path for path in wanted if not _is_at(path, found)} == set(), name
        assert stays or f"{own}.{name}" not in found, name
        assert wanted or _is_at(f"{own}.{name}", found), name
