# SPDX-License-Identifier: Apache-2.0
"""Rules as files state them, read and checked: all mistakes at once, each with its place.

Owns the keys of a [[rule]] table and their meaning as data. It opens no file: tables come parsed,
with a function that knows where each key stands.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from execaudit.config.labels import LABEL, SEVERITIES
from execaudit.config.problem import Problem
from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_short, show_value
from execaudit.config.values import list_words, suggest
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
from execaudit.rules.conditions import Condition, ConditionError, make_condition
from execaudit.rules.fields import ACTIONS, FIELDS, NESTED
from execaudit.rules.patterns import REGEX_BYTES
from execaudit.rules.text_conditions import Lookups

RulePlace = tuple[str, int, int]
"""File, line, column; both from 1."""

_KEYS = ("name", "action", "labels", "severity", "descendants")
_COMBINATIONS = ("all", "any", "not")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")


_NO_LOOKUPS = Lookups(user=lambda _: None, group=lambda _: None)
AT_HOME = make_condition("other_root", value=False, path=(), lookups=_NO_LOOKUPS)
"""Implied where a rule drops by a path: anybody can mount, in a namespace of his own, any file over
any path. It is said of the process that a path is of."""

_HOMES = {
    **dict.fromkeys(("exe", "filename", "script", "interp", "cwd"), (AT_HOME,)),
    **{
        f"{whose}.exe": (
            AT_HOME,
            make_condition(f"{whose}.other_root", value=False, path=(), lookups=_NO_LOOKUPS),
        )
        for whose in ("parent", "ancestor", "origin")
    },
}
_ASKS_WHERE = {"other_root", "root", "exe_dev", "exe_ino", "exe_uid"} | {
    name for name in FIELDS if name.startswith("ns.") or name.endswith(".other_root")
}
"""A rule with one of these says itself where it holds."""


class RuleTable(Protocol):
    """One [[rule]] of a file, parsed."""

    @property
    def values(self) -> Mapping[str, Any]:
        """What it says, as tomllib gives it."""

    def place(self, path: KeyPath, /) -> RulePlace:
        """Where a key stands, given its path from the rule down; () is the rule itself."""

    def problem(self, path: KeyPath, text: str, /) -> Problem:
        """Make a problem of a key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, checked.

    Attributes:
        name: as given; "" for none.
        action: one of ACTIONS.
        labels: to add to records.
        severity: one of SEVERITIES, "" for none.
        descendants: holds for all processes below one that matched, too.
        place: where it stands.
        tree: its conditions.
        terms: the same as alternatives.
        text: all of it in one line, the same for rules that say the same.

    """

    name: str
    action: str
    labels: tuple[str, ...]
    severity: str
    descendants: bool
    place: RulePlace
    tree: Node
    terms: tuple[Term, ...]
    text: str


def read_rules(
    tables: Iterable[RuleTable], lookups: Lookups, regex_bytes: int = REGEX_BYTES
) -> tuple[list[Rule], list[Problem]]:
    """Read rules in order. Of a table with mistakes there is no rule."""
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
        action = self._action(values)
        name = self._name(values)
        labels = self._labels(values)
        severity = self._severity(values)
        self._refuse_useless(values, action)
        descendants = values.get("descendants", False)
        if not isinstance(descendants, bool):
            self.report(("descendants",), f"is {show_short(descendants)}, expected true or false")
        conditions = {key: value for key, value in values.items() if key not in _KEYS}
        tree = self._conditions(conditions, ())
        if not conditions:
            self.report(
                (), 'has no condition, expected one at least (type = "exec" matches every exec)'
            )
        if self.problems:
            return None
        if action == "drop" and not any(each.field in _ASKS_WHERE for each in conditions_of(tree)):
            tree = _at_home(tree)
        try:
            terms = tuple(terms_of(tree))
        except TooManyTermsError:
            self.report(
                (),
                f"has more than {MOST_TERMS} combinations of any and not: expected several rules",
            )
            return None
        place, text = self._table.place(()), show_value(values)
        return Rule(name, action, labels, severity, descendants, place, tree, terms, text)

    def _action(self, values: Mapping[str, Any]) -> str:
        action = values.get("action")
        expected = f"expected {list_words(list(map(show_short, ACTIONS)), 'or')}"
        if action is None:
            self.report((), f"has no action, {expected}")
        elif action not in ACTIONS:
            self.report(("action",), f"is {show_short(action)}, {expected}")
        return str(action)

    def _name(self, values: Mapping[str, Any]) -> str:
        name = values.get("name", "")
        if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
            self.report(
                ("name",), f"is {show_short(name)}, expected up to 100 printable characters"
            )
        return str(name)

    def _labels(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        labels = values.get("labels", [])
        if not isinstance(labels, list):
            self.report(("labels",), f"is {show_short(labels)}, expected a list of labels")
            return ()
        for index, label in enumerate(labels):
            try:
                LABEL.read(label)
            except ValueError as error:
                self.report(("labels", index), str(error))
        return tuple(dict.fromkeys(map(str, labels)))

    def _severity(self, values: Mapping[str, Any]) -> str:
        severity = values.get("severity", "")
        if severity and severity not in SEVERITIES:
            expected = list_words(list(map(show_short, SEVERITIES)), "or")
            self.report(("severity",), f"is {show_short(severity)}, expected {expected}")
        return str(severity)

    def _refuse_useless(self, values: Mapping[str, Any], action: str) -> None:
        for key in ("labels", "severity"):
            if action == "drop" and values.get(key):
                self.report((key,), "is for records that are written, and this rule drops them")
        if action == "label" and not values.get("labels") and not values.get("severity"):
            self.report(("action",), 'is "label", expected labels or a severity beside it')

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
        """`all`, `any` and `not` take a table of conditions or a list of such tables."""
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
    """Let conditions on paths hold for processes only that see the host's files there."""
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
