# SPDX-License-Identifier: Apache-2.0
"""Which fields entries of the journal have, as [journal] fields chooses."""

from typing import Any

from execaudit.formats.event_key import event_key
from execaudit.records.journal import wire_entry
from execaudit.records.journal_fields import CHOICES, chosen_fields
from execaudit.records.lost import Lost, lost_fields
from execaudit.records.vocabulary import CONDITIONS
from tests.records import make_host

EXEC: dict[str, Any] = {
    "time": "2026-03-01T12:34:56.789012345Z", "type": "exec", "host": "h", "boot": "0" * 32,
    "cpu": 1, "seq": 7, "id": "000000000000-1-2-3", "pid": 4242, "uid": 1000, "argv": ["ls"],
    "filename": "/bin/ls\ufffd", "filename_b64": "L2Jpbi9sc/8=", "exe_ino": 5, "cgroup_id": 6,
    "caps": {"effective": "0", "bounding": "ff"}, "ns": {"mnt": 1, "pid": 2},
    "result": "success", "truncated": ["cwd"], "labels": ["web"],
}  # fmt: skip


def names_of(fields: str | tuple[str, ...], record: dict[str, Any] = EXEC) -> set[str]:
    """Return the names of the fields of a record's entry, without prefix, in small letters."""
    entry = wire_entry(record, "execaudit", chosen_fields(fields))
    names = [line.partition(b"=")[0].decode() for line in entry.splitlines()]
    return {name.removeprefix("EXECAUDIT_").lower() for name in names}


def test_usual_fields_are_all_that_rules_ask_for_but_numbers_of_files_and_namespaces() -> None:
    usual = chosen_fields("usual")
    assert usual is not None

    asked = {name for name in CONDITIONS if name in CHOICES}
    assert asked - usual == {"exe_dev", "exe_ino"}
    assert names_of("all") - names_of("usual") == {
        "caps_bounding", "exe_ino", "cgroup_id", "ns_mnt", "ns_pid",
    }  # fmt: skip


def test_listed_fields_come_with_their_exact_bytes_and_with_what_is_missing() -> None:
    names = names_of(("filename", "ns", "caps_bounding"))

    assert {"filename", "filename_b64", "ns_mnt", "ns_pid", "caps_bounding"} <= names
    assert {"truncated", "labels", "id", "pid", "result", "message", "cmdline"} <= names
    assert not names & {"uid", "argv", "caps_effective"}


def test_an_entry_without_any_field_still_says_which_event_it_is_of() -> None:
    key = event_key(wire_entry(EXEC, "execaudit", chosen_fields(())))

    assert key is not None
    assert (key.cpu, key.seq) == (1, 7)


def test_records_of_the_daemon_itself_are_whole() -> None:
    lost = lost_fields(Lost("ring", 0, 1, 5, 1, 2), make_host())

    assert names_of((), lost) == names_of("all", lost)
