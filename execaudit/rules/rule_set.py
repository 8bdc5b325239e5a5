# SPDX-License-Identifier: Apache-2.0
"""A set of rules, ready to decide: which records are dropped, kept, labelled.

Owns the order of rules and the first match. What all execs from one place have in common is decided
once, by `narrow`; what is left over for each exec is in the `Residue` it returns, which the caller
keeps beside the place. Pure: no I/O, no clock; users' names come in through `Lookups`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from execaudit.config.problem import Problem
from execaudit.rules.carried import Carried, process_of
from execaudit.rules.decision import NOTHING, Decision
from execaudit.rules.images import Images, place_getter
from execaudit.rules.index import ArgumentsTable, Bits, FieldTable
from execaudit.rules.patterns import REGEX_BYTES, Truth
from execaudit.rules.residue import Residue
from execaudit.rules.shared import Shared
from execaudit.rules.source import Rule, RuleTable, read_rules
from execaudit.rules.text_conditions import Lookups
from execaudit.rules.tree import Literal, deciding, evaluate
from execaudit.rules.values import (
    EVENT_FIELDS,
    UNKNOWN,
    event_values,
    place_fields,
    testable,
)

TEXT_FIELDS = ("argv", "cmdline", "env")
_IMAGES_KEPT = 65536


class Explanation(NamedTuple):
    """How one rule sees a record.

    Attributes:
        rule: its index.
        matched: None where something it needs is unknown.
        because: the conditions that made it so, each with whether it holds.

    """

    rule: int
    matched: Truth
    because: tuple[tuple[str, Truth], ...]


def compile_rules(
    tables: Iterable[RuleTable], lookups: Lookups, regex_bytes: int = REGEX_BYTES
) -> tuple["RuleSet | None", list[Problem]]:
    """Make a rule set of tables in order; None where there are problems, all of them beside it."""
    rules, problems = read_rules(tables, lookups, regex_bytes)
    return (None if problems else RuleSet(rules)), problems


class RuleSet:
    """Rules in order.

    Attributes:
        rules: each by its index.
        hits: how often each decided or labelled, by the same index.
        kernel_hits: how often the kernel decided by it, before it was given the rules anew.
        images: programs of processes seen, for `parent.exe` and `ancestor.exe`.
        wants_images: whether any rule asks for these.
        wants_env: whether any rule asks for the environment.
        wants_parents: whether any rule asks for what differs between ends of processes of one user
            and name.

    """

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = tuple(rules)
        self.kernel_hits = [0] * len(rules)
        self.images = Images(_IMAGES_KEPT)
        terms = [(index, term) for index, rule in enumerate(rules) for term in rule.terms]
        wants: dict[str, list[tuple[Bits, tuple[Literal, ...]]]] = {}
        for number, (_, term) in enumerate(terms):
            for field in dict.fromkeys(literal.condition.field for literal in term):
                literals = tuple(each for each in term if each.condition.field == field)
                wants.setdefault(field, []).append((1 << number, literals))
        self.wants_images = not wants.keys().isdisjoint(("parent.exe", "ancestor.exe"))
        self.wants_env = "env" in wants
        self.wants_parents = self.wants_images or "ppid" in wants
        self._all = (1 << len(terms)) - 1
        self._plain: list[tuple[str, FieldTable]] = []
        self._derived: list[tuple[Callable[[Mapping[str, Any]], Any], FieldTable]] = []
        for field, of_field in wants.items():
            if field not in EVENT_FIELDS:
                self._add_place_table(field, FieldTable(of_field, self._all))
        self._shared = self._share(terms, wants)

    def _add_place_table(self, field: str, table: FieldTable) -> None:
        getter = place_getter(field, self.images)
        if getter is None:
            self._plain.append((field, table))
        else:
            self._derived.append((getter, table))

    def _share(
        self,
        terms: list[tuple[int, tuple[Literal, ...]]],
        wants: dict[str, list[tuple[Bits, tuple[Literal, ...]]]],
    ) -> Shared:
        event_bits = text_bits = 0
        texts: list[tuple[Literal, ...]] = []
        of_texts: list[tuple[Bits, tuple[Literal, ...]]] = []
        for number, (_, term) in enumerate(terms):
            literals = tuple(each for each in term if each.condition.field in TEXT_FIELDS)
            texts.append(literals)
            if any(each.condition.field in EVENT_FIELDS for each in term):
                event_bits |= 1 << number
            if literals:
                text_bits |= 1 << number
                of_texts.append((1 << number, literals))
        tables = {
            field: FieldTable(wants[field], self._all)
            for field in EVENT_FIELDS
            if field in wants and field not in TEXT_FIELDS
        }
        return Shared(
            self.rules,
            rule_of=tuple(index for index, _ in terms),
            all_terms=self._all,
            event_bits=event_bits,
            text_bits=text_bits,
            texts=tuple(texts),
            tables=tables,
            arguments=ArgumentsTable(of_texts, self._all),
        )

    @property
    def hits(self) -> list[int]:
        """How often each rule decided or labelled."""
        return self._shared.hits

    @property
    def undecided(self) -> list[int]:
        """How often each rule could not be decided, as arguments were too long to be seen."""
        return self._shared.undecided

    @property
    def carried(self) -> Carried:
        """Which rules hold for which process trees."""
        return self._shared.carried

    def meters(self) -> dict[str, int]:
        """Sizes and evictions of what is bounded."""
        return {
            "carried_processes": len(self.carried.rules),
            "carried_forgotten": self.carried.forgotten,
            "images": len(self.images),
            "images_forgotten": self.images.forgotten,
        }

    def remember(self, identity: str, exe: str) -> None:
        """Take note of what the image `identity` (a record's `id`) runs."""
        self.images.remember(identity, exe)

    def adopt(self, old: "RuleSet") -> None:
        """Go on where a set that this one replaces ends: process trees, programs, counts.

        Of rules that say the same in both.
        """
        known = {rule.text: index for index, rule in reversed(list(enumerate(self.rules)))}
        now = [known.get(rule.text) for rule in old.rules]
        for before, index in enumerate(now):
            if index is not None:
                self.hits[index] += old.hits[before]
                self.kernel_hits[index] += old.kernel_hits[before]
                self.undecided[index] += old.undecided[before]
        self.images.adopt(old.images)
        self.carried.adopt(old.carried, now)

    def narrow(self, fields: Mapping[str, Any]) -> Residue:
        """Decide what the fields of a place decide.

        `fields` are those of a record without EVENT_FIELDS; `type` may be left out for an exec.
        """
        fields = place_fields(fields)
        bits = self._all
        get = fields.get
        for field, table in self._plain:
            bits &= table[get(field)]
        for getter, table in self._derived:
            bits &= table[getter(fields)]
        carried = self.carried
        return Residue(self._shared, bits, carried.above(fields) if carried.used else ())

    def decide_record(self, fields: Mapping[str, Any]) -> Decision:
        """Decide about a whole record, exec or exit. Others are never a rule's business."""
        if fields.get("type") not in ("exec", "exit"):
            return NOTHING
        residue = self.narrow(fields)
        return residue.decide_values(event_values(fields), process_of(fields.get("id", "")))

    def explain(self, fields: Mapping[str, Any]) -> list[Explanation]:
        """Say how each rule by itself sees a record, and why. Not for the hot path."""
        place, event = place_fields(fields), event_values(fields)

        def value(field: str) -> Any:
            if field in EVENT_FIELDS:
                return testable(event[field])
            getter = place_getter(field, self.images)
            found = place.get(field) if getter is None else getter(place)
            return found if found is UNKNOWN else testable(found)

        return [
            Explanation(
                index,
                evaluate(rule.tree, value),
                tuple(
                    dict.fromkeys(
                        (each.shown, evaluate(each, value)) for each in deciding(rule.tree, value)
                    )
                ),
            )
            for index, rule in enumerate(self.rules)
        ]
