# SPDX-License-Identifier: Apache-2.0
"""Decides conditions on the bytes of an exec's line, if that is certain.

Owns when it is: in lines of our own encoder, for members that occur once, if nothing in the line is
cut, unreadable or not UTF-8. Otherwise parsing decides.
"""

from collections.abc import Callable

from execaudit.query.vocabulary import ASKED
from execaudit.records.vocabulary import FIELDS
from execaudit.rules.condition_tree import AnyOf, Node, Not
from execaudit.rules.conditions import Condition
from execaudit.rules.field_values import DERIVED
from execaudit.rules.patterns import Truth
from execaudit.store.line_formats import NATIVE
from execaudit.store.members import (
    ABSENT,
    UNSURE,
    find_number,
    find_text,
    is_findable,
    number_key,
    text_key,
)

RawTest = Callable[[bytes, int, int], Truth]
"""Takes data, begin and end of a line; returns None if the line must be parsed."""

_MARKS = (b'b64":', b'"truncated":', b'"unreadable":')
_EXEC = NATIVE.before_type + b"exec" + NATIVE.after_type
_EXEC_AT = NATIVE.type_at - len(NATIVE.before_type)
_NUMBERS = ("user", "group", "login", "session", "number", "count")
_DEFAULTED = ("tid", "nspid", "hook")


def make_raw_test(node: Node | None) -> RawTest | None:
    """Return a test of lines of native execs; None if it could decide nothing."""
    if node is None:
        return None
    test = _compile(node)
    if test is None:
        return None

    def decide(data: bytes, begin: int, end: int) -> Truth:
        if not data.startswith(_EXEC, begin + _EXEC_AT, end):
            return None
        truth = test(data, begin, end)
        if truth is None:
            return None
        for mark in _MARKS:
            if data.find(mark, begin, end) >= 0:
                return None
        return truth

    return decide


def _compile(node: Node) -> RawTest | None:
    if isinstance(node, Condition):
        return _compile_condition(node)
    if isinstance(node, Not):
        inner = _compile(node.part)
        if inner is None:
            return None

        def opposite(data: bytes, begin: int, end: int) -> Truth:
            truth = inner(data, begin, end)
            return None if truth is None else not truth

        return opposite
    parts = [_compile(part) for part in node.parts]
    tests = [part for part in parts if part is not None]
    if not tests:
        return None
    decisive = isinstance(node, AnyOf)
    is_partial = len(tests) < len(parts)
    return _combine(tests, decisive=decisive, is_partial=is_partial)


def _combine(tests: list[RawTest], *, decisive: bool, is_partial: bool) -> RawTest:
    """Combine tests: one that returns `decisive` decides; else all must have decided."""
    otherwise: Truth = None if is_partial else not decisive

    def combined(data: bytes, begin: int, end: int) -> Truth:
        truth = otherwise
        for test in tests:
            found = test(data, begin, end)
            if found is decisive:
                return decisive
            if found is None:
                truth = None
        return truth

    return combined


def _compile_condition(condition: Condition) -> RawTest | None:
    field, test = condition.field, condition.test
    if field in DERIVED or field in _DEFAULTED or not is_findable(field):
        return None
    if "exec" not in FIELDS[field].types:
        return None  # unknown, which is not the same as absent
    kind = ASKED[field].kind
    if kind == "text":
        key, find = text_key(field), find_text
    elif kind in _NUMBERS:
        key, find = number_key(field), find_number
    else:
        return None

    def decide(data: bytes, begin: int, end: int) -> Truth:
        value = find(data, key, begin, end)
        if value is UNSURE:
            return None
        return test(None if value is ABSENT else value)

    return decide
