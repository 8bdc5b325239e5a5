# SPDX-License-Identifier: Apache-2.0
"""The `seal` record: its line in each format, and the text that its MAC is over.

Owns the sealed text, and how seals are found in a log (docs/evidence.md, "The seal"). The text is
made of the record's members, not of its line: a copy in the journal or in another format proves as
much.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from execaudit.errors import MALFORMED
from execaudit.evidence.blake2 import blake2b

Fields = dict[str, Any]

PROOFS = ("mac", "signature", "endorsement")
"""Members that are computed from all others."""

# Beginnings of lines, which no argument of a traced program can imitate (formats/event_key.py).
_is_seal = re.compile(
    rb'\{"time":"[^"]*","type":"seal"'
    rb'|\{"@timestamp":"[^"]*","event":\{"dataset":"execaudit\.seal"'
    rb'|\{"metadata":\{"original_time":"[^"]*","event_code":"seal"'
).match
_BEGINNINGS = {"execaudit": b'{"time"', "ecs": b'{"@timestamp"', "ocsf": b'{"metadata"'}
MARK = b'seal"'
"""Bytes in the line of every seal, and rarely elsewhere."""

_MAC = b"execaudit seal mac\n"


def is_seal(line: bytes) -> bool:
    """Return True for the line of a seal."""
    return _is_seal(line) is not None


def read_seal(line: bytes) -> Fields | None:
    """Return the record of a seal's line, in any format; None where it is none.

    Its epoch and the counts in it are numbers; all else may be anything.
    """
    if not is_seal(line):
        return None
    name = next(name for name, begin in _BEGINNINGS.items() if line.startswith(begin))
    try:
        fields: Fields = json.loads(line)
        if name != "execaudit":
            from execaudit.formats.restore import restore  # noqa: PLC0415 - most logs are our own

            fields = restore(name, fields)
    except MALFORMED:
        return None
    return fields if _is_sound(fields) else None


def _is_sound(fields: Fields) -> bool:
    """Return True if members that readers calculate with have the types that seals have."""
    covers, removed = fields.get("covers", {}), fields.get("removed", {})
    if not (isinstance(covers, dict) and isinstance(removed, dict)):
        return False
    missing, files = covers.get("missing", {}), removed.get("files", [])
    counts = (fields.get("epoch"), covers.get("lines", 0), covers.get("bytes", 0))
    return (
        all(type(count) is int and count >= 0 for count in (*counts, removed.get("before", 0)))
        and isinstance(missing, dict)
        and isinstance(files, list)
    )


def sealed_text(fields: Mapping[str, Any]) -> bytes:
    """Return the text that MAC and signature of a seal are over: JSON, sorted, without blanks."""
    content = {name: value for name, value in fields.items() if name not in PROOFS}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def make_mac(fields: Mapping[str, Any], key: bytes | bytearray) -> str:
    """Return the MAC of a seal under the key of its epoch."""
    return blake2b(_MAC + sealed_text(fields), key=key).hexdigest()


def hour_of(time: str) -> int:
    """Return the hour since 1970 of a record's time. Raises ValueError."""
    return int(datetime.fromisoformat(time[:19] + "Z").timestamp()) // 3600
