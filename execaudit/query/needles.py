# SPDX-License-Identifier: Apache-2.0
"""Bytes that a line must contain if its record matches: searched for before lines are parsed.

Owns the step from conditions to such needles, in the spelling of each format. They are necessary,
never sufficient: the record decides.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from execaudit.query.vocabulary import ASKED
from execaudit.records.journal_fields import REPEATED
from execaudit.records.text import dumps
from execaudit.rules.condition_tree import AllOf, AnyOf, Node, Not
from execaudit.rules.conditions import Condition
from execaudit.rules.patterns import Pattern
from execaudit.rules.processes import PROCESS_FIELDS
from execaudit.rules.regex_tree import parse_regex, required_literal
from execaudit.rules.wildcards import WildcardError, translate_wildcards
from execaudit.store.line_formats import NATIVE, LineFormat

_LEAST_BYTES = 3
_MOST_ALTERNATIVES = 16
_LISTS = ("argv", "cmdline", "env", *REPEATED, "path_search", "unreadable", "programs")
_MEMBERS = {"parent.comm": ("pcomm",), "ancestor.comm": ("comm",), "euser": ("euser", "user"),
            "tid": ("tid", "pid"), "nspid": ("nspid", "pid"), "errno": ("errno_code",)}  # fmt: skip
"""Members of a line that can have the value of a field, if not the one of the same name."""
_UNSPELLED = (*PROCESS_FIELDS, "program", "hook", "time", "start", "first", "last")
_NATIVE_ONLY = ("result", "errno", "boot", "caps", "ns", "exe_mode", "arch")
_ignores_case = re.compile(r"\(\?[aLmsux]*i").search


class Needle(NamedTuple):
    """Bytes to search for; no digit may follow a number."""

    text: bytes
    is_number: bool = False


Alternatives = tuple[Needle, ...]
"""A line must contain one of them."""


def needles_of(node: Node | None, line_format: LineFormat) -> list[Alternatives]:
    """Return needles: a line must contain one of each tuple."""
    if node is None or isinstance(node, Not):
        return []
    if isinstance(node, Condition):
        found = tuple(_condition_needles(node, line_format) or ())
        return [found] if 0 < len(found) <= _MOST_ALTERNATIVES else []
    if isinstance(node, AllOf):
        return [each for part in node.parts for each in needles_of(part, line_format)]
    return _joined(node, line_format)


def _joined(node: AnyOf, line_format: LineFormat) -> list[Alternatives]:
    joined: list[Needle] = []
    for part in node.parts:
        found = needles_of(part, line_format)
        if not found:
            return []
        joined += max(found, key=lambda each: min(len(needle.text) for needle in each))
    unique = tuple(dict.fromkeys(joined))
    return [unique] if len(unique) <= _MOST_ALTERNATIVES else []


def _condition_needles(condition: Condition, line_format: LineFormat) -> list[Needle] | None:
    """Return the needles of one condition; None if it has no such bytes."""
    field, elements = condition.field, condition.elements
    outer, _, member = field.partition(".")
    is_native = line_format is NATIVE
    if field == "type":
        return _type_needles(condition, line_format)
    if field in _UNSPELLED or (not is_native and outer in _NATIVE_ONLY):
        return None
    names = _MEMBERS.get(field, (member or field,))
    found: list[Needle] | None
    if field == "result":
        found = [Needle(b'"result":"%b"' % word) for word in condition.exacts or ()]
    elif field in _LISTS or field == "ancestor.comm":
        found = _each(condition, lambda pattern: _list_needle(pattern, field))
    elif elements and all(isinstance(one, Pattern) for one in elements):
        if field == "cgroup":
            found = _each(condition, lambda pattern: _partial(_literal(pattern, field)))
        else:
            found = _text_needles(condition, names, is_native=is_native)
    elif elements and all(one is True for one in elements):
        is_member = is_native and "." not in field and field not in _MEMBERS
        found = [Needle(b'"%b":' % field.encode())] if is_member else None
    else:
        found = _number_needles(condition, names) if is_native else None
    return found


def _type_needles(condition: Condition, line_format: LineFormat) -> list[Needle]:
    return [
        Needle(line_format.before_type + value + line_format.after_type)
        for value in condition.exacts or ()
    ]


def _each(condition: Condition, make: Callable[[Pattern], Needle | None]) -> list[Needle] | None:
    found = [make(each) for each in condition.elements]
    needles = [each for each in found if each is not None]
    return needles if len(needles) == len(found) else None


def _text_needles(
    condition: Condition, names: Iterable[str], *, is_native: bool
) -> list[Needle] | None:
    found: list[Needle] = []
    for pattern in condition.elements:
        if pattern.kind != "exact" or pattern.ignores_case:
            needle = _partial(_literal(pattern, condition.field))
            if needle is None:
                return None
            found.append(needle)
            continue
        text = _encode(pattern.text)
        if text is None:
            return None
        keys = [b'"' + name.encode() + b'":"' for name in names] if is_native else [b'"']
        found += [Needle(key + text + b'"') for key in keys]
    return found


def _list_needle(pattern: Pattern, field: str) -> Needle | None:
    """Return a needle for texts in a list; blanks of a command line are between its elements."""
    if field == "cmdline":
        return _partial(max(_literal(pattern, field).split(b" "), key=len))
    if pattern.kind != "exact" or pattern.ignores_case:
        return _partial(_literal(pattern, field))
    text = _encode(pattern.text)
    return None if text is None else Needle(b'"' + text + b'"')


def _number_needles(condition: Condition, names: Iterable[str]) -> list[Needle] | None:
    numbers: list[int] = []
    for element in condition.elements:
        if isinstance(element, range) and len(element) == 1:
            numbers.append(element[0])
        elif isinstance(element, int) and not isinstance(element, bool):
            numbers.append(element)  # of an error
        else:
            return None
    if not numbers or (condition.exacts is None and 0 in numbers):
        return None  # 0 may be left out of the record
    return [
        Needle(b'"%s":%d' % (name.encode(), number), is_number=True)
        for name in names
        for number in numbers
    ]


def _literal(pattern: Pattern, field: str) -> bytes:
    """Return the longest text that every match contains, in its own case."""
    if pattern.ignores_case:
        return b""
    if pattern.kind not in ("glob", "regex"):
        return pattern.text.encode("utf-8", "surrogateescape")
    if pattern.kind == "glob":
        try:
            return translate_wildcards(pattern.text, is_path=ASKED[field].is_path).literal
        except WildcardError:
            return b""
    if _ignores_case(pattern.text):
        return b""
    nodes = tuple(n for item in parse_regex(re.compile(pattern.text.encode())) for n in item.nodes)
    return required_literal(nodes)


def _partial(literal: bytes) -> Needle | None:
    """Return a needle for a part of a text; None if it is too short."""
    whole = literal.decode(errors="replace").split("\ufffd")  # may have been cut within a character
    text = _encode(max(whole, key=len))
    return Needle(text) if text is not None and len(text) >= _LEAST_BYTES else None


def _encode(text: str) -> bytes | None:
    """Return a text as JSON spells it between quotes; None if it is not UTF-8."""
    try:
        return dumps(text)[1:-1]
    except (UnicodeEncodeError, TypeError):
        return None
