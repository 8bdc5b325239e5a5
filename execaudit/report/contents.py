# SPDX-License-Identifier: Apache-2.0
"""The contents of a report as values, the same for text, JSON, CSV and HTML.

Owns the sections, how long each is, and what counts as rare, new or busy.
"""

from collections.abc import Sequence
from typing import Any

from execaudit.report.reading import Reader
from execaudit.report.summary import BY
from execaudit.report.tables import Row, Table
from execaudit.store.times import EARLIEST_NS, LATEST_NS, SECOND_NS, show_time

RARE_AT_MOST = 3
"""A pair of parent and program that occurs so often at most is rare."""

_BARS = 60
_MINUTE_S = 60
_NOTED = {"start": "starts", "stop": "stops", "config": "reloads", "repair": "repairs"}
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


def make_contents(reader: Reader, now_ns: int, length: int) -> dict[str, Any]:
    """Return the sections of a report; lists have at most `length` elements, 0: no limit."""
    summary, completeness = reader.summary, reader.completeness
    tables = summary.tables
    contents: dict[str, Any] = {
        "period": _period(reader, now_ns),
        "records": completeness.records,
        "execs": summary.execs,
        "failed": summary.failed,
        "exits": summary.exits,
        "different": {name: _different(tables[name]) for name in BY},
        "timeline": _timeline(reader, now_ns),
        "busiest": _busiest(reader, length),
    }
    for name in BY:
        contents[f"by_{name}"] = _rows(tables[name], ("value",), length)
    contents["failures"] = _rows(tables["errno"], ("value",), length, with_failed=False)
    contents["failed_programs"] = _rows(
        tables["failed"], ("program", "errno"), length, with_failed=False
    )
    contents["privilege"] = _rows(tables["privileged"], ("user", "program"), length)
    contents["first_seen"] = {name: _firsts(reader, name, length) for name in summary.firsts}
    contents["has_history"] = reader.known is not None
    contents["pairs"] = _rows(tables["pair"], ("parent", "program"), length, with_failed=False)
    contents["rare_pairs"] = _rare(tables["pair"], length)
    contents["labels"] = _rows(tables["label"], ("value",), length)
    contents["severities"] = sorted(
        _rows(tables["severity"], ("value",), 0),
        key=lambda row: _SEVERITIES.index(row["value"]) if row["value"] in _SEVERITIES else 9,
    )
    contents |= _notes(summary.notes)
    contents["completeness"] = completeness.as_json(now_ns, reader.broken)
    return contents


def _period(reader: Reader, now_ns: int) -> dict[str, Any]:
    """Return the period, its length and the rate of execs."""
    begin_ns, end_ns = bounds(reader, now_ns)
    if begin_ns is None or end_ns is None:
        return {"seconds": 0.0, "execs_per_second": 0.0}
    seconds = max((end_ns - begin_ns) / SECOND_NS, 0.0)
    rate = reader.summary.execs / seconds if seconds else 0.0
    return {
        "begin": show_time(begin_ns), "end": show_time(end_ns), "seconds": round(seconds, 3),
        "execs_per_second": round(rate, 6),
    }  # fmt: skip


def bounds(reader: Reader, now_ns: int) -> tuple[int | None, int | None]:
    """Return begin and end of the period: as asked for, else of the records read."""
    span, completeness = reader.completeness.span, reader.completeness
    begin_ns = span.begin_ns if span.begin_ns != EARLIEST_NS else completeness.first_ns
    end_ns = min(span.end_ns, now_ns) if span.end_ns != LATEST_NS else completeness.last_ns
    if begin_ns is not None and end_ns is not None and end_ns < begin_ns:
        end_ns = begin_ns
    return begin_ns, end_ns


def _different(table: Table) -> int:
    return len(table.counts) + table.others[0]


def _rows(
    table: Table, names: Sequence[str], length: int, *, with_failed: bool = True
) -> list[dict[str, Any]]:
    rows = table.rows()
    shown = [_row(row, names, with_failed=with_failed) for row in rows[: length or None]]
    rest = rows[len(shown) :]
    values, execs, failed = table.others
    values += len(rest)
    if values:
        others = {"others": values, "execs": execs + sum(row.execs for row in rest)}
        if with_failed:
            others["failed"] = failed + sum(row.failed for row in rest)
        shown.append(others)
    return shown


def _row(row: Row, names: Sequence[str], *, with_failed: bool = True) -> dict[str, Any]:
    values = (row.value,) if isinstance(row.value, str) else row.value
    shown: dict[str, Any] = dict(zip(names, values, strict=True))
    shown["execs"] = row.execs
    if with_failed:
        shown["failed"] = row.failed
    return shown


def _rare(table: Table, length: int) -> list[dict[str, Any]]:
    if table.others[0]:
        return []  # the counts are incomplete, as there are too many pairs
    rows = [row for row in reversed(table.rows()) if row.execs <= RARE_AT_MOST]
    return [_row(row, ("parent", "program"), with_failed=False) for row in rows[: length or None]]


def _firsts(reader: Reader, name: str, length: int) -> list[dict[str, Any]]:
    known = (reader.known or {}).get(name, set())
    found = reader.summary.firsts[name].found
    shown = [{"value": value} | example for value, example in found.items() if value not in known]
    shown.sort(key=lambda each: (each["time"], each["value"]), reverse=True)
    return shown[: length or None]


def _busiest(reader: Reader, length: int) -> list[dict[str, Any]]:
    minutes = sorted(reader.summary.minutes.items(), key=lambda each: (-each[1], each[0]))
    return [
        {"minute": show_time(minute * _MINUTE_S * SECOND_NS), "execs": execs, "failed": failed}
        for minute, execs, failed in minutes[: length or None]
    ]


def _timeline(reader: Reader, now_ns: int) -> dict[str, Any]:
    """Return execs by equal stretches of whole minutes, about 60 of them."""
    minutes = list(reader.summary.minutes.items())
    begin_ns, end_ns = bounds(reader, now_ns)
    if not minutes or begin_ns is None or end_ns is None:
        return {"step_seconds": _MINUTE_S, "stretches": []}
    # Events can be a little before or after the first and last line of their files.
    first = min(begin_ns // SECOND_NS // _MINUTE_S, minutes[0][0])
    last = max(end_ns // SECOND_NS // _MINUTE_S, minutes[-1][0])
    step = -(-(last - first + 1) // _BARS)
    stretches = [[0, 0] for _ in range((last - first) // step + 1)]
    for minute, execs, failed in minutes:
        stretch = stretches[(minute - first) // step]
        stretch[0] += execs
        stretch[1] += failed
    return {
        "step_seconds": step * _MINUTE_S,
        "stretches": [
            {
                "time": show_time((first + index * step) * _MINUTE_S * SECOND_NS),
                "execs": execs, "failed": failed,
            }
            for index, (execs, failed) in enumerate(stretches)
        ],
    }  # fmt: skip


def _notes(notes: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [
            {k: v for k, v in each.items() if k != "type"} for each in notes if each["type"] == kind
        ]
        for kind, name in _NOTED.items()
    }
