# SPDX-License-Identifier: Apache-2.0
"""A report as comma separated values (RFC 4180): one table; its first column is the section."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from execaudit.records.quoting import make_printable
from execaudit.report.summary import BY

_HEAD = ("section", "value", "other", "execs", "failed", "time")
_TABLES = {f"by_{name}": ("value",) for name in BY} | {
    "failures": ("value",), "failed_programs": ("program", "errno"),
    "privilege": ("user", "program"), "rare_pairs": ("parent", "program"), "labels": ("value",),
    "severities": ("value",),
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(contents: dict[str, Any]) -> Iterator[bytes]:
    """Yield the lines of a report."""
    yield _line(_HEAD)
    for name in ("execs", "failed", "exits", "records"):
        yield _line(("total", name, "", contents[name], "", ""))
    for section, names in _TABLES.items():
        for row in contents[section]:
            values = [row[each] for each in names] if "others" not in row else ["(others)"]
            value, other = (*values, "")[:2]
            yield _line((section, value, other, row["execs"], row.get("failed", ""), ""))
    for name, rows in contents["first_seen"].items():
        for row in rows:
            yield _line((f"first_{name}", row["value"], row["command"], "", "", row["time"]))
    for section, rows, time in (
        ("busiest", contents["busiest"], "minute"),
        ("timeline", contents["timeline"]["stretches"], "time"),
    ):
        for row in rows:
            yield _line((section, "", "", row["execs"], row["failed"], row[time]))
    yield from _completeness(contents["completeness"])
    for section in ("starts", "stops", "reloads", "repairs"):
        for note in contents[section]:
            yield _line(
                (section, note.get("host", ""), note.get("reason", ""), "", "", note["time"])
            )


def _completeness(completeness: dict[str, Any]) -> Iterator[bytes]:
    for each in completeness["missing"]:
        row = (each["kind"], each.get("why", ""), each.get("count", ""), "", each.get("first", ""))
        yield _line(("missing", *row))
    for name in ("broken", "unreadable_files"):
        if count := completeness[name]:
            yield _line(("unread", name, count, "", "", ""))


def _line(values: tuple[Any, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_cell(each) for each in values])
    return text.getvalue().encode(errors="replace")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    shown = make_printable(value)
    # A spreadsheet would take it for a formula.
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
