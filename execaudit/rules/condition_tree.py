# SPDX-License-Identifier: Apache-2.0
"""How conditions combine: all, any, not, in a logic of three values.

Owns the tree of one rule, its plain evaluation, and its disjunctive normal form: terms, one of them
must hold. The index is built of terms. A condition on something unknown is neither true
nor false, like its opposite: a rule matches only what is known to match.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from execaudit.rules.conditions import Condition
from execaudit.rules.field_values import UNKNOWN
from execaudit.rules.patterns import Truth

MOST_TERMS = 256


@dataclass(frozen=True, slots=True, eq=False)
class AllOf:
    """Holds where every part holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    """Holds where at least one part holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Not:
    """Holds where the part does not."""

    part: "Node"


Node = Condition | AllOf | AnyOf | Not

Values = Callable[[str], Any]
"""Gives the value of a field in the form that conditions test, or UNKNOWN."""


class SignedCondition(NamedTuple):
    """A condition or, where not `wanted`, its opposite."""

    condition: Condition
    wanted: bool

    def holds(self, value: Any) -> bool:
        """Return True if it is known to hold."""
        return value is not UNKNOWN and self.condition.test(value) is self.wanted


Term = tuple[SignedCondition, ...]


def evaluate(node: Node, values: Values) -> Truth:
    """Evaluate a tree without the index, which must agree with this."""
    if isinstance(node, Condition):
        value = values(node.field)
        return None if value is UNKNOWN else node.test(value)
    if isinstance(node, Not):
        truth = evaluate(node.part, values)
        return None if truth is None else not truth
    truths = [evaluate(part, values) for part in node.parts]
    decisive = isinstance(node, AnyOf)
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


class TooManyTermsError(ValueError):
    """A tree has too many combinations to be listed."""


def terms_of(node: Node) -> list[Term]:
    """Return the terms of a tree: it holds exactly where one of them does.

    Raises TooManyTermsError.
    """
    terms = [term for term in _terms(node, wanted=True) if not _is_contradiction(term)]
    return list(dict.fromkeys(terms))


def _terms(node: Node, *, wanted: bool) -> list[Term]:
    if isinstance(node, Condition):
        return [(SignedCondition(node, wanted),)]
    if isinstance(node, Not):
        return _terms(node.part, wanted=not wanted)
    parts = [_terms(part, wanted=wanted) for part in node.parts]
    if isinstance(node, AnyOf) is wanted:
        joined = [term for part in parts for term in part]
        if len(joined) > MOST_TERMS:
            raise TooManyTermsError
        return joined
    size = 1
    for part in parts:
        size *= len(part)
        if size > MOST_TERMS:
            raise TooManyTermsError
    return [
        tuple(dict.fromkeys(each for term in terms for each in term)) for terms in product(*parts)
    ]


def _is_contradiction(term: Term) -> bool:
    return any(SignedCondition(condition, not wanted) in term for condition, wanted in term)


def conditions_of(node: Node) -> Iterator[Condition]:
    """Yield all conditions of a tree."""
    if isinstance(node, Condition):
        yield node
    elif isinstance(node, Not):
        yield from conditions_of(node.part)
    else:
        for part in node.parts:
            yield from conditions_of(part)


def deciding(node: Node, values: Values) -> Iterable[Condition]:
    """Return conditions that are enough to make the tree true, false or unknown, as it is."""
    truth = evaluate(node, values)
    if isinstance(node, Condition):
        return [node]
    if isinstance(node, Not):
        return deciding(node.part, values)
    decisive = [part for part in node.parts if evaluate(part, values) is truth]
    if truth is isinstance(node, AnyOf) or truth is None:
        return deciding(decisive[0], values)  # one is enough
    return [condition for part in decisive for condition in deciding(part, values)]
