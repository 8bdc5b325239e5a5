# SPDX-License-Identifier: Apache-2.0
"""Events, decoded from raw records as the kernel side writes them."""

from typing import Any

from execaudit.records.host import Host
from execaudit.records.place import PlaceDescriber
from execaudit.records.record import record_fields
from execaudit.records.text import FieldDict
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event
from tests.records import exec_record, exit_record, join, make_host

ENV_NAMES = (b"LD_PRELOAD=", b"SUDO_USER=")


def make_decoder(host: Host | None = None, env_names: tuple[bytes, ...] = ENV_NAMES) -> Decoder:
    """Return a decoder whose places have the fields of this host."""
    return Decoder(env_names, PlaceDescriber(host or make_host()))


def decode(*records: bytes, host: Host | None = None) -> list[Event]:
    """Return the events of one batch."""
    return list(make_decoder(host).decode(*join(*records)))


def exec_event(*argv: bytes, **members: Any) -> Event:
    """Return an exec; the arguments are those of `exec_record`."""
    (event,) = decode(exec_record(*argv, **members))
    return event


def exit_event(**members: Any) -> Event:
    """Return the end of a process; the arguments are those of `exit_record`."""
    (event,) = decode(exit_record(**members))
    return event


def fields_of(raw: bytes, host: Host | None = None) -> FieldDict:
    """Return the record of a raw one."""
    host = host or make_host()
    (event,) = decode(raw, host=host)
    return record_fields(event, host)
