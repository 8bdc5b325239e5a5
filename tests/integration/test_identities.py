# SPDX-License-Identifier: Apache-2.0
"""Ids, capabilities, login and terminal of a process, and privilege gained by exec."""

import ctypes
import os
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.comparing import assert_same
from tests.integration.launching import own_comm
from tests.integration.surroundings import become_user, enter_terminal
from tests.integration.tracing import Record, Tracer, execs_of

NOBODY = 65534
STRANGER = 54321
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_NET_RAW = 13
CAP_SYS_TIME = 25
CAPABILITY_VERSION_3 = 0x20080522
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    if _libc.prctl(option, *(ctypes.c_ulong(a) for a in padded)):
        raise OSError(ctypes.get_errno(), "prctl")


def run_as(tracer: Tracer, file: Path, setup: Callable[[], None], **differences: Any) -> Record:
    child, records = tracer.during(lambda: tracer.run([str(file), "x"], setup=setup))
    (record,) = execs_of(records, child.pid)
    assert_same(record, child.truth, **{"old_comm": own_comm(), **differences})
    return record


def test_each_id_is_told_apart(tracer: Tracer, programs: Path) -> None:
    def take_ids() -> None:
        os.setgroups([])
        os.setresgid(1001, 1002, 1003)
        os.setresuid(1004, 1005, 1006)

    # The exec itself copies the effective id to the saved one.
    record = run_as(tracer, programs / "selfdump", take_ids, privileged=None)
    assert [record[k] for k in ("uid", "euid", "suid", "fsuid")] == [1004, 1005, 1005, 1005]
    assert [record[k] for k in ("gid", "egid", "sgid", "fsgid")] == [1001, 1002, 1002, 1002]


def test_names_belong_to_ids(tracer: Tracer, programs: Path) -> None:
    record = run_as(
        tracer, programs / "selfdump", lambda: os.setresuid(0, NOBODY, NOBODY), privileged=None
    )
    assert (record["user"], record["euser"]) == ("root", "nobody")


def test_id_without_name_has_no_name(tracer: Tracer, programs: Path) -> None:
    record = run_as(tracer, programs / "selfdump", partial(become_user, STRANGER, STRANGER))
    assert "user" not in record


@pytest.fixture
def copy(place: Path, programs: Path) -> Path:
    return Path(shutil.copy(programs / "selfdump", place / "privileged"))


def test_set_user_id_program_is_privileged(tracer: Tracer, copy: Path) -> None:
    copy.chmod(0o4755)
    record = run_as(tracer, copy, partial(become_user, STRANGER, STRANGER))
    assert record["privileged"] is True
    assert (record["uid"], record["euid"], record["exe_mode"]) == (STRANGER, 0, "0104755")


def test_set_user_id_to_another_user_is_privileged(tracer: Tracer, copy: Path) -> None:
    os.chown(copy, NOBODY, NOBODY)
    copy.chmod(0o4755)
    record = run_as(tracer, copy, partial(become_user, STRANGER, STRANGER))
    assert record["privileged"] is True
    assert (record["uid"], record["euid"], record["euser"]) == (STRANGER, NOBODY, "nobody")


def test_set_group_id_program_is_privileged(tracer: Tracer, copy: Path) -> None:
    os.chown(copy, 0, 12)
    copy.chmod(0o2755)
    record = run_as(tracer, copy, partial(become_user, STRANGER, STRANGER))
    assert record["privileged"] is True
    assert (record["gid"], record["egid"], record["exe_gid"]) == (STRANGER, 12, 12)


def test_program_with_file_capabilities_is_privileged(tracer: Tracer, copy: Path) -> None:
    # struct vfs_cap_data, revision 2, effective bit set: include/uapi/linux/capability.h
    data = struct.pack("<5I", 0x02000001, 1 << CAP_NET_RAW, 0, 0, 0)
    os.setxattr(copy, "security.capability", data)
    record = run_as(tracer, copy, partial(become_user, STRANGER, STRANGER))
    assert record["privileged"] is True
    assert record["caps"]["effective"] == f"{1 << CAP_NET_RAW:x}"


def test_privilege_that_was_kept_is_not_gained(tracer: Tracer, programs: Path) -> None:
    # AT_SECURE is set for the new program all the same.
    record = run_as(
        tracer, programs / "selfdump", lambda: os.setresuid(STRANGER, 0, 0), privileged=None
    )
    assert (record["uid"], record["euid"]) == (STRANGER, 0)
    assert "privileged" not in record


def test_set_user_id_program_run_by_its_owner_is_not_privileged(tracer: Tracer, copy: Path) -> None:
    copy.chmod(0o6755)
    record = run_as(tracer, copy, lambda: None)
    assert "privileged" not in record


def test_privilege_that_no_new_privs_denies_is_not_claimed(tracer: Tracer, copy: Path) -> None:
    def give_up_privilege() -> None:
        become_user(STRANGER, STRANGER)
        prctl(38, 1)  # PR_SET_NO_NEW_PRIVS

    copy.chmod(0o4755)
    record = run_as(tracer, copy, give_up_privilege)
    assert record["euid"] == STRANGER


def test_ambient_bounding_and_inheritable_sets_are_told(tracer: Tracer, programs: Path) -> None:
    def take_capabilities() -> None:
        status = Path("/proc/self/status").read_text()
        every = int(status.split("CapPrm:")[1].split()[0], 16)
        low, high = every & 0xFFFFFFFF, every >> 32
        header = struct.pack("<Ii", CAPABILITY_VERSION_3, 0)
        # effective, permitted, inheritable: words for capabilities 0 to 31, then 32 to 63
        data = struct.pack("<6I", low, low, 1 << CAP_NET_RAW, high, high, 0)
        if _libc.syscall(SYS_CAPSET[os.uname().machine], header, data):
            raise OSError(ctypes.get_errno(), "capset")
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW)
        prctl(PR_CAPBSET_DROP, CAP_SYS_TIME)

    record = run_as(tracer, programs / "selfdump", take_capabilities)
    assert record["caps"]["ambient"] == f"{1 << CAP_NET_RAW:x}"
    assert not int(record["caps"]["bounding"], 16) & 1 << CAP_SYS_TIME


def test_securebits_are_told(tracer: Tracer, programs: Path) -> None:
    def lock() -> None:
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)

    record = run_as(tracer, programs / "selfdump", lock)
    assert record["securebits"] == SECBIT_NO_SETUID_FIXUP


def test_login_survives_becoming_root(tracer: Tracer, programs: Path) -> None:
    def log_in() -> None:
        Path("/proc/self/loginuid").write_text(str(NOBODY))

    record = run_as(tracer, programs / "selfdump", log_in)
    assert (record["auid"], record["auser"], record["uid"]) == (NOBODY, "nobody", 0)
    assert record["ses"] > 0


def test_terminal_is_named(tracer: Tracer, programs: Path) -> None:
    record = run_as(tracer, programs / "selfdump", enter_terminal)
    assert record["tty"].startswith("pts")
