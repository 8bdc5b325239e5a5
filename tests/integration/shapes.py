# SPDX-License-Identifier: Apache-2.0
"""What records that the live tests saw look like: one of each shape, to be held to the schemas.

Validation takes milliseconds a record, and the tests see hundred thousands; those of one shape, the
same members of the same types and the same words, fit or do not fit together. Owns telling shapes
apart. It must not judge, and needs nothing that a guest has not.
"""

import json
from collections.abc import Iterable
from typing import Any

# Members whose values are words of a schema.
_WORDS = {
    "type",
    "result",
    "hook",
    "errno",
    "signal",
    "reason",
    "sink",
    "severity",
    "arch",
    "engine",
}
# Of a long series both ends: what comes first and what comes last is what differs.
_ENDS = 2000

_known: set[object] = set()
_fresh: list[dict[str, Any]] = []


def _shape(value: Any, name: str = "") -> object:
    if isinstance(value, dict):
        # Members of argv_b64 and its like are indexes.
        return tuple(
            sorted((k if not k.isdigit() else "0", repr(_shape(v, k))) for k, v in value.items())
        )
    if isinstance(value, list):
        return tuple(sorted({repr(_shape(one)) for one in value[:20]}))
    return value if name in _WORDS else type(value).__name__


def see(records: Iterable[dict[str, Any]]) -> None:
    """Keep records of a shape that has not been seen; others' documents are left out."""
    for record in records:
        if "time" in record and "type" in record:
            shape = _shape(record)
            if shape not in _known:
                _known.add(shape)
                _fresh.append(record)


def see_some(records: list[dict[str, Any]]) -> None:
    """The same of both ends of a long series."""
    see(records if len(records) <= 2 * _ENDS else [*records[:_ENDS], *records[-_ENDS:]])


def see_lines(lines: list[bytes]) -> None:
    """The same of lines, of which some can be torn."""
    records = []
    for line in lines if len(lines) <= 2 * _ENDS else [*lines[:_ENDS], *lines[-_ENDS:]]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    see(records)


def take_fresh() -> list[dict[str, Any]]:
    """The records of new shapes since this was last asked."""
    taken = _fresh[:]
    _fresh.clear()
    return taken
