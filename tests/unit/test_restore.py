# SPDX-License-Identifier: Apache-2.0
"""Documents of other formats give back the record that they were made from."""

import json
from typing import Any

import pytest

from execaudit.formats import ecs, ocsf
from execaudit.formats.restore import restore
from tests.golden.files import golden_records
from tests.unit.record_samples import DAEMON_RECORDS

RECORDS = [*golden_records(), *DAEMON_RECORDS]


def _to_ms(record: Any) -> Any:
    """Cut times of processes to the milliseconds that OCSF has."""
    if isinstance(record, list):
        return [_to_ms(each) for each in record]
    if not isinstance(record, dict):
        return record
    cut = {name: _to_ms(value) for name, value in record.items()}
    for name in ("start", "first", "last"):
        if isinstance(cut.get(name), str):
            cut[name] = cut[name][:23] + "000000Z"
    return cut


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["type"])
def test_ecs_document_gives_the_record_back(record: dict[str, Any]) -> None:
    document = json.loads(json.dumps(ecs.adapt(record)))
    assert restore("ecs", document) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["type"])
def test_ocsf_event_gives_the_record_back_but_for_the_bounds_of_arguments(
    record: dict[str, Any],
) -> None:
    document = json.loads(json.dumps(ocsf.adapt(record)))
    found = restore("ocsf", document)
    wanted = _to_ms(record)
    assert " ".join(found.pop("argv", ())) == " ".join(wanted.pop("argv", ()))
    for name in ("first_missed", "last_missed", "gap", "last_record", "covers"):
        if name in wanted:
            wanted[name] = record[name]
    assert found == wanted


def test_record_in_the_own_format_stays_as_it_is() -> None:
    assert restore("execaudit", RECORDS[0]) is RECORDS[0]
