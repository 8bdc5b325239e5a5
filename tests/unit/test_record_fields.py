# SPDX-License-Identifier: Apache-2.0
"""Fields of one exec, failure, end or loss, from known bytes, and what is missing of them."""

import os
import signal
from typing import Any

import pytest

from execaudit.records.lost import Lost, lost_fields
from execaudit.records.record import record_fields
from execaudit.records.text import FieldDict
from execaudit.wire import record
from tests.records import chunk_record, exit_record
from tests.unit.exec_fields import HOST, ID, decode, event_of, exact, fields_of

A_KB = b"a" * 999 + b"\0"


def gap(index: int, missing_bytes: int, reason: str) -> FieldDict:
    return {"index": index, "missing_bytes": missing_bytes, "reason": reason}


class TestExec:
    @pytest.mark.parametrize(
        ("members", "fields"),
        [
            ({"tid": 1001}, {"tid": 1001}),
            ({"nspid": 1}, {"nspid": 1}),
            ({"flags": record.FLAG_PRIVILEGED}, {"privileged": True}),
            ({"flags": record.FLAG_CWD_DELETED}, {"cwd_deleted": True}),
        ],
        ids=str,
    )
    def test_field_is_there_where_it_says_something(
        self, members: dict[str, Any], fields: FieldDict
    ) -> None:
        assert fields_of(b"x", **members) == {**fields_of(b"x"), **fields}

    def test_what_was_done_with_an_event_is_added(self) -> None:
        event = event_of(b"x", b"y", error=-2)
        before = record_fields(event, HOST)
        event.path_search = (b"/a/x", b"/\xff/x")
        event.redacted_argv, event.redacted_env = (1,), (0, 2)
        event.labels, event.severity = ("web", "odd"), "crit"
        event.technique, event.rule = ("T1059.004", "T1105"), ("b", "a")

        assert record_fields(event, HOST) == {
            **before,
            "path_search": ["/a/x", "/\ufffd/x"],
            "redacted": {"argv": [1], "env": [0, 2]},
            "labels": ["web", "odd"],
            "severity": "crit",
            "technique": ["T1059.004", "T1105"],
            "rule": ["b", "a"],
        }


class TestFailure:
    def test_failure_names_error_and_hook(self) -> None:
        fields = fields_of(b"nosuch", error=-2, filename=b"/bin/nosuch\0")

        assert (fields["result"], fields["errno"], fields["errno_code"]) == ("failure", "ENOENT", 2)
        assert (fields["hook"], fields["id"]) == ("execve", ID)
        assert (fields["filename"], fields["exe"]) == ("/bin/nosuch", "/usr/bin/ls")

    @pytest.mark.parametrize(
        ("hook", "name"), [(3, "execveat"), (4, "compat_execve"), (5, "compat_execveat")]
    )
    def test_hook_is_named(self, hook: int, name: str) -> None:
        assert fields_of(b"x", error=-13, hook=hook)["hook"] == name

    @pytest.mark.parametrize(
        ("number", "name"),
        [(1, "EPERM"), (7, "E2BIG"), (8, "ENOEXEC"), (11, "EAGAIN"), (35, "EDEADLK"),
         (40, "ELOOP"), (95, "EOPNOTSUPP"), (511, "E511")],
    )  # fmt: skip
    def test_error_has_the_name_that_the_manual_gives_it(self, number: int, name: str) -> None:
        assert fields_of(b"x", error=-number)["errno"] == name

    def test_empty_file_name_is_shown_as_such(self) -> None:
        assert fields_of(b"x", error=-2, filename=b"\0")["filename"] == ""

    @pytest.mark.parametrize(
        ("flags", "reason"),
        [(record.FLAG_CUT_ARGV, "budget"),
         (record.FLAG_CUT_ARGV | record.FLAG_BAD_ARGV, "unreadable")],
    )  # fmt: skip
    def test_more_arguments_than_were_read_are_marked_without_a_count(
        self, flags: int, reason: str
    ) -> None:
        fields = fields_of(b"a", b"b", error=-2, flags=flags)

        assert fields["argv"] == ["a", "b"]
        assert fields["truncated"] == {"argv": [{"index": 1, "reason": reason}]}

    def test_unreadable_arguments_are_named_and_were_not_counted(self) -> None:
        fields = fields_of(error=-14, flags=record.FLAG_BAD_ARGV | record.FLAG_CUT_ARGV)

        assert not {"argv", "argc"} & fields.keys()
        assert fields["unreadable"] == ["argv"]


class TestArguments:
    @pytest.mark.parametrize(
        "argv",
        [(), (b"",), (b"", b""), (b"a", b"", b""), (b"", b"a"), (b" ", b"\n", b"\x1b[2J")],
    )  # fmt: skip
    def test_empty_and_odd_arguments_are_shown(self, argv: tuple[bytes, ...]) -> None:
        fields = fields_of(*argv)

        assert (fields["argv"], fields["argc"]) == ([text.decode() for text in argv], len(argv))

    def test_arguments_that_are_not_utf8_have_their_bytes_beside_them(self) -> None:
        fields = fields_of(b"a", b"caf\xe9", b"ok", b"\xff\xfe")

        assert fields["argv"] == ["a", "caf\ufffd", "ok", "\ufffd\ufffd"]
        assert fields["argv_b64"] == {"1": exact(b"caf\xe9"), "3": exact(b"\xff\xfe")}

    def test_count_of_the_kernel_is_reported_as_it_is(self) -> None:
        # A process may have overwritten its NULs; both are shown.
        assert fields_of(b"a", b"b", argc=5)["argc"] == 5

    def test_budget_leaves_head_and_tail(self) -> None:
        text = b"a" * 600 + b"\0" + b"b" * 299 + b"\0"
        chunk = chunk_record(record.AREA_ARGV, 700, text[700:])

        fields = fields_of(
            argv_block=text, argv_inside=500, argv_head=500, argv_tail=700, chunks=(chunk,)
        )

        assert fields["argv"] == ["a" * 500, "b" * 200]
        assert fields["truncated"] == {"argv": [gap(0, 200, "budget")]}

    @pytest.mark.parametrize(
        ("chunks", "reason"),
        [
            ((), "ring"),
            ((chunk_record(record.AREA_ARGV, 500, b"", wanted=500),), "unreadable"),
        ],
        ids=["missing", "unreadable"],
    )
    def test_chunk_that_is_missing_is_explained(
        self, chunks: tuple[bytes, ...], reason: str
    ) -> None:
        fields = fields_of(argv_block=A_KB, argv_inside=500, chunks=chunks)

        assert fields["argv"] == ["a" * 500]
        assert fields["truncated"] == {"argv": [gap(0, 500, reason)]}

    def test_beginning_that_could_not_be_read_says_so(self) -> None:
        chunk = chunk_record(record.AREA_ARGV, 4, b"-l\0")

        fields = fields_of(
            argv_block=b"ls\0\0-l\0", argv_inside=0, chunks=(chunk,), flags=record.FLAG_BAD_ARGV
        )

        assert fields["argv"] == ["-l"]
        assert fields["truncated"]["argv"] == [gap(-1, 4, "unreadable")]
        assert "unreadable" not in fields

    def test_arguments_of_which_nothing_could_be_read_are_left_out(self) -> None:
        fields = fields_of(argc=3, argv_inside=0, flags=record.FLAG_BAD_ARGV)

        assert "argv" not in fields
        assert fields["argc"] == 3
        assert fields["unreadable"] == ["argv"]


class TestEnvironment:
    def test_selected_variables_are_shown_each_time_they_occur(self) -> None:
        env = (b"A=1", b"LD_PRELOAD=/a.so", b"XLD_PRELOAD=no", b"LD_PRELOAD=/b.so", b"SUDO_USER=")

        fields = fields_of(b"x", env=env)

        assert fields["env"] == ["LD_PRELOAD=/a.so", "LD_PRELOAD=/b.so", "SUDO_USER="]

    def test_no_selected_variable_leaves_no_field(self) -> None:
        assert "env" not in fields_of(b"x", env=(b"A=1", b"XLD_PRELOAD=no"))

    def test_bytes_of_selected_variables_are_beside_them(self) -> None:
        fields = fields_of(b"x", env=(b"A=\xff", b"LD_PRELOAD=\xff"))

        assert fields["env"] == ["LD_PRELOAD=\ufffd"]
        assert fields["env_b64"] == {"0": exact(b"LD_PRELOAD=\xff")}

    def test_variable_that_is_cut_is_shown_as_far_as_it_is(self) -> None:
        block = b"LD_PRELOAD=/" + b"a" * 987 + b"\0"

        fields = fields_of(b"x", env_block=block, env_inside=100)

        assert fields["env"] == [block[:100].decode()]
        assert fields["truncated"] == {"env": [{"missing_bytes": 900, "reason": "ring"}]}

    def test_end_of_a_cut_variable_is_not_taken_for_one(self) -> None:
        # What follows a gap may be the value of anything.
        block = b"A=" + b"1" * 98 + b"?" * 100 + b"LD_PRELOAD=/no.so\0SUDO_USER=ann\0"
        chunk = chunk_record(record.AREA_ENV, 200, block[200:])

        fields = fields_of(
            b"x", env_block=block, env_inside=100, env_head=100, env_tail=200, chunks=(chunk,)
        )

        assert fields["env"] == ["SUDO_USER=ann"]

    def test_unreadable_environment_is_named(self) -> None:
        assert fields_of(b"x", flags=record.FLAG_BAD_ENV)["unreadable"] == ["env"]

    def test_beginning_that_could_not_be_read_says_so(self) -> None:
        fields = fields_of(b"x", env_block=b"A=1\0" * 10, env_inside=0, flags=record.FLAG_BAD_ENV)

        assert fields["truncated"] == {"env": [{"missing_bytes": 40, "reason": "unreadable"}]}

    def test_gaps_of_both_blocks_and_a_cut_path_are_all_named(self) -> None:
        fields = fields_of(
            argv_block=A_KB, argv_inside=0, env_block=A_KB, env_inside=0,
            flags=record.FLAG_CUT_EXE | record.FLAG_BAD_CWD | record.FLAG_BAD_START,
        )  # fmt: skip

        assert fields["truncated"].keys() == {"argv", "env", "exe"}
        assert set(fields["unreadable"]) == {"cwd", "cwd_deleted", "id", "start"}


def exit_fields(duration_ns: int | None = None, **members: Any) -> FieldDict:
    (event,) = decode(exit_record(**members))
    event.duration_ns = duration_ns
    return record_fields(event, HOST)


class TestExit:
    def test_ordinary_end_has_exactly_these_fields(self) -> None:
        assert exit_fields(5, cpu=1, seq=9) == {
            "time": "2023-11-14T23:36:40.000000123Z",
            "type": "exit",
            "host": "box",
            "boot": "0123456789abcdef0123456789abcdef",
            "hook": "exit",
            "cpu": 1,
            "seq": 9,
            "id": ID,  # that of the exec it ends
            "parent_id": "0123456789ab-384-3b9aca00-3",
            "pid": 1000,
            "ppid": 900,
            "uid": 1000,
            "comm": "ls",
            "exit_code": 0,
            "duration_ns": 5,
        }

    @pytest.mark.parametrize("code", [0, 1, 127, 128, 255])
    def test_exit_code_is_given_where_no_signal_killed(self, code: int) -> None:
        fields = exit_fields(status=code << 8)

        assert fields["exit_code"] == code == os.waitstatus_to_exitcode(code << 8)
        assert not {"signal", "core_dumped", "duration_ns"} & fields.keys()

    @pytest.mark.parametrize(
        ("number", "name"),
        [(1, "SIGHUP"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"),
         (32, "SIG32"), (signal.SIGRTMIN, "SIGRTMIN"), (64, "SIGRTMAX"), (50, "SIG50"),
         (127, "SIG127")],
    )  # fmt: skip
    def test_signal_that_killed_is_named(self, number: int, name: str) -> None:
        fields = exit_fields(status=number)

        assert fields["signal"] == name
        assert not {"exit_code", "core_dumped"} & fields.keys()

    def test_core_dump_is_said(self) -> None:
        fields = exit_fields(status=11 | 0x80)

        assert (fields["signal"], fields["core_dumped"]) == ("SIGSEGV", True)

    def test_bits_above_the_status_word_are_not_shown(self) -> None:
        assert exit_fields(status=0xFFFF0300)["exit_code"] == 3

    def test_name_that_is_not_utf8_has_its_bytes_beside_it(self) -> None:
        fields = exit_fields(comm=b"\xff")

        assert (fields["comm"], fields["comm_b64"]) == ("\ufffd", exact(b"\xff"))

    def test_empty_name_is_left_out(self) -> None:
        assert "comm" not in exit_fields(comm=b"")

    @pytest.mark.parametrize(
        ("flag", "names"),
        [
            (record.FLAG_BAD_IDS, {"uid"}),
            (record.FLAG_BAD_START, {"id", "parent_id", "pid", "ppid", "comm"}),
        ],
    )
    def test_unreadable_fields_are_named_and_left_out(self, flag: int, names: set[str]) -> None:
        whole = exit_fields(comm=b"\xff")

        fields = exit_fields(comm=b"\xff", flags=flag)

        assert set(fields.pop("unreadable")) == names
        assert names == (whole.keys() - fields.keys()) - {"comm_b64"}
        assert ("comm_b64" in fields) == ("comm" in fields)


class TestLost:
    def test_loss_of_a_stream_has_count_cause_and_span(self) -> None:
        assert lost_fields(Lost("ring", 2, 1, 5, 10**9, 2 * 10**9), HOST) == {
            "time": "2023-11-14T22:13:22.000000000Z",
            "type": "lost",
            "host": "box",
            "boot": "0123456789abcdef0123456789abcdef",
            "hook": "execve",
            "cpu": 1,
            "reason": "ring",
            "count": 5,
            "first": "2023-11-14T22:13:21.000000000Z",
            "last": "2023-11-14T22:13:22.000000000Z",
        }

    def test_loss_of_no_known_stream_names_none(self) -> None:
        fields = lost_fields(Lost("undecodable", None, None, 1, 1, 2), HOST)

        assert not {"hook", "cpu"} & fields.keys()
