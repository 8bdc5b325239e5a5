# SPDX-License-Identifier: Apache-2.0
"""Rules as files state them, read and checked: all mistakes at once, each with its place.

Owns the keys of a [[rule]] table and their meaning as data. It opens no file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from execaudit.config.merge import read_value
from execaudit.config.source import Problem, RuleTable
from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_short, show_value
from execaudit.config.values import (
    LABELS,
    SEVERITIES,
    TECHNIQUES,
    Choice,
    Flag,
    Kind,
    Text,
    suggest,
)
from execaudit.rules.condition_tree import (
    MOST_TERMS,
    AllOf,
    AnyOf,
    Node,
    Not,
    Term,
    TooManyTermsError,
    conditions_of,
    terms_of,
)
from execaudit.rules.conditions import Condition, ConditionError, Lookups, make_condition
from execaudit.rules.field_values import ACTIONS, FIELDS, NESTED
from execaudit.rules.patterns import REGEX_BYTES

RulePlace = tuple[str, int, int]
"""File, line, column; both from 1."""

_KEYS: dict[str, Kind] = {
    "action": Choice(ACTIONS),
    "name": Text(
        re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?"),
        "up to 100 printable characters",
        empty="none",
    ),
    "labels": LABELS,
    "severity": Choice(SEVERITIES, empty="none"),
    "technique": TECHNIQUES,
    "descendants": Flag(),
}
_MARKS = ("labels", "severity", "technique")
_COMBINATIONS = ("all", "any", "not")

_NO_LOOKUPS = Lookups(user=lambda _: None, group=lambda _: None)


def _implied(field: str) -> Condition:
    return make_condition(field, value=False, path=(), lookups=_NO_LOOKUPS)


_AT_HOME = _implied("other_root")
_HOMES = {
    **dict.fromkeys(("exe", "filename", "script", "interp", "cwd"), (_AT_HOME,)),
    **{
        f"{whose}.exe": (_AT_HOME, _implied(f"{whose}.other_root"))
        for whose in ("parent", "ancestor", "origin")
    },
    "parent.filename": (_AT_HOME, _implied("parent.other_root")),
}
"""Conditions that a rule implies if it drops by a path, by the field of the path: in a namespace of
their own, users can mount any file over any path. They are about the process that has the path."""

_ASKS_WHERE = {"other_root", "root", "exe_dev", "exe_ino", "exe_uid"} | {
    name for name in FIELDS if name.startswith("ns.") or name.endswith(".other_root")
}
"""A rule that has one of these says where it holds: nothing is implied."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, checked.

    Attributes:
        action: one of ACTIONS.
        place: where it stands.
        tree: its conditions.
        terms: its conditions as alternatives.
        text: the whole rule in one line, by which rules of two files are the same.
        name: "" for none.
        labels: to add to records.
        severity: one of SEVERITIES, "" for none.
        technique: ids of ATT&CK techniques to add to records.
        descendants: True if it holds for all processes below one that matched, too.

    """

    action: str
    place: RulePlace
    tree: Node
    terms: tuple[Term, ...]
    text: str
    name: str = ""
    labels: tuple[str, ...] = ()
    severity: str = ""
    descendants: bool = False
    technique: tuple[str, ...] = ()

    @property
    def is_marking(self) -> bool:
        """Return True if it adds a label, a severity or a technique to records."""
        return bool(self.labels or self.severity or self.technique)


def read_rules(
    tables: Iterable[RuleTable], lookups: Lookups, regex_bytes: int = REGEX_BYTES
) -> tuple[list[Rule], list[Problem]]:
    """Return the rules of tables without mistakes, in order, and all problems."""
    rules: list[Rule] = []
    problems: list[Problem] = []
    names: dict[str, RulePlace] = {}
    for table in tables:
        reader = _Reader(table, lookups, regex_bytes)
        rule = reader.read()
        if rule is not None and rule.name:
            first = names.setdefault(rule.name, rule.place)
            if first != rule.place:
                file, line, _ = first
                reader.report(("name",), f'is "{rule.name}" as in {file}:{line}, expected another')
                rule = None
        problems += reader.problems
        if rule is not None:
            rules.append(rule)
    return rules, problems


class _Reader:
    """Reads one rule."""

    def __init__(self, table: RuleTable, lookups: Lookups, regex_bytes: int) -> None:
        self._table = table
        self._lookups = lookups
        self._regex_bytes = regex_bytes
        self.problems: list[Problem] = []

    def report(self, path: KeyPath, text: str) -> None:
        self.problems.append(self._table.problem(path, text))

    def read(self) -> Rule | None:
        values = self._table.values
        settings: dict[str, Any] = {}
        for key, kind in _KEYS.items():
            if key in values:
                settings[key] = read_value(kind, self._table, (key,), values[key], self.problems)
        if "action" not in values:
            self.report((), f"has no action, expected {_KEYS['action'].expected}")
        self._refuse_useless(values)
        conditions = {key: value for key, value in values.items() if key not in _KEYS}
        tree = self._conditions(conditions, ())
        if not conditions:
            self.report(
                (), 'has no condition, expected one at least (type = "exec" matches every exec)'
            )
        if self.problems:
            return None
        asked = {each.field for each in conditions_of(tree)}
        if settings["action"] == "drop" and asked.isdisjoint(_ASKS_WHERE):
            tree = _at_home(tree)
        try:
            terms = tuple(terms_of(tree))
        except TooManyTermsError:
            self.report(
                (),
                f"has more than {MOST_TERMS} combinations of any and not: expected several rules",
            )
            return None
        for key in ("labels", "technique"):
            settings[key] = tuple(dict.fromkeys(settings.get(key, ())))
        place = self._table.place(())
        return Rule(place=place, tree=tree, terms=terms, text=show_value(values), **settings)

    def _refuse_useless(self, values: Mapping[str, Any]) -> None:
        action = values.get("action")
        for key in _MARKS:
            if action == "drop" and values.get(key):
                self.report((key,), "is for records that are written, and this rule drops them")
        if action == "label" and not any(values.get(key) for key in _MARKS):
            self.report(
                ("action",), 'is "label", expected labels, a severity or a technique beside it'
            )

    def _conditions(self, values: Mapping[str, Any], path: KeyPath) -> Node:
        """Read conditions side by side: all must hold."""
        nodes: list[Node] = []
        for key, value in values.items():
            here = (*path, key)
            if key in _COMBINATIONS:
                nodes.append(self._combination(key, value, here))
            elif key in NESTED:
                nodes += self._nested(key, value, here)
            elif key in FIELDS and "." not in key:
                nodes += self._condition(key, value, here)
            else:
                self.report(here, f"is not a condition{_suggest(key, top=not path)}")
        return nodes[0] if len(nodes) == 1 else AllOf(tuple(nodes))

    def _condition(self, field: str, value: object, path: KeyPath) -> list[Node]:
        try:
            return [make_condition(field, value, path, self._lookups, self._regex_bytes)]
        except ConditionError as error:
            for where, text in error.mistakes:
                self.report(where, text)
            return []

    def _nested(self, key: str, value: object, path: KeyPath) -> list[Node]:
        known = [name.partition(".")[2] for name in FIELDS if name.startswith(f"{key}.")]
        if not isinstance(value, Mapping) or not value:
            names = " or ".join(f"{key}.{name}" for name in known)
            self.report(path, f"is {show_short(value)}, expected {names}")
            return []
        nodes: list[Node] = []
        for name, below in value.items():
            if name in known:
                nodes += self._condition(f"{key}.{name}", below, (*path, name))
            else:
                names = " or ".join(f"{key}.{name}" for name in known)
                self.report((*path, name), f"is not a condition, expected {names}")
        return nodes

    def _combination(self, key: str, value: object, path: KeyPath) -> Node:
        """Read `all`, `any` or `not`: a table of conditions, or a list of such tables."""
        tables = value if isinstance(value, list) else [value]
        if not tables or not all(isinstance(table, Mapping) and table for table in tables):
            self.report(
                path, f"is {show_short(value)}, expected a table of conditions, or a list of them"
            )
            return AllOf(())
        if isinstance(value, list):
            parts = [self._conditions(each, (*path, index)) for index, each in enumerate(tables)]
        elif key == "any":
            parts = [self._conditions({name: tables[0][name]}, path) for name in tables[0]]
        else:
            parts = [self._conditions(tables[0], path)]
        if key == "not":
            return Not(parts[0] if len(parts) == 1 else AnyOf(tuple(parts)))
        return AnyOf(tuple(parts)) if key == "any" else AllOf(tuple(parts))


def _at_home(node: Node, *, wanted: bool = True) -> Node:
    """Return a tree whose conditions on paths hold only for processes that see the host's files."""
    if isinstance(node, Condition):
        implied = _HOMES.get(node.field, ()) if wanted else ()
        return AllOf((node, *implied)) if implied else node
    if isinstance(node, Not):
        return Not(_at_home(node.part, wanted=not wanted))
    return type(node)(tuple(_at_home(part, wanted=wanted) for part in node.parts))


def _suggest(key: str, *, top: bool) -> str:
    known = [*(name for name in FIELDS if "." not in name), *NESTED, *_COMBINATIONS]
    if top:
        known += _KEYS
    return suggest(key, known) or ", expected a field of a record"
