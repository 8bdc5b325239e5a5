# SPDX-License-Identifier: Apache-2.0
"""Which event an entry is of, in every format, whatever the arguments are."""

from collections.abc import Callable
from typing import Any

import pytest

from execaudit.formats.encoders import RENDERS, make_line
from execaudit.formats.event_key import event_key, is_event
from execaudit.records.journal import wire_entry
from execaudit.records.lost import EventKey

BOOT = "0123456789abcdef0123456789abcdef"
TIME = "2026-11-25T10:00:00.000000001Z"
HOST = {"host": "h", "boot": BOOT}
FORGED = '","type":"exit","cpu":9,"seq":9,\nEXECAUDIT_SEQ=9\n'
EVENT: dict[str, Any] = {"hook": "execve", "cpu": 3, "seq": 77, "id": f"{BOOT[:12]}-1-1-1"}
ENCODE: dict[str, Callable[[dict[str, Any]], bytes]] = {
    name: lambda fields, name=name: make_line(fields, name) for name in RENDERS
} | {"journal": lambda fields: wire_entry(fields, "execaudit")}


@pytest.mark.parametrize("name", ENCODE)
@pytest.mark.parametrize("kind", ["exec", "exit"])
def test_event_is_recognised_whatever_its_arguments_are(name: str, kind: str) -> None:
    fields = {"time": TIME, "type": kind, **HOST, **EVENT, "pid": 1, "comm": FORGED}
    if kind == "exec":
        fields |= {"argv": [FORGED], "cwd": FORGED, "result": "failure", "errno": "ENOENT"}
    entry = ENCODE[name](fields)

    assert is_event(entry)
    assert event_key(entry) == EventKey(TIME, 3, "execve", 77)


@pytest.mark.parametrize("name", ENCODE)
@pytest.mark.parametrize("kind", ["lost", "start", "stop", "config", "repair", "summary"])
def test_record_of_the_daemon_itself_is_no_event(name: str, kind: str) -> None:
    fields = {
        "time": TIME,
        "type": kind,
        **HOST,
        "reason": "ring",
        "hook": "exec",
        "cpu": 1,
        "count": 5,
    }
    entry = ENCODE[name](fields)

    assert not is_event(entry)
    assert event_key(entry) is None
