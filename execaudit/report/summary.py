# SPDX-License-Identifier: Apache-2.0
"""The sums of a period: the data of a report, without the account of what was read.

Owns the tables, and which facts go into each.
"""

from typing import Any

from execaudit.report.facts import Facts
from execaudit.report.tables import Firsts, Minutes, Table

BY = ("user", "program", "unit", "container", "terminal", "host", "parent")
"""Tables of execs with their failures."""

TABLES = (*BY, "errno", "failed", "privileged", "pair", "label", "severity")
FIRSTS = ("program", "user", "unit")
NOTES_LIMIT = 5_000


class Summary:
    """Sums.

    Attributes:
        execs: number of execs, failed ones included.
        failed: number of failed ones.
        exits: number of ends of programs.
        tables: tables by name.
        minutes: execs by minute.
        firsts: the first record with each program, user and unit.
        notes: records of the daemon itself: starts, stops, reloads, repairs.

    """

    def __init__(self) -> None:
        self.execs = self.failed = self.exits = 0
        self.tables = {name: Table() for name in TABLES}
        self.minutes = Minutes()
        self.firsts = {name: Firsts() for name in FIRSTS}
        self.notes: list[dict[str, Any]] = []

    def add(self, facts: Facts, count: int) -> None:
        """Count `count` execs of the same facts."""
        failed = count if facts.errno else 0
        self.execs += count
        self.failed += failed
        tables = self.tables
        tables["user"].add(facts.user, count, failed)
        tables["program"].add(facts.program, count, failed)
        tables["host"].add(facts.host, count, failed)
        for name, value in (
            ("unit", facts.unit), ("container", facts.container), ("terminal", facts.terminal),
            ("parent", facts.parent), ("severity", facts.severity),
        ):  # fmt: skip
            if value:
                tables[name].add(value, count, failed)
        for label in facts.label_list:
            tables["label"].add(label, count, failed)
        if facts.errno:
            tables["errno"].add(facts.errno, count, failed)
            tables["failed"].add((facts.filename, facts.errno), count, failed)
        elif facts.parent:
            tables["pair"].add((facts.parent, facts.exe), count, 0)
        if facts.privileged:
            tables["privileged"].add((facts.user, facts.exe), count, failed)

    def add_note(self, fields: dict[str, Any]) -> None:
        """Note a record of the daemon itself."""
        if len(self.notes) < NOTES_LIMIT:
            self.notes.append(fields)

    def plain(self) -> dict[str, Any]:
        """Return the sums in a form for another process."""
        return {
            "counts": [self.execs, self.failed, self.exits],
            "tables": {name: table.plain() for name, table in self.tables.items()},
            "minutes": list(self.minutes.items()),
            "firsts": {name: firsts.found for name, firsts in self.firsts.items()},
            "notes": self.notes,
        }

    def merge(self, plain: dict[str, Any], log: int) -> None:
        """Add the `plain` form of a later part of a log."""
        execs, failed, exits = plain["counts"]
        self.execs += execs
        self.failed += failed
        self.exits += exits
        for name, table in plain["tables"].items():
            self.tables[name].merge(table)
        for minute, of_execs, of_failed in plain["minutes"]:
            self.minutes.add(minute, of_execs, of_failed)
        for name, firsts in plain["firsts"].items():
            self.firsts[name].merge(firsts, log)
        for fields in plain["notes"]:
            self.add_note(fields)
