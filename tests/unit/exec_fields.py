# SPDX-License-Identifier: Apache-2.0
"""Events of raw records, and their fields."""

import base64
from typing import Any

from execaudit.records.place import PlaceDescriber
from execaudit.records.record import record_fields
from execaudit.records.text import FieldDict
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event
from tests.records import exec_record, join, make_host

ENV_NAMES = (b"LD_PRELOAD=", b"SUDO_USER=")
HOST = make_host()
ID = "0123456789ab-3e8-3a3529441c8-2"
ALWAYS = {"time", "type", "host", "boot", "cpu", "seq", "result"}


def decode(*records: bytes) -> list[Event]:
    """Return the events of a batch, by a decoder that has seen nothing before."""
    return list(Decoder(ENV_NAMES, PlaceDescriber(HOST)).decode(*join(*records)))


def event_of(*argv: bytes, chunks: tuple[bytes, ...] = (), **members: Any) -> Event:
    """Return the event of exec_record(*argv, **members), which comes behind `chunks`."""
    (event,) = decode(*chunks, exec_record(*argv, **members))
    return event


def fields_of(*argv: bytes, chunks: tuple[bytes, ...] = (), **members: Any) -> FieldDict:
    """Return the fields of exec_record(*argv, **members), which comes behind `chunks`."""
    return record_fields(event_of(*argv, chunks=chunks, **members), HOST)


def exact(raw: bytes) -> str:
    """Return bytes as a sibling field has them."""
    return base64.b64encode(raw).decode()
