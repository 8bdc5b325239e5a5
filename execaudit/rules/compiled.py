# SPDX-License-Identifier: Apache-2.0
"""One rule set, compiled: its terms, their tables, and how several rules add up to one decision.

Owns the tables that all partial decisions of a rule set share, and the counts. It knows no place.
"""

from collections.abc import Sequence
from typing import NamedTuple

from execaudit.config.values import SEVERITIES
from execaudit.records.first_seen import WORDS
from execaudit.records.vocabulary import EVENT_FLAGS
from execaudit.rules.condition_tree import SignedCondition
from execaudit.rules.field_values import (
    EVENT_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    event_values,
    is_argc_known,
)
from execaudit.rules.index import LONG_TEXT, ArgumentsTable, FieldTable, Wants
from execaudit.rules.processes import InheritedRules, ProcessPrograms
from execaudit.rules.rule import Rule
from execaudit.rules.term_set import TermSet
from execaudit.wire.event import Event

_MAX_DECISIONS = 4096
_MAX_NUMBERS = 1024
_FLAGS = sum(EVENT_FLAGS.values())
_FIRST_SEEN_BITS = len(WORDS)
_NO_ARGC = (1 << 32) - 1


class Decision(NamedTuple):
    """What becomes of a record.

    Attributes:
        action: "drop" or "keep".
        labels: to add, in the order of the rules.
        severity: the most severe that a rule gave, "" for none.
        rule: index of the rule that decided; None where none did, which keeps the record.
        rules: indices of all rules that matched, up to that one, labeling ones included.
        undecided: indices of rules that could not be decided because a text was cut.
        technique: ATT&CK techniques to add, in the order of the rules.
        names: of the rules that add a label, a severity or a technique, the most severe first.

    """

    action: str
    labels: tuple[str, ...] = ()
    severity: str = ""
    rule: int | None = None
    rules: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()
    technique: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Return True if the record gets a label, a severity or a technique."""
        return bool(self.labels or self.severity or self.technique)


NOTHING = Decision("keep")
"""The decision where no rule matches."""


Tried = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices of rules that match, and of rules that could not be decided."""


def _names_of(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the names of rules that mark records, the most severe first."""
    marking = [rule for rule in rules if rule.name and rule.is_marking]
    marking.sort(key=lambda rule: -SEVERITIES.index(rule.severity) if rule.severity else 1)
    return tuple(rule.name for rule in marking)


TriedKey = tuple[TermSet, bytes | None, bytes | None]
"""Terms, then the arguments and the environment, which is b"" if no term asks for it."""


class CompiledRules:
    """Rules as terms, and tables of the terms that a value lets through.

    A rule matches where one of its terms holds. A value lets a term through if the term can hold
    with it.

    Attributes:
        rules: all rules, in order.
        hits: how often each rule decided or labeled.
        undecided: how often each rule could not be decided because arguments were cut.
        inherited: which rules hold for which process trees.
        programs: programs of processes, for conditions such as `parent.exe`.
        fields: names of all fields that rules ask for.
        rule_of: index of the rule of each term.
        event_terms: terms that ask for one of EVENT_FIELDS. `place_terms`: all others.
        text_terms: terms that ask for arguments or environment. `env_terms`: for the environment.
        tried: results of terms, by terms and texts.
        texts: conditions of each term on arguments and environment.
        arguments: the terms that an argument block may satisfy.
        place_tables: for each field of a place the function that takes it out of place_values()
            (None: the field of that name), its name, and the terms that its values let through.
        number_tables: the terms that values of an event let through, by field.

    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.hits = [0] * len(rules)
        self.undecided = [0] * len(rules)
        self.inherited = InheritedRules(is_used=any(rule.descendants for rule in rules))
        self.programs = ProcessPrograms()
        terms = [(index, term) for index, rule in enumerate(rules) for term in rule.terms]
        self.rule_of = tuple(index for index, _ in terms)
        self.all_terms = (1 << len(terms)) - 1
        self._index_texts([term for _, term in terms])
        self._index_fields([term for _, term in terms])
        self.place_terms = self.all_terms & ~self.event_terms
        self._decisions: dict[tuple[tuple[int, ...], tuple[int, ...]], Decision] = {}
        self._numbers: dict[int, TermSet] = {}
        self.tried: dict[TriedKey, Tried] = {}

    def _index_texts(self, terms: list[tuple[SignedCondition, ...]]) -> None:
        self.event_terms = self.text_terms = self.env_terms = 0
        wants: list[Wants] = []
        texts: list[tuple[SignedCondition, ...]] = []
        for number, term in enumerate(terms):
            of_text = tuple(each for each in term if each.condition.field in TEXT_FIELDS)
            texts.append(of_text)
            if any(each.condition.field in EVENT_FIELDS for each in term):
                self.event_terms |= 1 << number
            if any(each.condition.field == "env" for each in term):
                self.env_terms |= 1 << number
            if of_text:
                self.text_terms |= 1 << number
                wants.append((1 << number, of_text))
        self.texts = tuple(texts)
        self.arguments = ArgumentsTable(wants, self.all_terms)

    def _index_fields(self, terms: list[tuple[SignedCondition, ...]]) -> None:
        wants: dict[str, list[Wants]] = {}
        for number, term in enumerate(terms):
            for field in dict.fromkeys(each.condition.field for each in term):
                of_field = tuple(each for each in term if each.condition.field == field)
                wants.setdefault(field, []).append((1 << number, of_field))
        self.fields = frozenset(wants)
        tables = {
            field: FieldTable(of_field, self.all_terms)
            for field, of_field in wants.items()
            if field not in TEXT_FIELDS
        }
        self.number_tables = {field: tables.pop(field) for field in NUMBER_FIELDS if field in wants}
        self.place_tables = [
            (self.programs.getter(field), field, table) for field, table in tables.items()
        ]

    def decision(self, rules: tuple[int, ...], undecided: tuple[int, ...] = ()) -> Decision:
        """Return the decision of rules that match, in order; the last one may end the search."""
        known = self._decisions.get((rules, undecided))
        if known is not None:
            return known
        chosen = [self.rules[index] for index in rules]
        ends = bool(chosen) and chosen[-1].action != "label"
        severities = [SEVERITIES.index(rule.severity) for rule in chosen if rule.severity]
        made = Decision(
            chosen[-1].action if ends else "keep",
            tuple(dict.fromkeys(label for rule in chosen for label in rule.labels)),
            SEVERITIES[max(severities)] if severities else "",
            rules[-1] if ends else None,
            rules,
            undecided,
            tuple(dict.fromkeys(each for rule in chosen for each in rule.technique)),
            _names_of(chosen),
        )
        if len(self._decisions) >= _MAX_DECISIONS:
            self._decisions.clear()
        self._decisions[rules, undecided] = made
        return made

    def keep_tried(self, key: TriedKey, tried: Tried) -> None:
        """Remember the result of terms with arguments and environment, unless these are long."""
        _, argv, env = key
        if len(argv or b"") + len(env or b"") > LONG_TEXT:
            return
        if len(self.tried) >= _MAX_DECISIONS:
            self.tried.clear()
        self.tried[key] = tried

    def count(self, decision: Decision) -> Decision:
        """Count a hit for every rule of a decision; return the decision."""
        for index in decision.rules:
            self.hits[index] += 1
        return decision

    def let_through(self, event: Event) -> TermSet:
        """Return the terms that flags, error and number of arguments of an exec let through."""
        argc = 0
        if "argc" in self.number_tables:
            argc = event.argc if is_argc_known(event) else _NO_ARGC
        flags = (event.flags & _FLAGS) << _FIRST_SEEN_BITS | event.first_seen
        key = flags << 64 | -event.error << 32 | argc
        known = self._numbers.get(key)
        if known is None:
            known = self.all_terms
            values = event_values(event)
            for name, table in self.number_tables.items():
                known &= table[values[name]]
            if len(self._numbers) >= _MAX_NUMBERS:
                self._numbers.clear()
            self._numbers[key] = known
        return known
