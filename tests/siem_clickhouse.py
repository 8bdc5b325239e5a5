# SPDX-License-Identifier: Apache-2.0
"""Tries what docs/siem.md says of ClickHouse in ClickHouse. By hand: it is half a gigabyte.

    python3 -m venv /tmp/chdb && /tmp/chdb/bin/pip install chdb-core-lite
    PYTHONPATH=. /tmp/chdb/bin/python -m tests.siem_clickhouse tests/golden/*.jsonl

Loads files of the native format twice, each into the shipped table as the page says, compares every
member of every line with what comes back, and prints what the page's queries give.
"""

import json
import sys
from pathlib import Path
from typing import Any

from chdb import session

from execaudit.records.vocabulary import FIELDS
from execaudit.records.vocabulary.kinds import DECIMAL, TIME
from tests.siem import SIEM, queries

_KEY = ("host", "type", "time", "boot", "hook", "cpu", "seq", "sink", "reason")
_KINDS = {name: field.kind for name, field in FIELDS.items()}
_AS_TEXT = {
    name for name, kind in _KINDS.items() if kind.shown == "object" and kind.column == "String"
}


def _as_loaded(name: str, value: Any) -> Any:
    if _KINDS[name] == TIME:
        return value.replace("T", " ").removesuffix("Z")
    if name in _AS_TEXT:
        return json.loads(value) if isinstance(value, str) else value
    if name == "ancestors":
        return [{**a, "start": _as_loaded("start", a["start"])} for a in value]
    return value


def _key(record: dict[str, Any]) -> tuple[str, ...]:
    if record["type"] == "exec":
        record = {"hook": "exec", **record}
    return tuple(str(_as_loaded(n, record.get(n) or ("" if n not in ("cpu", "seq") else 0)))
                 for n in _KEY)  # fmt: skip


def _differences(record: dict[str, Any], row: dict[str, Any]) -> list[str]:
    """Members of a record that came back as something else."""
    wrong = []
    for name, value in record.items():
        back = row[name]
        wanted = _as_loaded(name, value)
        if name == "ancestors":
            back = [{key: text for key, text in one.items() if text != ""} for one in back]
        elif name in _AS_TEXT:
            back = json.loads(back)
        elif isinstance(value, dict):
            back = {member: back[member] for member in value}
        elif _KINDS[name] == DECIMAL:
            back = str(back)
        if back != wanted:
            wrong.append(f"{name}: {wanted!r} came back as {back!r}")
    return wrong


def main(files: list[str]) -> int:
    """Load, compare, ask; the exit status."""
    house = session.Session()
    house.query((SIEM / "clickhouse/execaudit.sql").read_text())
    records = {}
    for file in files:
        for line in Path(file).read_bytes().splitlines():
            record = json.loads(line)
            records[_key(record)] = record
        load = f"INSERT INTO execaudit FROM INFILE '{Path(file).resolve()}'"
        for _ in range(2):
            house.query(
                f"{load} SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow"
            )
    house.query("SET output_format_json_quote_64bit_integers = 0")
    answer = house.query("SELECT * FROM execaudit FINAL", "JSONEachRow").data()
    rows = {_key(row): row for row in map(json.loads, answer.splitlines())}
    wrong = [each for key, record in records.items() for each in _differences(record, rows[key])]
    print(f"{len(records)} records, {len(rows)} rows, {len(FIELDS)} columns")
    print("\n".join(wrong[:20]))
    for query in queries("sql"):
        print(f"\n{query}\n{house.query(query, 'PrettyCompact').data()}")
    return 1 if wrong or rows.keys() != records.keys() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
