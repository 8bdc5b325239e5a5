# SPDX-License-Identifier: Apache-2.0
"""Records about the daemon itself have what docs/service-records.md says."""

from execaudit.records import service_records
from execaudit.records.lost import EventKey, Incident, sink_lost_fields
from tests.records import make_host

HOST = make_host()


def test_start_names_engine_hash_and_what_was_last_written() -> None:
    missed = {"last_record": {"seq": 1}}
    fields = service_records.start_fields(HOST, "bcc", ("", ""), "ab", missed)
    assert (fields["type"], fields["engine"], fields["config_hash"]) == ("start", "bcc", "ab")
    assert fields["last_record"] == {"seq": 1}
    assert not {"failure_hook", "failure_hook_error"} & fields.keys()


def test_start_says_why_failures_are_not_seen() -> None:
    fields = service_records.start_fields(HOST, "bcc", ("", "refused"), "ab", {})
    assert "failure_hook" not in fields
    assert fields["failure_hook_error"] == "refused"


def test_summary_is_of_the_time_of_its_last_event() -> None:
    fields = service_records.summary_fields(HOST, ("unit", "a.service"), (4, 0), 10, 20)
    assert (fields["unit"], fields["count"]) == ("a.service", 4)
    assert fields["first"] < fields["last"] == fields["time"]


def test_loss_of_a_sink_names_it_and_the_records_at_both_ends() -> None:
    first, last = EventKey("t1", 0, "exec", 7), EventKey("t2", 3, "execve", 9)
    incident = Incident("disk_full", 3, 10, 20, first, last)
    fields = sink_lost_fields(HOST, "file", incident)
    assert (fields["type"], fields["sink"], fields["reason"]) == ("lost", "file", "disk_full")
    assert "cpu" not in fields
    assert fields["first_missed"] == {"time": "t1", "cpu": 0, "hook": "exec", "seq": 7}
    assert fields["last_missed"] == {"time": "t2", "cpu": 3, "hook": "execve", "seq": 9}


def test_loss_of_records_that_nobody_knows_any_more_has_its_count_and_span() -> None:
    incident = Incident("crash", 3, 10, 20, None, None)
    fields = sink_lost_fields(HOST, "journal", incident)
    assert fields["count"] == 3
    assert not {"first_missed", "last_missed"} & fields.keys()
