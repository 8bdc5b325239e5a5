# SPDX-License-Identifier: Apache-2.0
"""Events out of records: exact bytes, gaps, flags, identity, and what the record does not say."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from execaudit.records.readback import UNKNOWN_COUNT, event_of_record
from execaudit.wire import record
from execaudit.wire.event import Gap

RECORD: dict[str, Any] = {
    "type": "exec", "id": "0123456789ab-64-3e8-2", "pid": 100, "tid": 101, "cpu": 1, "seq": 7,
    "hook": "execve", "uid": 1000, "ppid": 99, "exe": "/a", "script": "./a",
    "argv": ["a", "\ufffd", "é"], "argc": 3, "env": ["A=1"], "errno": "ENOENT", "errno_code": 2,
    "privileged": True, "labels": ["x"], "severity": "err", "technique": ["T1105"],
    "rule": ["a", "b"], "path_search": ["/b/a"],
    "argv_b64": {"1": base64.b64encode(b"\xff").decode()},
}  # fmt: skip


def test_exec_has_the_values_of_its_record() -> None:
    event = event_of_record(RECORD)

    assert (event.type, event.pid, event.tid, event.start_ns) == ("exec", 100, 101, 1000)
    assert (event.exec_count, event.cpu, event.seq, event.hook) == (2, 1, 7, 2)
    assert (event.argv, event.argc) == (b"a\0\xff\0\xc3\xa9\0", 3)
    assert (event.env, event.error) == (b"A=1\0", -2)
    assert event.flags == record.FLAG_PRIVILEGED | record.FLAG_SCRIPT
    assert (event.labels, event.severity, event.path_search) == (("x",), "err", (b"/b/a",))
    assert (event.technique, event.rule) == (("T1105",), ("a", "b"))
    assert (event.place.uid, event.place.ppid, event.place.fields["exe"]) == (1000, 99, "/a")
    assert event.argv_gaps == event.env_gaps == ()


def test_what_is_missing_stays_missing() -> None:
    gone = event_of_record({"type": "exec", "unreadable": ["argv", "env"]})
    cut = event_of_record(
        RECORD
        | {
            "truncated": {
                "argv": [{"index": 1, "missing_bytes": 9, "reason": "budget"}],
                "env": [{"reason": "unreadable"}],
            }
        }
    )
    short = event_of_record({"type": "exec", "argv": ["a"], "truncated": {"argv": True}})

    assert (gone.argv, gone.env, gone.argc) == (None, None, UNKNOWN_COUNT)
    assert cut.argv_gaps == (Gap(1, 9, "budget"),)
    assert cut.env_gaps == (Gap(-1, None, "unreadable"),)
    assert short.argv_gaps


def test_exact_bytes_of_older_records_are_found() -> None:
    exact = base64.b64encode(b"/\xff").decode()
    event = event_of_record(
        RECORD
        | {"b64": {"exe": exact}, "ancestors": [{"id": "b-1-1-1", "b64": {"comm": exact}}, {}]}
    )

    assert event.place.fields["exe_b64"] == exact
    assert event.place.fields["ancestors"][0] == {"id": "b-1-1-1", "comm_b64": exact}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"exit_code": 3}, 0x300),
        ({"signal": "SIGKILL"}, 9),
        ({"signal": "SIG34"}, 34),
        ({"signal": "SIGSEGV", "core_dumped": True}, 0x8B),
    ],
)
def test_end_has_the_status_of_its_record(fields: dict[str, Any], status: int) -> None:
    event = event_of_record({"type": "exit", "id": "b-64-3e8-2", "duration_ns": 5} | fields)

    assert (event.type, event.place.type, event.status, event.duration_ns) == (
        "exit",
        "exit",
        status,
        5,
    )
    assert (event.pid, event.start_ns, event.hook) == (100, 1000, record.HOOKS.index("exit"))


@pytest.mark.parametrize("fields", [{}, {"type": "exec", "argv": 3}, {"type": "exec", "id": 5}])
def test_what_is_no_record_raises(fields: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)):
        event_of_record(fields)
