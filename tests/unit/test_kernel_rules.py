# SPDX-License-Identifier: Apache-2.0
"""Which drop rules go to the kernel, and as which keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from execaudit.rules.kernel_rules import KernelLookups, KernelRules, Kind, translate_rules
from tests.rule_tables import compile_all

EXES = {"/usr/bin/ls": (8 << 20 | 1, 77), "/usr/bin/cat": (8 << 20 | 1, 78)}
GROUPS = {"/system.slice/cron.service": [(4711, 0), (12, 1)]}


class Lookups(KernelLookups):
    def exe(self, path: str) -> tuple[int, int] | None:
        return EXES.get(path)

    def cgroup(self, path: str) -> list[tuple[int, int]]:
        return GROUPS.get(path, [])


def translate(*rules: dict[str, Any]) -> KernelRules:
    return translate_rules(compile_all(*rules).rules, Lookups())


def drop(**conditions: Any) -> dict[str, Any]:
    return {"action": "drop", **conditions}


def comm(text: bytes) -> tuple[Kind, int, int]:
    raw = text.ljust(16, b"\0")
    order = sys.byteorder
    return Kind.COMM, int.from_bytes(raw[:8], order), int.from_bytes(raw[8:], order)


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ({"uid": 33}, [(Kind.UID, 33, 0)]),
        ({"uid": ["root", "5-7"]}, [(Kind.UID, each, 0) for each in (0, 5, 6, 7)]),
        ({"auid": ["unset", 7]}, [(Kind.AUID, 0xFFFFFFFF, 0), (Kind.AUID, 7, 0)]),
        ({"gid": "adm"}, [(Kind.GID, 4, 0)]),
        ({"comm": ["ls", "exactly15bytes!"]}, [comm(b"ls"), comm(b"exactly15bytes!")]),
        ({"exe": "/usr/bin/ls"}, [(Kind.EXE, 8 << 20 | 1, 77)]),
        ({"cgroup": "/system.slice/cron.service"}, [(Kind.CGROUP, 4711, 0), (Kind.CGROUP, 12, 1)]),
        (
            {"any": {"uid": 1, "exe": "/usr/bin/ls"}},
            [(Kind.UID, 1, 0), (Kind.EXE, 8 << 20 | 1, 77)],
        ),
        ({"any": {"uid": 1, "comm": "ls"}}, [(Kind.UID, 1, 0), comm(b"ls")]),
        ({"not": {"not": {"uid": 1}}}, [(Kind.UID, 1, 0)]),
        ({"exe": ["/usr/bin/ls", "/not/there"]}, [(Kind.EXE, 8 << 20 | 1, 77)]),
    ],
    ids=str,
)
def test_rule_of_exact_values_goes_to_the_kernel(
    condition: dict[str, Any], keys: list[tuple[Kind, int, int]]
) -> None:
    found = translate(drop(**condition))

    assert list(found.keys) == keys
    assert found.rules == {0}


@pytest.mark.parametrize(
    "condition",
    [
        {"uid": "1000-60000"},
        {"uid": 0, "comm": "ls"},
        {"not": {"uid": 0}},
        {"euid": 0},
        {"pcomm": "bash"},
        {"comm": "l*"},
        {"comm": {"regex": "^ls$"}},
        {"exe": "/usr/bin/*"},
        {"exe": ["/usr/bin/ls", "/opt/**"]},
        {"exe": "/not/there"},
        {"cgroup": "/user.slice"},
        {"cgroup": "/user.slice/*"},
        {"argv": "-l"},
        {"any": {"uid": 1, "exe": "/usr/bin/*"}},
        {"exe": "/usr/bin/ls", "exe_uid": 0},
        {"exe": "/usr/bin/ls", "other_root": False},
    ],
    ids=str,
)
def test_rule_the_kernel_cannot_decide_stays_in_user_space(condition: dict[str, Any]) -> None:
    assert translate(drop(**condition))[:2] == ({}, frozenset())


def test_paths_to_watch_are_named_even_before_they_exist() -> None:
    found = translate(drop(exe=["/not/there", "/usr/bin/ls"]), drop(cgroup="/gone"), drop(uid=1))

    assert found.watched == {"/not/there", "/usr/bin/ls", "/gone"}


def test_nothing_behind_a_rule_that_keeps_goes_to_the_kernel() -> None:
    found = translate(drop(uid=1), {"action": "keep", "comm": "x"}, drop(uid=2))

    assert found.rules == {0}


def test_nothing_behind_a_rule_for_descendants_goes_to_the_kernel() -> None:
    found = translate(drop(uid=1), drop(comm="cron", descendants=True), drop(uid=2))

    assert found.rules == {0}


def test_labels_and_other_drops_before_a_rule_do_not_matter() -> None:
    found = translate(
        {"action": "label", "labels": ["a"], "argv": "x"}, drop(argv="y"), drop(uid=2)
    )

    assert found.rules == {2}
    assert found.keys == {(Kind.UID, 2, 0): 2}


def test_same_key_of_two_rules_counts_for_the_first() -> None:
    found = translate(drop(uid=2), drop(uid=[2, 3]))

    assert found.keys == {(Kind.UID, 2, 0): 0, (Kind.UID, 3, 0): 1}
    assert found.rules == {0, 1}


def test_rules_beyond_the_size_of_the_map_stay_in_user_space() -> None:
    found = translate(*(drop(uid=f"{n * 1024}-{n * 1024 + 1023}") for n in range(5)), drop(gid=1))

    assert found.rules == {0, 1, 2, 3}
    assert len(found.keys) == 4096


def test_mount_points_that_users_named_are_no_mounts_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.touch()
    lookups = KernelLookups()
    known = lookups.exe(str(program))
    mounts = tmp_path / "mountinfo"
    name = b"/home/a/x\x0cy\x0c1\xa00\xa00:1\xa0/\xa0-\xa0overlay\rz"
    hostile = b"900 800 0:99 / %s rw,nosuid - fuse.sshfs x rw\n" % name
    mounts.write_bytes(hostile + Path("/proc/self/mountinfo").read_bytes() + hostile)
    monkeypatch.setattr("execaudit.rules.kernel_rules._MOUNTS", mounts)

    assert lookups.exe(str(program)) == known
    lookups.close()
