# SPDX-License-Identifier: Apache-2.0
"""Rules without files, for tests: each in a line of its own, each key at a column of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from execaudit.config.source import Problem, RuleTable, Source
from execaudit.config.toml_text import show_path
from execaudit.records.readback import event_of_record
from execaudit.rules.conditions import Lookups
from execaudit.rules.rule_set import Explanation, RuleSet, compile_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from execaudit.config.toml_places import KeyPath
    from execaudit.rules.compiled import Decision
    from execaudit.rules.rule import RulePlace
    from execaudit.wire.event import Event, Gap, Place

USERS = {"root": 0, "www-data": 33, "alice": 1000, "bob": 1001}
GROUPS = {"root": 0, "adm": 4, "users": 100}
LOOKUPS = Lookups(user=USERS.get, group=GROUPS.get, directory=str)


class Table(RuleTable):
    """One rule. `a[1].b` stands at line 1 + index, column 1 + number of steps of its path."""

    def __init__(self, values: Mapping[str, Any], index: int = 0) -> None:
        super().__init__(Source("test.toml", "test.toml", b""), index, values)

    def problem(self, path: KeyPath, text: str) -> Problem:
        return Problem(*self.place(path), show_path(("rule", self.index, *path)), text)

    def place(self, path: KeyPath) -> RulePlace:
        return "test.toml", 1 + self.index, 1 + len(path)


def compile_all(*rules: Mapping[str, Any]) -> RuleSet:
    """Compile rules that are right."""
    made, problems = compile_rules([Table(rule, at) for at, rule in enumerate(rules)], LOOKUPS)
    assert problems == []
    assert made is not None
    return made


def problems_of(*rules: Mapping[str, Any]) -> list[Problem]:
    """Compile rules that are wrong."""
    made, problems = compile_rules([Table(rule, at) for at, rule in enumerate(rules)], LOOKUPS)
    assert made is None
    return problems


def record(pid: int = 10, exec_count: int = 1, above: tuple[int, ...] = (), **more: Any) -> Any:
    """Make an exec record. Processes start at 1000 times their pid."""
    return {
        "type": "exec",
        "id": f"boot-{pid:x}-{pid * 1000:x}-{exec_count:x}",
        "uid": 1000,
        "comm": "ls",
        "exe": "/usr/bin/ls",
        "argv": ["ls", "-l"],
        "argc": 2,
        "result": "success",
        "ancestors": [
            {"id": f"boot-{each:x}-{each * 1000:x}-1", "pid": each, "comm": f"x{each}"}
            for each in above
        ],
    } | more


def decide(rules: RuleSet, fields: Mapping[str, Any]) -> Decision:
    """Decide about a record as it would be read back."""
    return rules.decide(event_of_record({"type": "exec", **fields}))


def explain(rules: RuleSet, fields: Mapping[str, Any]) -> list[Explanation]:
    """Explain the same."""
    return rules.explain(event_of_record({"type": "exec", **fields}))


def make_place(fields: Mapping[str, Any]) -> Place:
    """Make a place that several events share."""
    return event_of_record({"type": "exec", **fields}).place


def event_at(
    place: Place,
    argv: bytes | None = b"",
    *,
    gaps: tuple[Gap, ...] = (),
    error: int = 0,
    flags: int = 0,
    env: bytes = b"",
    process: tuple[int, int] = (0, 0),
) -> Event:
    """Make an exec at a place, by the process with this pid and start."""
    event = event_of_record({"type": "exec"})
    event.place = place
    event.argv, event.argv_gaps, event.env = argv, gaps, env
    event.argc = (argv or b"").count(b"\0")
    event.error, event.flags = error, flags
    event.pid, event.start_ns = process
    return event


def label(*labels: str, **conditions: Any) -> dict[str, Any]:
    """Return the table of a rule that gives labels."""
    return {"action": "label", "labels": list(labels), **conditions}


def drop(**conditions: Any) -> dict[str, Any]:
    """Return the table of a rule that drops."""
    return {"action": "drop", **conditions}


def keep(**conditions: Any) -> dict[str, Any]:
    """Return the table of a rule that keeps."""
    return {"action": "keep", **conditions}
