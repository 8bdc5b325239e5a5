# SPDX-License-Identifier: Apache-2.0
"""Rules without files, for tests: each in a line of its own, each key at a column of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from execaudit.config.problem import Problem
from execaudit.config.toml_text import show_path
from execaudit.rules.rule_set import RuleSet, compile_rules
from execaudit.rules.text_conditions import Lookups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from execaudit.config.toml_places import KeyPath
    from execaudit.rules.source import Place

USERS = {"root": 0, "www-data": 33, "alice": 1000, "bob": 1001}
GROUPS = {"root": 0, "adm": 4, "users": 100}
LOOKUPS = Lookups(user=USERS.get, group=GROUPS.get)


class Table:
    """One rule. `a[1].b` stands at line 1 + index, column 1 + number of steps of its path."""

    def __init__(self, values: Mapping[str, Any], index: int = 0) -> None:
        self.values = values
        self.index = index

    def problem(self, path: KeyPath, text: str) -> Problem:
        return Problem(*self.place(path), show_path(("rule", self.index, *path)), text)

    def place(self, path: KeyPath) -> Place:
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
