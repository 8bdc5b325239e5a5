# SPDX-License-Identifier: Apache-2.0
"""What rules leave to decide for each exec, once its place has been looked at.

Owns the hot path of rules: near nothing where the place decided it all, otherwise a few `&`, a
look-up of the arguments, and the trial of the few conditions that may hold. Keeps no record.
"""

from collections.abc import Mapping
from typing import Any

from execaudit.rules.carried import Process
from execaudit.rules.decision import Decision
from execaudit.rules.index import Bits
from execaudit.rules.shared import Shared
from execaudit.rules.source import Rule
from execaudit.rules.tree import Literal
from execaudit.rules.values import UNKNOWN, Arguments, Texts


class Residue:
    """What is left to decide about execs from one place.

    Attributes:
        constant: the decision where nothing is left; None where something is.

    """

    __slots__ = (
        "_asks_text",
        "_base",
        "_bits",
        "_carried",
        "_decided",
        "_live",
        "_shared",
        "constant",
    )

    def __init__(self, shared: Shared, bits: Bits, carried: tuple[int, ...]) -> None:
        """Take the terms that hold as far as the place goes, and the rules that were carried."""
        self._shared = shared
        self._bits = bits
        self._carried = carried
        decided = [*carried]
        settled = bits & ~shared.event_bits
        while settled:
            lowest = settled & -settled
            decided.append(shared.rule_of[lowest.bit_length() - 1])
            settled ^= lowest
        self._base, end = _until_end(shared.rules, sorted(set(decided)))
        live = bits & shared.event_bits
        if live and end is not None:
            # Only terms of rules before the one that ends it.
            live &= _terms_before(shared.rule_of, end)
        self._live: Bits = live
        self._asks_text = bool(live & shared.text_bits)
        self._decided = shared.decision(self._base)
        self.constant = None if live or shared.carried.used else self._decided

    def decide(
        self,
        argv: bytes,
        argc: int,
        flags: int,
        error: int,
        process: Process = (0, 0),
        env: bytes = b"",
    ) -> Decision:
        """Decide about one exec with all its arguments.

        Args:
            argv: NUL terminated strings.
            argc: their number.
            flags: of the record (record.FLAG_…).
            error: negative errno, 0 for success.
            process: its pid and start in ns; needed only for rules with `descendants`.
            env: selected variables, NUL terminated; needed only where a rule asks for `env`.

        """
        shared = self._shared
        if shared.carried.used:
            residue = self.within(process)
            decision = residue.decide_one(argv, argc, flags, error, env)
            residue.carry(process, decision, succeeded=error == 0)
            return decision
        return self.decide_one(argv, argc, flags, error, env)

    def decide_values(self, values: Mapping[str, Any], process: Process) -> Decision:
        """Decide about a record whose EVENT_FIELDS are given as values."""
        residue = self.within(process)
        decision = residue.decide_one_of_values(values)
        residue.carry(process, decision, succeeded=values["result"] == "success")
        return decision

    def decide_one_of_values(self, values: Mapping[str, Any]) -> Decision:
        """`decide_values` regardless of process trees."""
        live = self._live & self._shared.shape_of(values)
        return self._judge(live, values["arguments"], values["env"])

    def decide_one(self, argv: bytes, argc: int, flags: int, error: int, env: bytes) -> Decision:
        """`decide` regardless of process trees."""
        shared = self._shared
        live = self._live
        if live:
            if shared.tables:
                live &= shared.shape(flags, error, argc)
            if self._asks_text:
                live &= shared.arguments[argv]
            if live:
                words = env[:-1].split(b"\0") if env else ()
                return self._judge(live, Arguments(argv), Texts(words))
        decision = self._decided
        for index in decision.rules:
            shared.hits[index] += 1
        return decision

    def _judge(self, live: Bits, arguments: Any, env: Any) -> Decision:
        """Try what may hold, in order."""
        shared = self._shared
        matched: list[int] = []
        undecided: list[int] = []
        while live:
            lowest = live & -live
            live ^= lowest
            number = lowest.bit_length() - 1
            index = shared.rule_of[number]
            if index in matched:
                continue
            truth = _holds(shared.texts[number], arguments, env)
            if truth is None:
                undecided.append(index)
            if truth:
                matched.append(index)
                if shared.rules[index].action != "label":
                    break
        return self._conclude(matched, [each for each in undecided if each not in matched])

    def _conclude(self, matched: list[int], undecided: list[int]) -> Decision:
        shared = self._shared
        for index in undecided:
            shared.undecided[index] += 1
        rules = self._base
        if matched:
            rules, _ = _until_end(shared.rules, sorted({*matched, *rules}))
        decision = shared.decision(rules, tuple(dict.fromkeys(undecided)))
        for index in decision.rules:
            shared.hits[index] += 1
        return decision

    def within(self, process: Process) -> "Residue":
        """Return the residue with what was carried to this very process, by an earlier exec."""
        own = self._shared.carried.rules.get(process, ())
        if set(own).issubset(self._carried):
            return self
        return Residue(self._shared, self._bits, tuple(sorted({*own, *self._carried})))

    def carry(self, process: Process, decision: Decision, *, succeeded: bool) -> None:
        """Let what holds for whole trees hold below a process that now runs what matched."""
        rules, carried = self._shared.rules, self._shared.carried
        if not carried.used or not succeeded or process == (0, 0):
            return
        passing = {index for index in decision.rules if rules[index].descendants}
        passing.update(self._carried)
        if passing and not passing.issubset(carried.rules.get(process, ())):
            carried.add(process, tuple(sorted(passing)))


def _until_end(rules: tuple[Rule, ...], indices: list[int]) -> tuple[tuple[int, ...], int | None]:
    """Indices up to the first rule that ends the search, and that one."""
    for at, index in enumerate(indices):
        if rules[index].action != "label":
            return tuple(indices[: at + 1]), index
    return tuple(indices), None


def _terms_before(rule_of: tuple[int, ...], rule: int) -> Bits:
    """Terms of rules before one. `rule_of` ascends."""
    low, high = 0, len(rule_of)
    while low < high:
        middle = (low + high) // 2
        if rule_of[middle] < rule:
            low = middle + 1
        else:
            high = middle
    return (1 << low) - 1


def _holds(literals: tuple[Literal, ...], arguments: Any, env: Any) -> bool | None:
    """Tell whether all hold; None where some are not known and the others do."""
    found: bool | None = True
    for condition, wanted in literals:
        if condition.field == "env":
            value = env
        elif arguments is UNKNOWN:
            value = UNKNOWN
        else:
            value = arguments.each if condition.field == "argv" else arguments.joined
        truth = None if value is UNKNOWN else condition.test(value)
        if truth is None:
            found = None
        elif truth is not wanted:
            return False
    return found
