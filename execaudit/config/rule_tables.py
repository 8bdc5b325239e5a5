# SPDX-License-Identifier: Apache-2.0
"""The [[rule]] tables of a rules file, not looked into.

Owns where a rule stands, so that whoever compiles it can say where a mistake is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from execaudit.config.problem import Problem
from execaudit.config.schema import SECTIONS
from execaudit.config.source import Source
from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_path, show_short


@dataclass(frozen=True, slots=True)
class RuleTable:
    """One [[rule]].

    Attributes:
        source: the file it is in.
        index: its number in this file, from 0.
        values: what it says, as tomllib gives it.

    """

    source: Source
    index: int
    values: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Path of the file."""
        return self.source.file

    @property
    def line(self) -> int:
        """Line of its [[rule]] header."""
        return self.source.place(("rule", self.index)).line

    @property
    def key(self) -> str:
        """What messages call it: `rule[3]`."""
        return show_path(("rule", self.index))

    def place(self, path: KeyPath) -> tuple[str, int, int]:
        """File, line and column of a key, given its path from the rule down; () is the rule."""
        return self.source.file, *self.source.place(("rule", self.index, *path))

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Make a problem of a key in this rule: ("uid", 1) is its second uid."""
        return self.source.problem(("rule", self.index, *path), text)


def rule_tables(source: Source, problems: list[Problem]) -> list[RuleTable]:
    """Return the rules of a file in order; adds to `problems` what is not a rule."""
    found: list[RuleTable] = []
    for name, value in (source.parse(problems) or {}).items():
        if name != "rule":
            problems.append(source.problem((name,), _describe_unknown(name)))
        elif not isinstance(value, list):
            text = f"is {show_short(value)}, expected tables that begin with [[rule]]"
            problems.append(source.problem((name,), text))
        else:
            for index, table in enumerate(value):
                if isinstance(table, dict):
                    found.append(RuleTable(source, index, table))
                else:
                    text = f"is {show_short(table)}, expected a table"
                    problems.append(source.problem((name, index), text))
    return found


def read_rules(text: str, file: str = "rules.toml") -> tuple[list[RuleTable], list[Problem]]:
    """Return the rules of one text, and its problems, as of a file of this name."""
    problems: list[Problem] = []
    return rule_tables(Source(file, file, text.encode()), problems), problems


def _describe_unknown(name: str) -> str:
    if name in SECTIONS:
        return "is a section of the configuration, expected in execaudit.toml or in conf.d"
    return "is unknown in a rules file, expected [[rule]] and below it the keys of a rule"
