# SPDX-License-Identifier: Apache-2.0
"""Conditions of a search: what rules can ask, and the few kinds that only a search has.

Owns numbers of any size and the types of all records. `rules.conditions` defines what a condition
of a rule means.
"""

import re
from collections.abc import Sequence
from typing import Any

from execaudit.config.values import list_words
from execaudit.errors import InvalidArgument
from execaudit.query.vocabulary import ASKED, NUMBER, TYPE
from execaudit.records.vocabulary import CONDITIONS, TYPES
from execaudit.rules.condition_tree import AllOf, AnyOf, Node, Not
from execaudit.rules.conditions import Condition, ConditionError, Lookups, make_condition

_LARGEST = 2**63 - 2  # what the length of a range holds
_RANGE = re.compile(r"([0-9]{1,20})(-([0-9]{1,20})?)?")


def make_asked(field: str, values: Sequence[Any], lookups: Lookups) -> Condition:
    """Make the condition that a field has one of some values. Raises InvalidArgument."""
    kind = ASKED[field]
    if kind is TYPE:
        return _make_type(values)
    if kind is NUMBER:
        return _make_number(field, values)
    try:
        return make_condition(
            field, list(values), (), lookups, kind=None if field in CONDITIONS else kind
        )
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"Failed to use match '{field}': it is not UTF-8, expected a regular expression with"
            " \\xNN for such bytes"
        ) from error
    except ConditionError as error:
        text = error.mistakes[0][1]
        raise InvalidArgument(f"Failed to use match '{field}': it {text}") from error


def _make_type(values: Sequence[Any]) -> Condition:
    for value in values:
        if value not in TYPES:
            raise InvalidArgument(
                f"Failed to use match 'type={value}': expected {list_words(list(TYPES), 'or')}"
            )
    exacts = frozenset(str(value).encode() for value in values)
    return Condition("type", (), f"type = {values}", exacts.__contains__, exacts)


def _make_number(field: str, values: Sequence[Any]) -> Condition:
    ranges = [_read_range(field, value) for value in values]
    exacts = None
    if all(len(each) == 1 for each in ranges):
        exacts = frozenset(each[0] for each in ranges)

    def test(value: Any) -> bool:
        return value is not None and any(value in each for each in ranges)

    return Condition(field, (), f"{field} = {values}", test, exacts, (), tuple(ranges))


def _read_range(field: str, value: Any) -> range:
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if found:
        first = int(found[1])
        last = first if not found[2] else int(found[3] or _LARGEST)
        if first <= last <= _LARGEST:
            return range(first, last + 1)
    raise InvalidArgument(f"Failed to use match '{field}={value}': expected {NUMBER.what}")


def all_of(nodes: Sequence[Node]) -> Node:
    """Return the condition that all parts hold."""
    return nodes[0] if len(nodes) == 1 else AllOf(tuple(nodes))


def any_of(nodes: Sequence[Node]) -> Node:
    """Return the condition that one part holds."""
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))


__all__ = ["AllOf", "AnyOf", "Node", "Not", "all_of", "any_of", "make_asked"]
