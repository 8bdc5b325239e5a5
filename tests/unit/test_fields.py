# SPDX-License-Identifier: Apache-2.0
"""Fields of exec records from known bytes."""

from typing import Any

import pytest
from execaudit.records.fields import path_bytes

from execaudit.wire import record
from tests.records import (
    INIT,
    chunk_record,
    leaf_first,
)
from tests.unit.exec_fields import ID, exact, fields_of


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
