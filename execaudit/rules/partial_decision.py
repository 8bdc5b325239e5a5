# SPDX-License-Identifier: Apache-2.0
"""Rules partially evaluated: what a place decides, and what is left for each exec from there.

Owns the hot path of rules: nearly nothing where the place decides all, otherwise a few `&`, a
look-up of the arguments, and the trial of the few conditions that may hold.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from execaudit.rules.compiled import CompiledRules, Decision
from execaudit.rules.condition_tree import SignedCondition
from execaudit.rules.field_values import UNKNOWN, argv_value, cmdline_value, env_value
from execaudit.rules.index import LONG_TEXT
from execaudit.rules.rule import Rule
from execaudit.rules.term_set import TermSet, numbers_in
from execaudit.wire.event import Event


class PartialDecision:
    """What is decided about all execs from one place.

    Attributes:
        settled: the decision where nothing is left to decide, else None.
        epoch: an object that the rule set replaces when this is out of date.
        exe: path of the program, "" where it is unknown.

    """

    __slots__ = (
        "_asks_text",
        "_base",
        "_decided",
        "_inherited",
        "_live",
        "_rules",
        "_terms",
        "epoch",
        "exe",
        "settled",
    )

    def __init__(
        self,
        rules: CompiledRules,
        terms: TermSet,
        inherited: tuple[int, ...] = (),
        *,
        epoch: object = None,
        exe: str = "",
    ) -> None:
        """Take the terms that the place lets through, and the rules that hold below ancestors."""
        self._rules = rules
        self._terms = terms
        self._inherited = inherited
        self.epoch = epoch
        self.exe = exe
        matched = inherited
        holding = terms & rules.place_terms
        if holding:
            of_place = [rules.rule_of[number] for number in numbers_in(holding)]
            matched = tuple(sorted({*inherited, *of_place}))
        self._base, end = _until_end(rules.rules, matched)
        live = terms & rules.event_terms
        if live and end is not None:
            # Only terms of rules before the one that ends the search.
            live &= (1 << bisect_left(rules.rule_of, end)) - 1
        self._live: TermSet = live
        self._asks_text = bool(live & rules.text_terms)
        self._decided = rules.decision(self._base)
        self.settled = None if live or rules.inherited.is_used else self._decided

    def decide(self, event: Event) -> Decision:
        """Decide about one event of this place, where `settled` is None."""
        inherited = self._rules.inherited
        if not inherited.is_used:
            return self._decide(event)
        process = event.pid, event.start_ns
        own = inherited.by_process.get(process, ())  # by an earlier exec of this very process
        if not set(own).issubset(self._inherited):
            own = tuple(sorted({*own, *self._inherited}))
            return PartialDecision(self._rules, self._terms, own).decide(event)
        decision = self._decide(event)
        if event.error or not event.start_ns:
            return decision
        # A rule for whole trees holds below this process from now on, if it matched.
        passing = {index for index in decision.rules if self._rules.rules[index].descendants}
        passing.update(self._inherited)
        if passing and not passing.issubset(own):
            inherited.add(process, tuple(sorted(passing)))
        return decision

    def _decide(self, event: Event) -> Decision:
        rules = self._rules
        live = self._live
        if live:
            if rules.number_tables:
                live &= rules.let_through(event)
            if self._asks_text and event.argv is not None and not event.argv_gaps:
                if len(event.argv) > LONG_TEXT:
                    live = rules.arguments.narrow(live, event.argv)
                else:
                    live &= rules.arguments[event.argv]
            if live:
                return self._try_terms(live, event)
        return rules.count(self._decided)

    def _try_terms(self, live: TermSet, event: Event) -> Decision:
        """Try the conditions of terms on texts, in order, unless the result is remembered."""
        rules = self._rules
        argv = event.argv
        env = event.env if live & rules.env_terms else b""
        is_known = argv is not None and not event.argv_gaps
        if env != b"":
            is_known = is_known and env is not None and not event.env_gaps
        key = live, argv, env
        tried = rules.tried.get(key) if is_known else None
        if tried is None:
            tried = self._find_matches(live, event)
            if is_known:
                rules.keep_tried(key, tried)
        matched, undecided = tried
        for index in undecided:
            rules.undecided[index] += 1
        decided_by = self._base
        if matched:
            decided_by, _ = _until_end(rules.rules, sorted({*matched, *decided_by}))
        return rules.count(rules.decision(decided_by, undecided))

    def _find_matches(self, live: TermSet, event: Event) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the indices of rules that match, and of rules that cannot be decided."""
        rules = self._rules
        matched: list[int] = []
        undecided: list[int] = []
        values: dict[str, Any] = {}
        for number in numbers_in(live):
            index = rules.rule_of[number]
            if index in matched:
                continue
            truth = _holds(rules.texts[number], event, values)
            if truth is None:
                undecided.append(index)
            if truth:
                matched.append(index)
                if rules.rules[index].action != "label":
                    break
        return tuple(matched), tuple(
            index for index in dict.fromkeys(undecided) if index not in matched
        )


def _until_end(
    rules: tuple[Rule, ...], indices: Sequence[int]
) -> tuple[tuple[int, ...], int | None]:
    """Return the indices up to the first rule that ends the search, and its index."""
    for at, index in enumerate(indices):
        if rules[index].action != "label":
            return tuple(indices[: at + 1]), index
    return tuple(indices), None


_VALUES: dict[str, Callable[[Event], Any]] = {
    "argv": argv_value,
    "cmdline": cmdline_value,
    "env": env_value,
}


def _holds(
    conditions: tuple[SignedCondition, ...], event: Event, values: dict[str, Any]
) -> bool | None:
    """Return True if all hold, False if one does not, None where that is not known."""
    found: bool | None = True
    for condition, wanted in conditions:
        field = condition.field
        if field not in values:
            values[field] = _VALUES[field](event)
        value = values[field]
        truth = None if value is UNKNOWN else condition.test(value)
        if truth is None:
            found = None
        elif truth is not wanted:
            return False
    return found
