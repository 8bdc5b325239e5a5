# SPDX-License-Identifier: Apache-2.0
"""Fields of an exec record made of known bytes."""

import base64
from typing import Any

from execaudit.records.fields import FieldDict, exec_fields
from execaudit.wire.decode import split, split_chunk
from tests.records import (
    exec_record,
    make_host,
)

ID = "0123456789ab-3e8-3a3529441c8-2"


ALWAYS = {"time", "type", "host", "boot", "cpu", "seq", "result"}


def fields_of(*argv: bytes, chunks: tuple[bytes, ...] = (), **members: Any) -> FieldDict:
    parts = split(exec_record(*argv, **members), 0)
    assert parts is not None
    pieces = [piece for raw in chunks if (piece := split_chunk(raw, 0))]
    assert len(pieces) == len(chunks)
    return exec_fields(parts, pieces, make_host(), (b"LD_PRELOAD=", b"SUDO_USER="))


def exact(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def fields_of_raw(raw: bytes) -> FieldDict:
    parts = split(raw, 0)
    assert parts is not None
    return exec_fields(parts, [], make_host(), (b"LD_PRELOAD=", b"SUDO_USER="))
