# SPDX-License-Identifier: Apache-2.0
"""Finds members of an exec or exit by their bytes, without parsing the line.

Owns when that is correct: in lines of our own encoder (`Head.is_own`), which escapes quotes within
texts. Names that also occur within `ancestors` or another object are refused: there, only parsing
can tell.
"""

import json
from typing import Any, Final

from execaudit.records.vocabulary import FIELDS

_WITHIN = frozenset(
    name
    for outer in ("ancestors", "truncated", "redacted")
    for name, _ in FIELDS[outer].kind.members
)


class _Absent:
    """The only one of its kind."""

    __slots__ = ()


class _Unsure:
    """The only one of its kind."""

    __slots__ = ()


ABSENT: Final = _Absent()
"""The record has no such member."""

UNSURE: Final = _Unsure()
"""Only parsing the line can say."""


def is_findable(name: str) -> bool:
    """Return True for a member that can be found by its bytes."""
    return name in FIELDS and name not in _WITHIN


def text_key(name: str) -> bytes:
    """Return the bytes before the value of a member that is a text."""
    return b'"' + name.encode() + b'":"'


def number_key(name: str) -> bytes:
    """Return the bytes before the value of a member that is not a text."""
    return b'"' + name.encode() + b'":'


def find_text(data: bytes, key: bytes, begin: int, end: int) -> Any:
    """Return the bytes of a text in the line data[begin:end]; ABSENT, or UNSURE if escaped."""
    at = data.find(key, begin, end)
    if at < 0:
        return ABSENT
    at += len(key)
    value = data[at : data.find(b'"', at, end)]
    return UNSURE if b"\\" in value else value


def find_number(data: bytes, key: bytes, begin: int, end: int) -> Any:
    """Return a number in the line data[begin:end]; ABSENT, or UNSURE if it is no number."""
    at = data.find(key, begin, end)
    if at < 0:
        return ABSENT
    at += len(key)
    stop = at
    while data[stop : stop + 1].isdigit():
        stop += 1
    return int(data[at:stop]) if stop > at else UNSURE


def find_json(data: bytes, key: bytes, begin: int, end: int) -> Any:
    """Return the value of a list of texts or an object in the line, parsed; ABSENT if none."""
    at = data.find(key, begin, end)
    if at < 0:
        return ABSENT
    try:
        text = data[at + len(key) : end].decode()
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return UNSURE
    return value
