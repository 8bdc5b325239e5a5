# SPDX-License-Identifier: Apache-2.0
"""Reads the matches of a command line into conditions.

Owns their grammar: FIELD=VALUE, FIELD~REGEX, `!=` and `!~`, the word `not` before one, `--any`
between groups. Values of one field are alternatives; different fields must all match, as with
journalctl(1).
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from execaudit.config.values import suggest
from execaudit.errors import InvalidArgument
from execaudit.query.conditions import Node, Not, all_of, any_of, make_asked
from execaudit.query.search_arguments import ANY
from execaudit.query.vocabulary import ALIASES, ASKED
from execaudit.rules.conditions import Lookups

_MATCH = re.compile(r"([A-Za-z][A-Za-z0-9_.]*)(!?[=~])(.*)", re.DOTALL).fullmatch
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Match(NamedTuple):
    """One match.

    Attributes:
        field: its name in the vocabulary.
        value: as in a rules file.
        is_wanted: False after `not`.

    """

    field: str
    value: Any
    is_wanted: bool = True


def read_match(text: str, *, is_wanted: bool = True) -> Match:
    """Read one match. Raises InvalidArgument."""
    found = _MATCH(text)
    if not found:
        raise InvalidArgument(
            f"Failed to use match {text!a}: expected FIELD=VALUE or FIELD~REGEX, such as user=alice"
        )
    name, operator, value = found.groups()
    field = ALIASES.get(name, name)
    if field not in ASKED:
        near = suggest(name, sorted(ASKED)) or ", expected a field of a record"
        raise InvalidArgument(f"Failed to use match {text!a}: there is no field {name}{near}")
    if operator[0] == "!":
        is_wanted = not is_wanted
    return Match(field, _value(field, operator[-1], value), is_wanted)


def _value(field: str, operator: str, text: str) -> Any:
    kind = ASKED[field]
    if operator == "~":
        if kind.kind not in ("text", "texts"):
            raise InvalidArgument(
                f"Failed to use match '{field}~{text}': only text can match a regular expression"
            )
        return {"regex": text}
    if kind.kind == "flag":
        return _FLAGS.get(text, text)
    if kind.can_be_absent and not text:
        return False
    if kind.kind == "errno" and text.isascii() and text.isdigit():
        return int(text)
    return text


def read_matches(words: Sequence[str], lookups: Lookups) -> Node | None:
    """Return the condition of words of the command line; None for no words.

    Raises InvalidArgument.
    """
    groups: list[list[Match]] = [[]]
    is_wanted = True
    for word in words:
        if word == ANY:
            groups.append([])
        elif word == "not":
            is_wanted = not is_wanted
            continue
        else:
            groups[-1].append(read_match(word, is_wanted=is_wanted))
        if not is_wanted and word == ANY:
            break
        is_wanted = True
    if not is_wanted:
        raise InvalidArgument("Failed to use match 'not': expected a match behind it")
    if len(groups) > 1 and not all(groups):
        raise InvalidArgument("Failed to use --any: expected matches before and behind it")
    if not groups[0]:
        return None
    return any_of([group_condition(group, lookups) for group in groups])


def group_condition(matches: Sequence[Match], lookups: Lookups) -> Node:
    """Return the condition that each field has a wanted value, and no refused one."""
    wanted: dict[str, list[Any]] = {}
    refused: dict[str, list[Any]] = {}
    for match in matches:
        (wanted if match.is_wanted else refused).setdefault(match.field, []).append(match.value)
    nodes: list[Node] = [make_asked(name, values, lookups) for name, values in wanted.items()]
    nodes += [Not(make_asked(name, values, lookups)) for name, values in refused.items()]
    return all_of(nodes)
