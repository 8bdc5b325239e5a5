# SPDX-License-Identifier: Apache-2.0
"""A set of rules, ready to decide: which records are dropped, kept, labeled.

Owns the one way to decide about an event. All that execs from one place have in common is decided
once, and kept in the place.
"""

import grp
import pwd
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from execaudit.config.configuration import Loaded
from execaudit.config.source import Problem, RuleTable
from execaudit.records.process_commands import FOR_RULES, ProcessCommands
from execaudit.rules.command_values import COMMAND_FIELDS
from execaudit.rules.compiled import CompiledRules, Decision
from execaudit.rules.condition_tree import deciding, evaluate
from execaudit.rules.conditions import Lookups
from execaudit.rules.field_values import (
    EVENT_FIELDS,
    TYPES,
    UNKNOWN,
    Fields,
    event_values,
    marks_of,
    place_values,
    testable,
    unreadable_numbers,
)
from execaudit.rules.partial_decision import PartialDecision
from execaudit.rules.patterns import REGEX_BYTES, Truth
from execaudit.rules.processes import PROCESS_FIELDS
from execaudit.rules.rule import Rule, read_rules
from execaudit.wire.event import Event, Place


class Explanation(NamedTuple):
    """How one rule sees an event.

    Attributes:
        rule: its index.
        matched: None where it depends on something unknown.
        because: the conditions that decided, each with True, False or None.

    """

    rule: int
    matched: Truth
    because: tuple[tuple[str, Truth], ...]


def _find_user(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):  # ValueError: a NUL in the name
        return None


def _find_group(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


OF_HOST = Lookups(user=_find_user, group=_find_group)


def compile_rules(
    tables: Iterable[RuleTable], lookups: Lookups = OF_HOST, regex_bytes: int = REGEX_BYTES
) -> tuple["RuleSet | None", list[Problem]]:
    """Return the rule set of tables in order; or None, with all problems."""
    rules, problems = read_rules(tables, lookups, regex_bytes)
    return (None if problems else RuleSet(rules)), problems


def find_problems(loaded: Loaded) -> tuple[Problem, ...]:
    """Return every problem of the configuration and of the rules, each once."""
    _, in_rules = compile_rules(loaded.rules, regex_bytes=loaded.config.limits.regex_bytes)
    return tuple(dict.fromkeys((*loaded.problems, *in_rules)))


class RuleSet(CompiledRules):
    """Rules that decide.

    Attributes:
        kernel_hits: how often the kernel decided by each rule, until the rules were last set there.
        wants_programs: True if any rule asks for programs or commands of other processes.
        remembers: True if decisions depend on earlier execs.

    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__(rules)
        self.kernel_hits = [0] * len(rules)
        self.wants_programs = not self.fields.isdisjoint(PROCESS_FIELDS)
        self.remembers = self.wants_programs or self.inherited.is_used
        self._wants_commands = not self.fields.isdisjoint(COMMAND_FIELDS)
        self._remembers_commands = self._wants_commands
        if self._wants_commands:
            self.programs.command_values.commands.set_bounds(FOR_RULES)
        self._marks = marks_of((*self.fields, "exe"))
        self._epoch = object()

    def decide(self, event: Event) -> Decision:
        """Decide about an exec or the end of a process, and count it as a hit of its rules.

        What the place decides is kept in `event.place.residue`.
        """
        partial = event.place.residue
        if partial is None or partial.epoch is not self._epoch:
            partial = event.place.residue = self._evaluate_place(event.place)
        decision: Decision | None = partial.settled
        if decision is None:
            decision = partial.decide(event)
        else:
            hits = self.hits
            for index in decision.rules:
                hits[index] += 1
        if self.wants_programs and not event.error and event.type == "exec":
            self._remember_program(event, partial)
        return decision

    def drops(self, event: Event) -> bool:
        """Decide about an event and mark it as rules say; return True if it must be dropped."""
        decision = self.decide(event)
        if decision.action == "drop":
            return True
        if decision.is_marked:
            event.labels, event.severity = decision.labels, decision.severity
            event.technique, event.rule = decision.technique, decision.names
            event.is_plain = False
        return False

    def _evaluate_place(self, place: Place) -> PartialDecision:
        """Return what the fields of a place decide."""
        if place.type not in TYPES:
            return PartialDecision(self, 0, epoch=self._epoch)
        fields = place_values(place, self._marks)
        terms = self.all_terms
        for getter, name, table in self.place_tables:
            terms &= table[fields.get(name) if getter is None else getter(fields)]
        if place.type != "exec":
            terms &= self.place_terms  # an end lacks what these ask for
        elif "unreadable" in fields:
            for name in unreadable_numbers(fields):
                if name in self.number_tables:
                    terms &= self.number_tables[name][UNKNOWN]
        rules = self.inherited.from_ancestors(fields) if self.inherited.is_used else ()
        if self.wants_programs and self.programs.await_ancestors(place.fields):
            self._epoch = object()
        return PartialDecision(
            self,
            terms,
            rules,
            epoch=self._epoch,
            exe=_known_text(fields, "exe"),
        )

    def _remember_program(self, event: Event, partial: PartialDecision) -> None:
        if not event.start_ns:
            return
        if self._remembers_commands:
            self.programs.command_values.commands.remember(event)
        image = (event.pid, event.start_ns, event.exec_count)
        is_elsewhere = "other_root" in event.place.fields
        if self.programs.remember(*image, partial.exe, is_elsewhere=is_elsewhere):
            # An exec of its child came first, and was decided without knowing its program.
            self._epoch = object()

    def adopt(self, old: "RuleSet") -> None:
        """Take over process trees, programs and counts of the set that this one replaces.

        Only rules with the same text in both keep their trees and counts.
        """
        known = {rule.text: index for index, rule in reversed(list(enumerate(self.rules)))}
        now = [known.get(rule.text) for rule in old.rules]
        for before, index in enumerate(now):
            if index is not None:
                self.hits[index] += old.hits[before]
                self.kernel_hits[index] += old.kernel_hits[before]
                self.undecided[index] += old.undecided[before]
        self.programs.adopt(old.programs)
        self.inherited.adopt(old.inherited, now)

    def share_commands(self, commands: ProcessCommands) -> None:
        """Ask this table from now on. Its owner records commands there, before decide()."""
        if self._wants_commands:
            commands.set_bounds(FOR_RULES)
        self.programs.command_values.commands = commands
        self._remembers_commands = False

    def keep_news(self) -> None:
        """Collect for take_news() what is learned of processes from now on."""
        self.programs.news, self.inherited.news = [], []

    def take_news(self) -> bytes:
        """Return what was learned since the last call, as entries of `rules.remembered`."""
        programs, inherited = self.programs, self.inherited
        news = b"".join([*(inherited.news or ()), *(programs.news or ())])
        if news:
            self.keep_news()
        return news

    def explain(self, event: Event) -> list[Explanation]:
        """Return how each rule alone sees an event, and why. Too slow for the hot path."""
        of_place, of_event = place_values(event.place), event_values(event)

        def value(field: str) -> Any:
            if field in EVENT_FIELDS:
                return of_event[field]
            getter = self.programs.getter(field)
            found = of_place.get(field) if getter is None else getter(of_place)
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


def _known_text(fields: Fields, name: str) -> str:
    text = fields.get(name, "")
    return "" if text is UNKNOWN else str(text)
