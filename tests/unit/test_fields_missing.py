# SPDX-License-Identifier: Apache-2.0
"""Fields of failed execs, and what is said where bytes are missing."""

from typing import Any

import pytest

from execaudit.records.lost import lost_fields
from execaudit.wire import record
from tests.records import (
    leaf_first,
    make_host,
)
from tests.unit.exec_fields import ALWAYS, ID, exact, fields_of


class TestFailure:
    def test_failure_names_error_and_hook(self) -> None:
        fields = fields_of(b"nosuch", error=-2, filename=b"/bin/nosuch\0", old_comm=b"", machine=0)

        assert fields["result"] == "failure"
        assert (fields["errno"], fields["errno_code"]) == ("ENOENT", 2)
        assert fields["hook"] == "execve"
        assert fields["filename"] == "/bin/nosuch"
        assert fields["exe"] == "/usr/bin/ls"
        assert fields["id"] == ID
        assert not {"old_comm", "arch"} & fields.keys()

    @pytest.mark.parametrize(
        ("hook", "name"),
        [(2, "execve"), (3, "execveat"), (4, "compat_execve"), (5, "compat_execveat")],
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

    def test_more_arguments_than_read_are_marked_without_a_count(self) -> None:
        fields = fields_of(b"a", b"b", error=-2, flags=record.FLAG_CUT_ARGV)

        assert fields["argv"] == ["a", "b"]
        assert fields["truncated"] == {"argv": [{"index": 1, "reason": "budget"}]}

    def test_arguments_that_end_in_unreadable_memory_are_marked(self) -> None:
        fields = fields_of(b"a", error=-2, flags=record.FLAG_BAD_ARGV | record.FLAG_CUT_ARGV)

        assert fields["argv"] == ["a"]
        assert fields["truncated"] == {"argv": [{"index": 0, "reason": "unreadable"}]}

    def test_unreadable_arguments_are_named(self) -> None:
        fields = fields_of(error=-14, flags=record.FLAG_BAD_ARGV | record.FLAG_CUT_ARGV)

        assert not {"argv", "argc"} & fields.keys()
        assert fields["unreadable"] == ["argv"]


CUT_PATHS = [
    (record.FLAG_CUT_EXE, "exe", "/usr/bin/ls"),
    (record.FLAG_CUT_CWD, "cwd", "/home/ann"),
    (record.FLAG_CUT_ROOT, "root", "/srv/jail"),
    (record.FLAG_CUT_CGROUP, "cgroup", "/user.slice/user-1000.slice/session-3.scope"),
]


UNREADABLE = [
    (record.FLAG_BAD_IDS, {"uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid",
        "auid", "ses", "user", "euser", "auser"}),
    (record.FLAG_BAD_CAPS, {"caps", "securebits"}),
    (record.FLAG_BAD_NS, {"ns", "nspid"}),
    (record.FLAG_BAD_TTY, {"tty"}),
    (record.FLAG_BAD_EXE, {"exe_ino", "exe_dev", "exe_mode", "exe_uid", "exe_gid", "exe_nlink"}),
    (record.FLAG_BAD_EXE_PATH, {"exe", "deleted", "memfd"}),
    (record.FLAG_BAD_CWD, {"cwd", "cwd_deleted"}),
    (record.FLAG_BAD_ROOT, {"root"}),
    (record.FLAG_BAD_CGROUP, {"cgroup", "cgroup_id", "unit", "user_unit", "slice", "session",
        "container"}),
    (record.FLAG_BAD_FILENAME, {"filename", "script"}),
    (record.FLAG_BAD_ANCESTORS, {"parent_id", "ppid", "pcomm", "ancestors"}),
    (record.FLAG_BAD_OLD_COMM, {"old_comm"}),
    (record.FLAG_BAD_START, {"id", "start"}),
]  # fmt: skip


FULL_FLAGS = record.FLAG_PRIVILEGED | record.FLAG_SCRIPT | record.FLAG_CWD_DELETED

FULL: dict[str, Any] = {
    "uid": 1000, "euid": 0, "auid": 1000, "ses": 3, "securebits": 1, "tid": 1001, "nspid": 1,
    "tty": b"pts0", "root": leaf_first(b"/srv/jail"), "filename": b"./s\0", "interp": b"/bin/sh\0",
    "exe_flags": record.EXE_DELETED,
    "cgroup": leaf_first(b"/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope/"
        + b"ab" * 32),
}  # fmt: skip


class TestMissing:
    def test_file_name_that_could_not_be_read_names_no_script_where_there_is_none(self) -> None:
        fields = fields_of(b"x", error=-14, filename=b"", flags=record.FLAG_BAD_FILENAME)

        assert fields["unreadable"] == ["filename"]

    @pytest.mark.parametrize(("flag", "name", "path"), CUT_PATHS)
    def test_cut_path_is_marked_and_begins_with_an_ellipsis(
        self, flag: int, name: str, path: str
    ) -> None:
        fields = fields_of(b"x", flags=flag, root=leaf_first(b"/srv/jail"))

        assert fields[name] == "…" + path
        assert fields["truncated"] == {name: True}

    def test_cut_file_name_is_marked(self) -> None:
        fields = fields_of(b"x", flags=record.FLAG_CUT_FILENAME)

        assert fields["filename"] == "/usr/bin/ls"
        assert fields["truncated"] == {"filename": True}

    def test_cut_cgroup_tells_no_unit(self) -> None:
        container = b"ab" * 32
        fields = fields_of(
            b"x",
            cgroup=leaf_first(b"/a.slice/docker-" + container + b".scope"),
            flags=record.FLAG_CUT_CGROUP,
        )

        assert not {"unit", "slice", "session", "user_unit"} & fields.keys()
        assert fields["container"] == container.decode()

    @pytest.mark.parametrize(("flag", "names"), UNREADABLE)
    def test_unreadable_fields_are_named_and_left_out(self, flag: int, names: set[str]) -> None:
        whole = fields_of(b"x", flags=FULL_FLAGS, **FULL)
        members = FULL | ({"filename": b""} if flag == record.FLAG_BAD_FILENAME else {})

        fields = fields_of(b"x", flags=FULL_FLAGS | flag, **members)

        assert set(fields.pop("unreadable")) == names
        assert not names & fields.keys()
        assert whole.keys() - fields.keys() == names & whole.keys()
        assert fields.keys() >= ALWAYS

    def test_every_flag_of_a_failed_read_is_covered(self) -> None:
        flags = {v for k, v in vars(record).items() if k.startswith("FLAG_BAD_")}
        elsewhere = {record.FLAG_BAD_ARGV, record.FLAG_BAD_ENV}

        assert {flag for flag, _ in UNREADABLE} | elsewhere == flags

    def test_all_unreadable_at_once_leaves_what_needs_no_reading(self) -> None:
        flags = sum(v for k, v in vars(record).items() if k.startswith("FLAG_BAD_"))

        fields = fields_of(flags=flags, argv_inside=0, argc=1, **{**FULL, "filename": b""})

        listed = fields["unreadable"]
        assert len(listed) == len(set(listed))
        assert not set(listed) & fields.keys()
        assert fields.keys() >= ALWAYS

    def test_bytes_of_an_unreadable_field_are_left_out_too(self) -> None:
        fields = fields_of(
            b"x", exe=leaf_first(b"/\xff"), comm=b"\xfe", flags=record.FLAG_BAD_EXE_PATH
        )

        assert fields["b64"] == {"comm": exact(b"\xfe")}

    def test_single_strings_that_are_not_utf8_keep_their_bytes(self) -> None:
        fields = fields_of(
            b"x", comm=b"\xff1", old_comm=b"\xff2", filename=b"\xff3\0", interp=b"\xff4\0",
            exe=leaf_first(b"/\xff5"), cwd=leaf_first(b"/\xff6"), root=leaf_first(b"/\xff7"),
            cgroup=leaf_first(b"/\xff8"), flags=record.FLAG_SCRIPT,
            ancestors=((1, 2, 3, b"\xff9"),),
        )  # fmt: skip

        assert fields["b64"] == {
            "comm": exact(b"\xff1"), "old_comm": exact(b"\xff2"), "filename": exact(b"\xff3"),
            "script": exact(b"\xff3"), "interp": exact(b"\xff4"), "exe": exact(b"/\xff5"),
            "cwd": exact(b"/\xff6"), "root": exact(b"/\xff7"), "cgroup": exact(b"/\xff8"),
            "pcomm": exact(b"\xff9"),
        }  # fmt: skip
        assert fields["comm"] == "\ufffd1"
        assert fields["ancestors"][0]["b64"] == {"comm": exact(b"\xff9")}

    def test_no_field_is_null(self) -> None:
        fields = fields_of(b"x", comm=b"", old_comm=b"", tty=b"", ancestors=(), machine=0)

        assert None not in fields.values()
        assert not {"comm", "old_comm", "tty", "arch"} & fields.keys()


def test_lost_record_has_count_cause_and_span() -> None:
    fields = lost_fields(make_host(), "ring", 2, 1, 5, 10**9, 2 * 10**9)

    assert fields == {
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
