# SPDX-License-Identifier: Apache-2.0
"""Fields of exec records from known bytes, and what is said where bytes are missing."""

import base64
from typing import Any

import pytest

from execaudit.records.fields import FieldDict, exec_fields, path_bytes
from execaudit.records.lost import lost_fields
from execaudit.wire import record
from execaudit.wire.decode import split, split_chunk
from tests.records import (
    INIT,
    chunk_record,
    exec_record,
    leaf_first,
    make_host,
)

ID = "0123456789ab-3e8-3a3529441c8-2"
ALWAYS = {"time", "type", "host", "boot", "cpu", "seq", "result"}


def fields_of(*argv: bytes, chunks: tuple[bytes, ...] = (), **members: Any) -> FieldDict:
    parts = split(exec_record(*argv, **members), 0)
    assert parts is not None
    pieces = [piece for raw in chunks if (piece := split_chunk(raw, 0))]
    assert len(pieces) == len(chunks)
    return exec_fields(parts, pieces, make_host(), (b"LD_PRELOAD=", b"SUDO_USER="))


def exact(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_ordinary_exec_has_exactly_these_fields() -> None:
    fields = fields_of(b"ls", b"-l", b"", uid=1000, euid=1000, gid=1000, egid=1000, cpu=1, seq=7)

    assert fields == {
        "time": "2023-11-14T23:36:40.000000123Z",
        "type": "exec",
        "host": "box",
        "boot": "0123456789abcdef0123456789abcdef",
        "cpu": 1,
        "seq": 7,
        "id": ID,
        "pid": 1000,
        "uid": 1000, "gid": 1000, "euid": 1000, "egid": 1000,
        "suid": 0, "sgid": 0, "fsuid": 0, "fsgid": 0,
        "user": "ann",
        "caps": {
            "permitted": "0", "effective": "0", "inheritable": "0", "ambient": "0",
            "bounding": "1ffffffffff",
        },
        "comm": "ls",
        "old_comm": "bash",
        "filename": "/usr/bin/ls",
        "exe": "/usr/bin/ls",
        "arch": "x86_64",
        "exe_ino": "1234",
        "exe_dev": "8:1",
        "exe_mode": "0100755",
        "exe_uid": 0,
        "exe_gid": 0,
        "exe_nlink": 1,
        "cwd": "/home/ann",
        "argv": ["ls", "-l", ""],
        "argc": 3,
        "result": "success",
        "start": "2023-11-14T23:20:00.000000456Z",
        "cgroup": "/user.slice/user-1000.slice/session-3.scope",
        "cgroup_id": "77",
        "slice": "user-1000.slice",
        "unit": "session-3.scope",
        "session": "3",
        "ns": {
            "mnt": 4026531841, "pid": 4026531836, "net": 4026531840, "user": 4026531837,
            "cgroup": 4026531835, "uts": 4026531838, "ipc": 4026531839,
        },
        "parent_id": "0123456789ab-384-3b9aca00-3",
        "ppid": 900,
        "pcomm": "bash",
        "ancestors": [
            {
                "id": "0123456789ab-384-3b9aca00-3",
                "pid": 900,
                "start": "2023-11-14T22:13:21.000000000Z",
                "comm": "bash",
            },
            {
                "id": "0123456789ab-1-3e8-1",
                "pid": 1,
                "start": "2023-11-14T22:13:20.000001000Z",
                "comm": "systemd",
            },
        ],
    }  # fmt: skip


class TestIdentity:
    def test_tid_and_nspid_are_given_where_they_differ(self) -> None:
        assert fields_of(b"x", tid=1001)["tid"] == 1001
        assert fields_of(b"x", nspid=1)["nspid"] == 1
        assert not {"tid", "nspid"} & fields_of(b"x").keys()

    def test_every_id_is_at_its_name(self) -> None:
        names = ("uid", "gid", "suid", "sgid", "euid", "egid", "fsuid", "fsgid", "auid", "ses")
        numbers: dict[str, Any] = {name: 2000 + at for at, name in enumerate(names)}

        fields = fields_of(b"x", **numbers)

        assert {name: fields[name] for name in names} == numbers
        assert not {"user", "euser", "auser"} & fields.keys()

    def test_unset_login_ids_are_left_out(self) -> None:
        assert not {"auid", "ses", "auser"} & fields_of(b"x").keys()

    def test_zero_login_ids_are_kept(self) -> None:
        fields = fields_of(b"x", auid=0, ses=0)

        assert (fields["auid"], fields["ses"], fields["auser"]) == (0, 0, "root")

    def test_names_of_set_user_id_program_are_both_given(self) -> None:
        fields = fields_of(b"x", uid=1000, euid=0, auid=1000)

        assert (fields["user"], fields["euser"], fields["auser"]) == ("ann", "root", "ann")

    def test_capabilities_are_hexadecimal_masks(self) -> None:
        fields = fields_of(
            b"x", cap_inheritable=1, cap_permitted=1 << 40, cap_effective=0xABC,
            cap_bounding=0xFFFFFFFFFFFFFFFF, cap_ambient=1 << 12, securebits=0x2F,
        )  # fmt: skip

        assert fields["caps"] == {
            "permitted": "10000000000", "effective": "abc", "inheritable": "1",
            "ambient": "1000", "bounding": "ffffffffffffffff",
        }  # fmt: skip
        assert fields["securebits"] == 0x2F

    def test_privilege_gained_is_said(self) -> None:
        assert fields_of(b"x", flags=record.FLAG_PRIVILEGED)["privileged"] is True
        assert "privileged" not in fields_of(b"x")

    def test_terminal_is_named(self) -> None:
        assert fields_of(b"x", tty=b"pts0")["tty"] == "pts0"
        assert "tty" not in fields_of(b"x")

    def test_names_that_fill_their_field_are_whole(self) -> None:
        # The kernel always puts a NUL there; a record without one is still read safely.
        fields = fields_of(b"x", comm=b"123456789012345\0", old_comm=b"1234567890123456")

        assert fields["comm"] == "123456789012345"
        assert fields["old_comm"] == "1234567890123456"

    def test_bytes_behind_the_nul_of_a_name_are_not_shown(self) -> None:
        assert fields_of(b"x", comm=b"sh\0bash")["comm"] == "sh"

    def test_process_without_parent_has_parent_pid_zero(self) -> None:
        fields = fields_of(b"x", ancestors=())

        assert fields["ppid"] == 0
        assert not {"parent_id", "pcomm", "ancestors"} & fields.keys()

    def test_eight_ancestors_are_kept_in_order(self) -> None:
        ancestors = [(at * 10**9, 100 - at, at, b"p%d" % at) for at in range(8)]

        fields = fields_of(b"x", ancestors=ancestors, flags=record.FLAG_CUT_ANCESTORS)

        assert [one["pid"] for one in fields["ancestors"]] == [100 - at for at in range(8)]
        assert fields["truncated"] == {"ancestors": True}

    def test_ancestor_with_empty_name_has_none(self) -> None:
        fields = fields_of(b"x", ancestors=((1, 2, 3, b""), INIT))

        assert "comm" not in fields["ancestors"][0]
        assert "pcomm" not in fields
        assert fields["ppid"] == 2


class TestProgram:
    def test_path_is_put_in_order(self) -> None:
        assert path_bytes(b"c\0b\0a\0") == b"/a/b/c"
        assert path_bytes(b"") == b"/"

    def test_memory_file_is_marked(self) -> None:
        fields = fields_of(
            b"x", exe=b"memfd:payload\0", exe_flags=record.EXE_PSEUDO | record.EXE_DELETED
        )

        assert fields["exe"] == "/memfd:payload"
        assert fields["memfd"] is True
        assert "deleted" not in fields

    def test_file_called_like_a_memory_file_is_not_one(self) -> None:
        fields = fields_of(b"x", exe=leaf_first(b"/memfd:payload"))

        assert fields["exe"] == "/memfd:payload"
        assert not {"memfd", "deleted"} & fields.keys()

    def test_deleted_file_is_marked(self) -> None:
        fields = fields_of(b"x", exe_flags=record.EXE_DELETED)

        assert fields["deleted"] is True
        assert fields["exe"] == "/usr/bin/ls"

    def test_script_names_interpreter_and_file(self) -> None:
        fields = fields_of(
            b"/bin/sh", b"./s", flags=record.FLAG_SCRIPT, filename=b"./s\0", interp=b"/bin/sh\0"
        )

        assert (fields["filename"], fields["script"]) == ("./s", "./s")
        assert fields["interp"] == "/bin/sh"

    def test_script_whose_interpreter_is_missing_says_so(self) -> None:
        fields = fields_of(b"sh", flags=record.FLAG_SCRIPT, filename=b"./s\0")

        assert fields["script"] == "./s"
        assert "interp" not in fields
        assert fields["unreadable"] == ["interp"]

    def test_root_is_given_inside_chroot_only(self) -> None:
        assert fields_of(b"x", root=leaf_first(b"/srv/jail"))["root"] == "/srv/jail"
        assert "root" not in fields_of(b"x")

    def test_working_directory_at_the_top_is_a_slash(self) -> None:
        assert fields_of(b"x", cwd=b"")["cwd"] == "/"

    def test_removed_working_directory_is_marked(self) -> None:
        assert fields_of(b"x", flags=record.FLAG_CWD_DELETED)["cwd_deleted"] is True

    def test_inode_is_described(self) -> None:
        fields = fields_of(
            b"x", exe_ino=2**64 - 1, exe_dev=(259 << 20) | 1048575, exe_mode=0o104755,
            exe_uid=5, exe_gid=6, exe_nlink=7,
        )  # fmt: skip

        assert fields["exe_ino"] == "18446744073709551615"
        assert fields["exe_dev"] == "259:1048575"
        assert fields["exe_mode"] == "0104755"
        assert (fields["exe_uid"], fields["exe_gid"], fields["exe_nlink"]) == (5, 6, 7)

    @pytest.mark.parametrize(
        ("machine", "name"), [(3, "i386"), (62, "x86_64"), (183, "aarch64"), (999, "em_999")]
    )
    def test_machine_is_named(self, machine: int, name: str) -> None:
        assert fields_of(b"x", machine=machine)["arch"] == name

    def test_machine_of_other_formats_is_left_out(self) -> None:
        assert "arch" not in fields_of(b"x", machine=0)

    def test_cgroup_id_is_in_native_byte_order(self) -> None:
        assert fields_of(b"x", cgroup_id=258)["cgroup_id"] == "258"

    def test_root_cgroup_is_a_slash(self) -> None:
        assert fields_of(b"x", cgroup=b"")["cgroup"] == "/"


class TestArguments:
    def test_no_arguments_are_an_empty_list(self) -> None:
        fields = fields_of()

        assert (fields["argv"], fields["argc"]) == ([], 0)

    @pytest.mark.parametrize(
        "argv", [(b"",), (b"", b""), (b"a", b"", b""), (b"", b"a"), (b" ", b"\n", b"\x1b[2J")]
    )
    def test_empty_and_odd_arguments_are_kept(self, argv: tuple[bytes, ...]) -> None:
        assert fields_of(*argv)["argv"] == [text.decode() for text in argv]

    def test_arguments_that_are_not_utf8_keep_their_bytes(self) -> None:
        fields = fields_of(b"a", b"caf\xe9", b"ok", b"\xff\xfe")

        assert fields["argv"] == ["a", "caf\ufffd", "ok", "\ufffd\ufffd"]
        assert fields["argv_b64"] == {"1": exact(b"caf\xe9"), "3": exact(b"\xff\xfe")}

    def test_count_of_the_kernel_is_reported_as_it_is(self) -> None:
        # A process may have overwritten its count of NULs; both are told.
        assert fields_of(b"a", b"b", argc=5)["argc"] == 5

    def test_chunks_continue_what_the_record_carries(self) -> None:
        text = bytes(97 + at % 26 for at in range(20000)) + b"\0end\0"
        sent = [text[5000:15000], text[15000:]]
        chunks = tuple(
            chunk_record(record.AREA_ARGV, at, data)
            for at, data in zip((5000, 15000), sent, strict=True)
        )

        fields = fields_of(argv_block=text, argv_inside=5000, chunks=chunks, argc=2)

        assert fields["argv"] == [text[:20000].decode(), "end"]
        assert "truncated" not in fields

    def test_budget_leaves_head_and_tail(self) -> None:
        text = b"a" * 600 + b"\0" + b"b" * 299 + b"\0"
        chunk = chunk_record(record.AREA_ARGV, 700, text[700:])

        fields = fields_of(
            argv_block=text, argv_inside=500, argv_head=500, argv_tail=700, chunks=(chunk,), argc=2
        )

        assert fields["argv"] == ["a" * 500, "b" * 200]
        assert fields["truncated"] == {
            "argv": [{"index": 0, "missing_bytes": 200, "reason": "budget"}]
        }

    def test_chunk_that_did_not_arrive_is_the_rings_fault(self) -> None:
        fields = fields_of(argv_block=b"a" * 999 + b"\0", argv_inside=500)

        assert fields["argv"] == ["a" * 500]
        assert fields["truncated"] == {
            "argv": [{"index": 0, "missing_bytes": 500, "reason": "ring"}]
        }

    def test_chunk_that_could_not_be_read_says_so(self) -> None:
        chunk = chunk_record(record.AREA_ARGV, 500, b"", wanted=500)

        fields = fields_of(argv_block=b"a" * 999 + b"\0", argv_inside=500, chunks=(chunk,))

        assert fields["truncated"]["argv"] == [
            {"index": 0, "missing_bytes": 500, "reason": "unreadable"}
        ]

    def test_beginning_that_could_not_be_read_says_so(self) -> None:
        chunk = chunk_record(record.AREA_ARGV, 4, b"-l\0")

        fields = fields_of(
            argv_block=b"ls\0\0-l\0", argv_inside=0, chunks=(chunk,), flags=record.FLAG_BAD_ARGV
        )

        assert fields["argv"] == ["-l"]
        assert fields["truncated"]["argv"] == [
            {"index": -1, "missing_bytes": 4, "reason": "unreadable"}
        ]
        assert "unreadable" not in fields

    def test_arguments_of_which_nothing_could_be_read_are_left_out(self) -> None:
        fields = fields_of(argc=3, argv_inside=0, flags=record.FLAG_BAD_ARGV)

        assert "argv" not in fields
        assert fields["argc"] == 3
        assert fields["unreadable"] == ["argv"]

    def test_chunk_of_the_environment_is_no_argument(self) -> None:
        chunk = chunk_record(record.AREA_ENV, 500, b"b" * 500)

        fields = fields_of(argv_block=b"a" * 999 + b"\0", argv_inside=500, chunks=(chunk,))

        assert fields["argv"] == ["a" * 500]


class TestEnvironment:
    def test_selected_variables_are_shown_each_time_they_occur(self) -> None:
        env = (b"A=1", b"LD_PRELOAD=/a.so", b"XLD_PRELOAD=no", b"LD_PRELOAD=/b.so", b"SUDO_USER=")

        fields = fields_of(b"x", env=env)

        assert fields["env"] == ["LD_PRELOAD=/a.so", "LD_PRELOAD=/b.so", "SUDO_USER="]

    def test_no_selected_variable_leaves_no_field(self) -> None:
        assert "env" not in fields_of(b"x", env=(b"A=1", b"XLD_PRELOAD=no"))

    def test_bytes_of_selected_variables_are_kept(self) -> None:
        fields = fields_of(b"x", env=(b"A=\xff", b"LD_PRELOAD=\xff"))

        assert fields["env"] == ["LD_PRELOAD=\ufffd"]
        assert fields["env_b64"] == {"0": exact(b"LD_PRELOAD=\xff")}

    def test_gap_says_that_a_variable_may_be_missing(self) -> None:
        fields = fields_of(b"x", env_block=b"A=" + b"1" * 997 + b"\0", env_inside=100)

        assert fields["truncated"] == {"env": [{"missing_bytes": 900, "reason": "ring"}]}

    def test_end_of_a_cut_variable_is_not_taken_for_one(self) -> None:
        # What follows a gap may be the value of anything.
        block = b"A=" + b"1" * 98 + b"?" * 100 + b"LD_PRELOAD=/no.so\0SUDO_USER=ann\0"
        chunk = chunk_record(record.AREA_ENV, 200, block[200:])

        fields = fields_of(
            b"x", env_block=block, env_inside=100, env_head=100, env_tail=200, chunks=(chunk,)
        )

        assert fields["env"] == ["SUDO_USER=ann"]

    def test_variable_that_was_not_copied_wholly_is_shown_as_far_as_it_is(self) -> None:
        block = b"LD_PRELOAD=/" + b"a" * 987 + b"\0"

        fields = fields_of(b"x", env_block=block, env_inside=100)

        assert fields["env"] == [block[:100].decode()]
        assert fields["truncated"]["env"] == [{"missing_bytes": 900, "reason": "ring"}]

    def test_unreadable_environment_is_named(self) -> None:
        fields = fields_of(b"x", flags=record.FLAG_BAD_ENV)

        assert fields["unreadable"] == ["env"]

    def test_beginning_that_could_not_be_read_says_so(self) -> None:
        fields = fields_of(b"x", env_block=b"A=1\0" * 10, env_inside=0, flags=record.FLAG_BAD_ENV)

        assert fields["truncated"] == {"env": [{"missing_bytes": 40, "reason": "unreadable"}]}


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
FULL: dict[str, Any] = {
    "uid": 1000, "euid": 0, "auid": 1000, "ses": 3, "securebits": 1, "tid": 1001, "nspid": 1,
    "tty": b"pts0", "root": leaf_first(b"/srv/jail"), "filename": b"./s\0", "interp": b"/bin/sh\0",
    "exe_flags": record.EXE_DELETED,
    "cgroup": leaf_first(b"/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope/"
        + b"ab" * 32),
}  # fmt: skip
FULL_FLAGS = record.FLAG_PRIVILEGED | record.FLAG_SCRIPT | record.FLAG_CWD_DELETED


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
