# SPDX-License-Identifier: Apache-2.0
"""Records about the daemon itself have what docs/record.md says."""

from execaudit.daemon.limits import Suppressed
from execaudit.records import events
from execaudit.records.host import Host
from execaudit.records.incident import EventKey, Incident


def test_start_names_engine_hash_and_what_was_last_written() -> None:
    fields = events.start_fields(Host.this(), "bcc", ("", ""), "ab", {"last_record": {"seq": 1}})
    assert (fields["type"], fields["engine"], fields["config_hash"]) == ("start", "bcc", "ab")
    assert fields["last_record"] == {"seq": 1}
    assert "failure_hook" not in fields
    assert "failure_hook_error" not in fields


def test_start_tells_why_failures_are_not_seen() -> None:
    fields = events.start_fields(Host.this(), "bcc", ("", "refused"), "ab", {})
    assert "failure_hook" not in fields
    assert fields["failure_hook_error"] == "refused"


def test_summary_is_of_the_time_of_its_last_event() -> None:
    fields = events.summary_fields(Host.this(), "unit", Suppressed("a.service", 4, 10, 20))
    assert (fields["unit"], fields["count"]) == ("a.service", 4)
    assert fields["first"] < fields["last"] == fields["time"]


def test_loss_of_a_sink_names_it_and_the_records_at_both_ends() -> None:
    first, last = EventKey("t1", 0, "exec", 7), EventKey("t2", 3, "execve", 9)
    fields = events.sink_lost_fields(
        Host.this(), "file", Incident("disk_full", 3, 10, 20, first, last)
    )
    assert (fields["type"], fields["sink"], fields["reason"]) == ("lost", "file", "disk_full")
    assert "cpu" not in fields
    assert fields["first_missed"] == {"time": "t1", "cpu": 0, "hook": "exec", "seq": 7}
    assert fields["last_missed"] == {"time": "t2", "cpu": 3, "hook": "execve", "seq": 9}


def test_loss_of_records_that_nobody_knows_any_more_has_its_count_and_span() -> None:
    fields = events.sink_lost_fields(
        Host.this(), "journal", Incident("crash", 3, 10, 20, None, None)
    )
    assert fields["count"] == 3
    assert "first_missed" not in fields
    assert "last_missed" not in fields
