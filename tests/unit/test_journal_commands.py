# SPDX-License-Identifier: Apache-2.0
"""Long command lines in entries of the journal are the same, however they are made."""

from typing import Any

import pytest

from execaudit.records.journal import wire_entry
from execaudit.records.journal_encoder import JournalEncoder
from execaudit.records.place import PlaceDescriber
from execaudit.records.record import record_fields
from execaudit.wire.decoder import Decoder
from tests.records import exec_record, join, make_host

LONG = b"x" * 3700


@pytest.mark.parametrize(
    ("argv", "filename"),
    [
        ((b"ls", LONG), b"/bin/ls\0"),
        ((b"ls", LONG, b"y" * 91), b"/bin/ls\0"),
        ((b"ls", LONG, b"y" * 92, b"z"), b"/bin/ls\0"),
        ((b"ls", LONG, LONG, LONG), b"/bin/ls\0"),
        ((b"ls", LONG, b"", b"z"), b"/bin/ls\0"),
        ((b"", LONG, b"z" * 200), b"/bin/ls\0"),
        ((b"ls", LONG + b" y", b"z" * 200), b"/bin/ls\0"),
        ((b"ls", LONG, b"z" * 200), b"/opt/two words\0"),
    ],
)
def test_long_command_is_as_in_the_entry_of_its_fields(argv: Any, filename: bytes) -> None:
    host = make_host()
    (event,) = Decoder((), PlaceDescriber(host)).decode(
        *join(exec_record(*argv, filename=filename, hook=0, seq=1))
    )

    entry = JournalEncoder(host, "execaudit").encode(event)

    assert entry == wire_entry(record_fields(event, host), "execaudit")
