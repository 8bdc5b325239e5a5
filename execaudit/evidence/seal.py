# SPDX-License-Identifier: Apache-2.0
"""The `seal` record: its line in each format, and the text that its MAC is made of.

Owns what is sealed and how it is found in a log (docs/evidence.md, "The seal"). The text is made of
the record's members, not of its line, so that a copy in the journal or in another format proves as
much.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from execaudit.evidence.blake2 import blake2b

Fields = dict[str, Any]

PROOFS = ("mac", "signature", "endorsement")
"""Members that are made of all others."""

# Beginnings of lines, which no argument of a traced program can imitate (formats/event_key.py).
_is_seal = re.compile(
    rb'\{"time":"[^"]*","type":"seal"'
    rb'|\{"@timestamp":"[^"]*","event":\{"dataset":"execaudit\.seal"'
    rb'|\{"metadata":\{"original_time":"[^"]*","event_code":"seal"'
).match
MARK = b'seal"'
"""Stands in the line of every seal, and seldom elsewhere."""

_MAC = b"execaudit seal mac\n"


def is_seal(line: bytes) -> bool:
    """Return True for the line of a seal."""
    return _is_seal(line) is not None


def read_seal(line: bytes) -> Fields | None:
    """Return the record of a seal's line, in any format; None where it is none."""
    if not is_seal(line):
        return None
    try:
        document = json.loads(line)
        if "metadata" in document:
            return _from_ocsf(document)
        return _from_ecs(document) if "@timestamp" in document else dict(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _from_ecs(document: Mapping[str, Any]) -> Fields:
    return {
        **document["execaudit"],
        "time": document["@timestamp"],
        "type": "seal",
        "host": document["host"]["name"],
        "boot": document["host"]["boot"]["id"].replace("-", ""),
        "reason": document["event"]["reason"],
    }


def _from_ocsf(document: Mapping[str, Any]) -> Fields:
    return {
        **document["unmapped"],
        "time": document["metadata"]["original_time"],
        "type": "seal",
        "host": document["device"]["hostname"],
        "boot": document["device"]["boot_uid"],
        "reason": document["status_code"],
    }


def sealed_text(fields: Mapping[str, Any]) -> bytes:
    """Return what the MAC and the signature of a seal are of: JSON, members sorted, no blanks."""
    content = {name: value for name, value in fields.items() if name not in PROOFS}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def make_mac(fields: Mapping[str, Any], key: bytes | bytearray) -> str:
    """Return the MAC of a seal under the key of its epoch."""
    return blake2b(_MAC + sealed_text(fields), key=key).hexdigest()


def hour_of(time: str) -> int:
    """Return the hour since 1970 of a record's time. Raises ValueError."""
    return int(datetime.fromisoformat(time[:19] + "Z").timestamp()) // 3600
