# SPDX-License-Identifier: Apache-2.0
"""Finds the process of a record and its parent: by the line's bytes, or its fields.

Owns finding them. `id` occurs within `ancestors` too: found by its bytes, it counts only if no
object or list begins before it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from execaudit.store.lines import parse_line
from execaudit.store.members import find_json

_ID, _PARENT = b'"id":"', b'"parent_id":"'
_PID = b'","pid":'
_ANCESTORS = b'"ancestors":'


class Ancestor(NamedTuple):
    """One process above another."""

    key: bytes
    pid: int
    comm: str
    start: str


class Lineage(NamedTuple):
    """A process and its parent; `parent` is None if the record names none."""

    key: bytes
    pid: int
    parent: bytes | None


Found = tuple[bytes, bytes, bytes]
"""Process, digits of its number, and parent, as bytes of a line."""


def process_of(identity: bytes) -> bytes:
    """Return the process of a program image: its identity without the exec counter."""
    return identity[: identity.rfind(b"-")]


def find_lineage(data: bytes, begin: int, end: int) -> Found | None:
    """Return the lineage of the line data[begin:end]; None if only parsing can tell."""
    at = data.find(_ID, begin, end)
    if at < 0 or data.find(b"{", begin + 1, at) >= 0 or data.find(b"[", begin, at) >= 0:
        return None
    at += len(_ID)
    quote = data.find(b'"', at, end)
    if not data.startswith(_PID, quote, end):
        return None
    pid = data[quote + len(_PID) : data.find(b",", quote + len(_PID), end)]
    parent_at = data.find(_PARENT, quote, end)
    if parent_at < 0 or not pid.isdigit():
        return None
    parent_at += len(_PARENT)
    return (
        data[at : data.rfind(b"-", at, quote)],
        pid,
        data[parent_at : data.rfind(b"-", parent_at, data.find(b'"', parent_at, end))],
    )


def read_lineage(fields: Mapping[str, Any]) -> Lineage:
    """Return the lineage of a record. Raises one of errors.MALFORMED."""
    parent = fields.get("parent_id")
    return Lineage(
        process_of(fields["id"].encode()),
        int(fields["pid"]),
        None if parent is None else process_of(parent.encode()),
    )


def find_ancestors(data: bytes, begin: int, end: int) -> list[Ancestor]:
    """Return the ancestors in a line, parent first. Raises one of errors.MALFORMED."""
    found = find_json(data, _ANCESTORS, begin, end)
    if isinstance(found, list):
        return [_ancestor(each) for each in found]
    # `truncated` can have a member of this name before.
    return read_ancestors(parse_line(data[begin:end]))


def read_ancestors(fields: Mapping[str, Any]) -> list[Ancestor]:
    """Return the ancestors of a record, parent first. Raises one of errors.MALFORMED."""
    return [_ancestor(each) for each in fields.get("ancestors", ())]


def _ancestor(each: Mapping[str, Any]) -> Ancestor:
    return Ancestor(
        process_of(each["id"].encode()), int(each["pid"]), str(each["comm"]), str(each["start"])
    )
