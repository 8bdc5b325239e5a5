# SPDX-License-Identifier: Apache-2.0
"""Fields of an exec that tell who ran what where, from known bytes."""

from typing import Any

import pytest

from execaudit.records.place import path_bytes
from execaudit.wire import record
from tests.records import INIT, PARENT, leaf_first, make_host
from tests.unit.exec_fields import ALWAYS, ID, exact, fields_of


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
    def test_every_id_is_at_its_name(self) -> None:
        names = ("uid", "gid", "suid", "sgid", "euid", "egid", "fsuid", "fsgid", "auid", "ses")
        numbers: dict[str, Any] = {name: 2000 + at for at, name in enumerate(names)}

        fields = fields_of(b"x", **numbers)

        assert {name: fields[name] for name in names} == numbers
        assert not {"user", "euser", "auser"} & fields.keys()

    def test_zero_login_ids_are_shown(self) -> None:
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

    def test_names_end_at_their_nul_or_with_their_room(self) -> None:
        # The kernel always puts a NUL there; a record without one is still read safely.
        fields = fields_of(b"x", comm=b"sh\0bash", old_comm=b"1234567890123456", tty=b"pts0")

        assert (fields["comm"], fields["old_comm"], fields["tty"]) == (
            "sh", "1234567890123456", "pts0",
        )  # fmt: skip

    def test_process_without_parent_has_parent_pid_zero(self) -> None:
        fields = fields_of(b"x", ancestors=())

        assert fields["ppid"] == 0
        assert not {"parent_id", "pcomm", "ancestors"} & fields.keys()

    def test_eight_ancestors_are_in_order(self) -> None:
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

        assert (fields["exe"], fields["memfd"]) == ("/memfd:payload", True)
        assert "deleted" not in fields

    @pytest.mark.parametrize("flags", [0, record.EXE_DELETED])
    def test_file_called_like_a_memory_file_is_none(self, flags: int) -> None:
        fields = fields_of(b"x", exe=leaf_first(b"/memfd:payload"), exe_flags=flags)

        assert fields["exe"] == "/memfd:payload"
        assert {"memfd", "deleted"} & fields.keys() == ({"deleted"} if flags else set())

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

    def test_script_behind_a_descriptor_is_named_by_its_path(self) -> None:
        fields = fields_of(
            b"/bin/sh", flags=record.FLAG_SCRIPT, filename=b"/dev/fd/17\0", interp=b"/bin/sh\0",
            script=leaf_first(b"/tmp/s"), script_ino=7, script_dev=8 << 20 | 1,
        )  # fmt: skip

        assert (fields["filename"], fields["script"]) == ("/dev/fd/17", "/tmp/s")
        assert (fields["script_ino"], fields["script_dev"]) == ("7", "8:1")

    @pytest.mark.parametrize("folder", [b"/", b"/srv"])
    def test_script_in_a_folder_behind_a_descriptor_is_named_by_both(self, folder: bytes) -> None:
        fields = fields_of(
            b"/bin/sh", flags=record.FLAG_SCRIPT, filename=b"/dev/fd/17/x/s\0",
            interp=b"/bin/sh\0", script=leaf_first(folder), script_ino=7,
        )  # fmt: skip

        assert fields["script"] == f"{folder.decode().rstrip('/')}/x/s"
        assert "script_ino" not in fields

    def test_path_that_cannot_be_reached_is_marked_as_the_kernel_does(self) -> None:
        fields = fields_of(
            b"x", exe_flags=record.EXE_UNREACHABLE, root=b"",
            flags=record.FLAG_CWD_UNREACHABLE | record.FLAG_ROOT_UNREACHABLE
            | record.FLAG_OTHER_ROOT,
        )  # fmt: skip

        assert (fields["exe"], fields["cwd"]) == (
            "(unreachable)/usr/bin/ls", "(unreachable)/home/ann",
        )  # fmt: skip
        assert (fields["root"], fields["other_root"]) == ("(unreachable)/", True)

    def test_device_that_stat_does_not_give_is_marked(self) -> None:
        assert fields_of(b"x", exe_flags=record.EXE_BAD_DEV)["exe_dev_inexact"] is True
        assert "exe_dev_inexact" not in fields_of(b"x", exe_flags=record.EXE_IN_LAYER)

    def test_upper_layer_is_marked_and_unreadable_where_the_kernel_does_not_say(self) -> None:
        assert fields_of(b"x", exe_flags=record.EXE_UPPER)["exe_upper"] is True
        assert "exe_upper" not in fields_of(b"x", exe_flags=record.EXE_IN_LAYER)
        unknown = fields_of(b"x", exe_flags=record.EXE_BAD_UPPER)
        assert "exe_upper" not in unknown
        assert unknown["unreadable"] == ["exe_upper"]

    def test_working_directory_and_cgroup_at_the_top_are_a_slash(self) -> None:
        fields = fields_of(b"x", cwd=b"", cgroup=b"", root=leaf_first(b"/srv/jail"))

        assert (fields["cwd"], fields["cgroup"], fields["root"]) == ("/", "/", "/srv/jail")

    def test_inode_is_described(self) -> None:
        fields = fields_of(
            b"x", exe_ino=2**64 - 1, exe_dev=(259 << 20) | 1048575, exe_mode=0o104755,
            exe_uid=5, exe_gid=6, exe_nlink=7, cgroup_id=258,
        )  # fmt: skip

        assert fields["exe_ino"] == "18446744073709551615"
        assert fields["exe_dev"] == "259:1048575"
        assert fields["exe_mode"] == "0104755"
        assert (fields["exe_uid"], fields["exe_gid"], fields["exe_nlink"]) == (5, 6, 7)
        assert fields["cgroup_id"] == "258"

    @pytest.mark.parametrize(
        ("machine", "name"), [(3, "i386"), (62, "x86_64"), (183, "aarch64"), (999, "em_999")]
    )
    def test_machine_is_named(self, machine: int, name: str) -> None:
        assert fields_of(b"x", machine=machine)["arch"] == name


def test_empty_members_are_left_out() -> None:
    fields = fields_of(b"x", comm=b"", old_comm=b"", tty=b"", ancestors=(), machine=0)

    assert None not in fields.values()
    assert not {"comm", "old_comm", "tty", "arch", "auid", "ses", "auser", "securebits", "root",
                "memfd", "deleted", "script", "interp"} & fields.keys()  # fmt: skip


def test_single_strings_that_are_not_utf8_have_their_bytes_beside_them() -> None:
    fields = fields_of(
        b"x", comm=b"\xff1", old_comm=b"\xff2", filename=b"\xff3\0", interp=b"\xff4\0",
        exe=leaf_first(b"/\xff5"), cwd=leaf_first(b"/\xff6"), root=leaf_first(b"/\xff7"),
        cgroup=leaf_first(b"/\xff8"), flags=record.FLAG_SCRIPT, tty=b"\xfft",
        ancestors=((1, 2, 3, b"\xff9"),),
    )  # fmt: skip

    assert {name: value for name, value in fields.items() if name.endswith("_b64")} == {
        "comm_b64": exact(b"\xff1"), "old_comm_b64": exact(b"\xff2"), "tty_b64": exact(b"\xfft"),
        "filename_b64": exact(b"\xff3"), "script_b64": exact(b"\xff3"),
        "interp_b64": exact(b"\xff4"), "exe_b64": exact(b"/\xff5"), "cwd_b64": exact(b"/\xff6"),
        "root_b64": exact(b"/\xff7"), "cgroup_b64": exact(b"/\xff8"),
        "pcomm_b64": exact(b"\xff9"),
    }  # fmt: skip
    assert (fields["comm"], fields["ancestors"][0]["comm"]) == ("\ufffd1", "\ufffd9")
    assert fields["ancestors"][0]["comm_b64"] == exact(b"\xff9")


@pytest.mark.parametrize(
    ("flag", "name", "path"),
    [
        (record.FLAG_CUT_EXE, "exe", "…/usr/bin/ls"),
        (record.FLAG_CUT_CWD, "cwd", "…/home/ann"),
        (record.FLAG_CUT_ROOT, "root", "…/srv/jail"),
        (record.FLAG_CUT_CGROUP, "cgroup", "…/user.slice/user-1000.slice/session-3.scope"),
        (record.FLAG_CUT_FILENAME, "filename", "/usr/bin/ls"),  # its end is missing
    ],
)
def test_cut_path_is_marked_and_has_an_ellipsis_where_its_beginning_is_missing(
    flag: int, name: str, path: str
) -> None:
    fields = fields_of(b"x", flags=flag, root=leaf_first(b"/srv/jail"))

    assert fields[name] == path
    assert fields["truncated"] == {name: True}


def test_cut_cgroup_tells_a_container_and_no_unit() -> None:
    container = b"ab" * 32
    fields = fields_of(
        b"x",
        cgroup=leaf_first(b"/a.slice/docker-" + container + b".scope"),
        flags=record.FLAG_CUT_CGROUP,
    )

    assert not {"unit", "slice", "session", "user_unit"} & fields.keys()
    assert fields["container"] == container.decode()


@pytest.mark.parametrize("above", [(), (PARENT,), (INIT,)])
def test_origin_is_named_where_it_is_no_ancestor(above: tuple[Any, ...]) -> None:
    start_ns, pid, exec_count, _ = PARENT
    fields = fields_of(
        b"x", ancestors=above,
        origin_start_ns=start_ns, origin_pid=pid, origin_exec_count=exec_count,
    )  # fmt: skip

    expected = make_host().identity(pid, start_ns, exec_count)
    assert fields.get("origin") == (None if above == (PARENT,) else expected)


UNREADABLE = [
    (record.FLAG_BAD_IDS, {"uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid",
        "auid", "ses", "user", "euser", "auser"}),
    (record.FLAG_BAD_CAPS, {"caps", "securebits"}),
    (record.FLAG_BAD_NS, {"ns", "nspid"}),
    (record.FLAG_BAD_TTY, {"tty"}),
    (record.FLAG_BAD_EXE, {"exe_ino", "exe_dev", "exe_upper", "exe_mode", "exe_uid", "exe_gid",
        "exe_nlink"}),
    (record.FLAG_BAD_EXE_PATH, {"exe", "deleted", "memfd"}),
    (record.FLAG_BAD_CWD, {"cwd", "cwd_deleted"}),
    (record.FLAG_BAD_ROOT, {"root"}),
    (record.FLAG_BAD_CGROUP, {"cgroup", "cgroup_id", "unit", "user_unit", "slice", "session",
        "container", "pod"}),
    (record.FLAG_BAD_FILENAME, {"filename", "script"}),
    (record.FLAG_BAD_SCRIPT, {"script", "script_ino", "script_dev"}),
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


class TestUnreadable:
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
        assert set(listed) >= {"argv", "env", *(n for _, names in UNREADABLE for n in names)} - {
            "script"
        }
        assert len(listed) == len(set(listed))
        assert not set(listed) & fields.keys()
        assert fields.keys() >= ALWAYS

    def test_file_name_that_could_not_be_read_names_no_script_where_there_is_none(self) -> None:
        fields = fields_of(b"x", error=-14, filename=b"", flags=record.FLAG_BAD_FILENAME)

        assert fields["unreadable"] == ["filename"]

    def test_bytes_of_an_unreadable_field_are_left_out_too(self) -> None:
        fields = fields_of(
            b"x", exe=leaf_first(b"/\xff"), comm=b"\xfe", flags=record.FLAG_BAD_EXE_PATH
        )

        assert "exe_b64" not in fields
        assert fields["comm_b64"] == exact(b"\xfe")
