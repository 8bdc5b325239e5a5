# SPDX-License-Identifier: Apache-2.0
"""Records of the ends of processes, from known bytes."""

import base64
import os
import signal
from typing import Any

import pytest
from execaudit.records.exits import exit_fields
from execaudit.records.fields import FieldDict

from execaudit.wire import record
from execaudit.wire.decode import split_exit
from tests.records import TIME_NS, exit_record, make_host


def fields_of(duration_ns: int | None = None, **members: Any) -> FieldDict:
    event = split_exit(exit_record(**members), 0)
    assert event is not None
    return exit_fields(event, make_host(), duration_ns)


def test_ordinary_end_has_exactly_these_fields() -> None:
    assert fields_of(5, cpu=1, seq=9) == {
        "time": "2023-11-14T23:36:40.000000123Z",
        "type": "exit",
        "host": "box",
        "boot": "0123456789abcdef0123456789abcdef",
        "hook": "exit",
        "cpu": 1,
        "seq": 9,
        "id": "0123456789ab-3e8-3a3529441c8-2",
        "parent_id": "0123456789ab-384-3b9aca00-3",
        "pid": 1000,
        "ppid": 900,
        "uid": 1000,
        "comm": "ls",
        "exit_code": 0,
        "duration_ns": 5,
    }


@pytest.mark.parametrize("code", [0, 1, 127, 128, 255])
def test_exit_code_is_given_where_no_signal_killed(code: int) -> None:
    fields = fields_of(status=code << 8)

    assert fields["exit_code"] == code == os.waitstatus_to_exitcode(code << 8)
    assert not {"signal", "core_dumped", "duration_ns"} & fields.keys()


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "SIGHUP"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"),
     (32, "SIG32"), (signal.SIGRTMIN, "SIGRTMIN"), (64, "SIGRTMAX"), (50, "SIG50"),
     (127, "SIG127")],
)  # fmt: skip
def test_signal_that_killed_is_named(number: int, name: str) -> None:
    fields = fields_of(status=number)

    assert fields["signal"] == name
    assert not {"exit_code", "core_dumped"} & fields.keys()


def test_core_dump_is_said() -> None:
    fields = fields_of(status=11 | 0x80)

    assert (fields["signal"], fields["core_dumped"]) == ("SIGSEGV", True)


def test_bits_above_the_status_word_are_not_shown() -> None:
    assert fields_of(status=0xFFFF0300)["exit_code"] == 3


def test_name_that_is_not_utf8_keeps_its_bytes() -> None:
    fields = fields_of(comm=b"\xff")

    assert fields["comm"] == "\ufffd"
    assert fields["b64"] == {"comm": base64.b64encode(b"\xff").decode()}


def test_empty_name_is_left_out() -> None:
    assert "comm" not in fields_of(comm=b"")


@pytest.mark.parametrize(
    ("flag", "names"),
    [
        (record.FLAG_BAD_IDS, {"uid"}),
        (record.FLAG_BAD_START, {"id", "parent_id", "pid", "ppid", "comm"}),
    ],
)
def test_unreadable_fields_are_named_and_left_out(flag: int, names: set[str]) -> None:
    whole = fields_of(comm=b"\xff")

    fields = fields_of(comm=b"\xff", flags=flag)

    assert set(fields.pop("unreadable")) == names
    assert names == (whole.keys() - fields.keys()) - {"b64"}
    assert ("b64" in fields) == ("comm" in fields)


def test_end_has_the_id_of_the_exec_it_ends() -> None:
    host = make_host()

    assert fields_of()["id"] == host.identity(1000, 4_000_000_000_456, 2)
    assert fields_of(time_ns=TIME_NS + 1)["time"] == host.time(TIME_NS + 1)
