# SPDX-License-Identifier: Apache-2.0
"""Each condition of a rule on real-looking records: what it matches and what it does not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from execaudit.rules.field_values import FIELDS, NESTED, Field
from tests.rule_tables import compile_all, decide, explain

RECORD: dict[str, Any] = {
    "type": "exec", "id": "0123456789ab-64-3e8-2", "parent_id": "0123456789ab-63-3e7-1",
    "pid": 100, "ppid": 99,
    "uid": 1000, "gid": 100, "euid": 0, "egid": 100, "suid": 0, "sgid": 4, "fsuid": 0,
    "fsgid": 100, "auid": 1001, "ses": 7, "user": "alice", "euser": "root", "auser": "bob",
    "privileged": True, "tty": "pts0", "securebits": 4,
    "comm": "sudo", "old_comm": "bash", "pcomm": "bash",
    "filename": "./deploy.sh", "exe": "/usr/bin/sudo", "script": "./deploy.sh",
    "interp": "/bin/sh", "cwd": "/srv/www/site", "root": "/var/chroot",
    "argv": ["sudo", "-u", "www-data", "--config=/etc/x y", "", "tail\nend"], "argc": 6,
    "env": ["LD_PRELOAD=/tmp/x.so"], "arch": "x86_64",
    "exe_ino": "131", "exe_dev": "8:1", "exe_mode": "0104755", "exe_uid": 0, "exe_gid": 0,
    "exe_nlink": 1,
    "cgroup": "/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope",
    "unit": "user@1000.service", "user_unit": "term.scope", "slice": "user-1000.slice",
    "session": "c2", "container": "ab" * 32, "pod": "3f2b8c1e-9a4d-4c55-8e0b-6d7f1a2b3c4d",
    "ns": {"mnt": 4026531841, "pid": 4026531836},
    "result": "failure", "errno": "ENOENT", "errno_code": 2, "first_seen": ["exe", "pair"],
    "ancestors": [
        {"id": "0123456789ab-63-3e7-1", "pid": 99, "comm": "bash"},
        {"id": "0123456789ab-32-3e6-1", "pid": 50, "comm": "sshd"},
        {"id": "0123456789ab-1-1-1", "pid": 1, "comm": "systemd"},
    ],
}  # fmt: skip

PLAIN: dict[str, Any] = {
    "type": "exec", "id": "0123456789ab-65-3e9-2", "pid": 101, "uid": 0, "gid": 0, "euid": 0,
    "egid": 0, "suid": 0, "sgid": 0, "fsuid": 0, "fsgid": 0, "user": "root", "comm": "kmod",
    "filename": "/sbin/modprobe", "exe": "/usr/bin/kmod", "cwd": "/", "argv": [], "argc": 0,
    "cgroup": "/", "arch": "x86_64", "result": "success", "memfd": True, "deleted": True,
    "exe_upper": True,
    "cwd_deleted": True, "ancestors": [],
}  # fmt: skip

VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "type": (["exec"], ["exit"]),
    "exe_ino": (["131"], ["1"]),
    "exe_dev": ([["8:1", "8:2"]], ["8:2"]),
    "ns": ([{"mnt": 4026531841}, {"mnt": "4026531840-4026531850"}], [{"mnt": 4026531840}]),
    "other_root": ([False], [True]),
    "uid": (
        [1000, "1000", "alice", "1000-60000", "1000-", [0, "alice"]],
        [1, 0, "root", "1001-60000", "1001-", [0, "bob"]],
    ),
    "gid": (["users", "100-200"], [0, "0-99"]),
    "euid": ([0], [1000]),
    "egid": ([100], [0]),
    "suid": (["root"], [1000]),
    "sgid": (["adm"], ["users"]),
    "fsuid": ([0], ["alice"]),
    "fsgid": (["users"], [4]),
    "auid": ([1001, ["unset", "bob"]], ["unset", 1000]),
    "ses": (["1-10"], ["unset", 8]),
    "user": (["alice", "al*"], ["bob", "Alice", "lice"]),
    "euser": (["root"], ["alice"]),
    "auser": (["bob", True], [False]),
    "securebits": (["1-255"], [0]),
    "comm": (
        ["sudo", ["su", "sudo"], "su*", {"regex": "^su(do)?$"}],
        ["sud", "sudoedit", ["su", "bash"], "*u", {"regex": "^u"}],
    ),
    "old_comm": (["bash"], ["sudo"]),
    "pcomm": (["b?sh"], ["sshd"]),
    "parent": ([{"comm": "bash"}], [{"comm": "sshd"}]),
    "ancestor": (
        [{"comm": "sshd"}, {"comm": ["cron", "sys*"]}],
        [{"comm": "cron"}, {"comm": "ssh"}],
    ),
    "ppid": ([99], [[1, 100]]),
    "filename": (["./*", {"exact": "./deploy.sh"}], ["deploy.sh", "/**"]),
    "exe": (
        [
            "/usr/bin/sudo",
            "/usr/bin/*",
            "/usr/**",
            "**/sudo",
            "/usr/bin/su[a-z]?",
            {"regex": "/s?bin/"},
        ],
        [
            "/usr/bin/su",
            "/usr/*",
            "/bin/**",
            "**/bin",
            "/usr/bin/su[!d]o",
            {"exact": "/usr/bin/*"},
            {"regex": "^bin"},
        ],
    ),
    "script": ([True, "./*.sh"], [False, "/**/*.sh", "*.sh"]),
    "program": (["deploy.sh", "*.sh"], ["sudo", "deploy", "sh"]),
    "interp": (["/bin/*sh"], ["/usr/bin/*"]),
    "cwd": (["/srv/**"], ["/srv", "/srv/*"]),
    "root": ([True, "/var/chroot"], [False, "/"]),
    "tty": ([True, "pts*"], [False, "tty*"]),
    "unit": (["user@1000.service", "user@*.service"], ["*.slice"]),
    "user_unit": (["term.scope"], ["app.slice"]),
    "slice": (["user-1000.slice"], ["user.slice"]),
    "session": (["c2"], ["2"]),
    "container": ([True, "abab*"], [False, "ab"]),
    "pod": ([True, "3f2b8c1e-*"], [False, "3f2b8c1e"]),
    "cgroup": (
        [
            "/user.slice",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope",
            "/user.slice/user-*.slice",
            "/",
        ],
        ["/user", "/system.slice", "/user.slice/user-1001.slice"],
    ),
    "arch": (["x86_64"], ["i386"]),
    "exe_mode": (["010[4-7]*"], ["0100755"]),
    "exe_uid": (["root"], ["1-"]),
    "exe_gid": ([0], ["users"]),
    "exe_nlink": ([1], ["2-"]),
    "exe_upper": ([False], [True]),
    "privileged": ([True], [False]),
    "memfd": ([False], [True]),
    "first_seen": (["exe", ["user", "pair"]], ["file", ["file", "user"]]),
    "deleted": ([False], [True]),
    "cwd_deleted": ([False], [True]),
    "argv": (
        [
            "-u",
            "",
            "--config=*",
            "*x y",
            {"regex": r"^--config=\S+ y$"},
            {"exact": "tail\nend"},
            "tail*",
            ["--none", "-u"],
        ],
        [
            "u",
            "-U",
            "--config",
            "-u www-data",
            {"regex": "data --config"},
            {"exact": "--config=*"},
            ["--none", "-v"],
        ],
    ),
    "cmdline": (
        [
            "sudo -u www-data *",
            {"regex": "www-data --config"},
            {"exact": "sudo -u www-data --config=/etc/x y  tail\nend"},
        ],
        ["sudo", {"regex": "^-u"}],
    ),
    "argc": ([6, "2-"], [5, "7-"]),
    "env": (["LD_PRELOAD=*", {"regex": "^LD_"}], ["LD_PRELOAD", "LD_LIBRARY_PATH=*"]),
    "result": (["failure"], ["success"]),
    "errno": (["ENOENT", ["EACCES", 2]], ["EACCES", [1, "E2BIG"]]),
}
"""By field: what matches RECORD, and what does not."""

PLAIN_VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "auid": (["unset", ["unset", 5]], ["0-"]),
    "ses": (["unset"], []),
    "tty": ([False, [False, "pts1"]], [True, "*"]),
    "container": ([False], ["*"]),
    "pod": ([False], ["*"]),
    "script": ([False], [True]),
    "unit": ([False], ["*"]),
    "root": ([False], []),
    "auser": ([False], []),
    "securebits": ([0], ["1-"]),
    "euser": (["root"], ["alice"]),
    "privileged": ([False], []),
    "memfd": ([True], []),
    "deleted": ([True], []),
    "cwd_deleted": ([True], []),
    "cmdline": ([""], ["?*"]),
    "argc": ([0], []),
    "result": (["success"], []),
    "cgroup": (["/"], ["/system.slice"]),
    "argv": ([], ["*"]),
    "errno": ([], ["ENOENT"]),
    "pcomm": ([], ["*"]),
    "ancestor": ([], [{"comm": "*"}]),
    "env": ([], ["*"]),
}
"""By field: what matches PLAIN, which lacks most, and what does not."""

_TRUE: list[dict[str, Any]] = [
    {"not": {"auid": "unset"}},
    {"not": {"exe": "/bin/ls"}},
    {"not": {"uid": 1000, "comm": "ls"}},
    {"not": [{"uid": 0}, {"comm": "ls"}]},
    {"any": {"uid": 0, "comm": "sudo"}},
    {"any": [{"uid": 0, "comm": "sudo"}, {"uid": 1000, "comm": "sudo"}]},
    {"all": [{"argv": "-u"}, {"argv": "www-data"}]},
    {"all": {"uid": 1000, "not": {"any": [{"uid": 0}, {"not": {"gid": 100}}]}}},
    {"uid": 1000, "exe": "/usr/bin/sudo", "argv": "-u", "result": "failure"},
]
_FALSE: list[dict[str, Any]] = [
    {"not": {"exe": "/usr/**"}},
    {"not": {"uid": 1000, "comm": "sudo"}},
    {"not": [{"uid": 0}, {"comm": "sudo"}]},
    {"any": {"uid": 0, "comm": "ls"}},
    {"any": [{"uid": 0, "comm": "sudo"}, {"uid": 1000, "comm": "ls"}]},
    {"all": [{"argv": "-u"}, {"argv": "root"}]},
    {"uid": 1000, "exe": "/usr/bin/sudo", "argv": "-u", "result": "success"},
]
_PLAIN_TRUE: list[dict[str, Any]] = [
    {"not": {"tty": "pts*"}},
    {"not": {"errno": "ENOENT"}},
    {"not": {"argv": "x"}},
    {"not": {"ancestor": {"comm": "sshd"}}},
]
_PLAIN_FALSE: list[dict[str, Any]] = [
    {"not": {"auid": "unset"}},
]


def _cases(
    values: dict[str, tuple[list[Any], list[Any]]], side: int, others: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    return [{key: value} for key, both in values.items() for value in both[side]] + others


TRUE, FALSE = _cases(VALUES, 0, _TRUE), _cases(VALUES, 1, _FALSE)
PLAIN_TRUE = _cases(PLAIN_VALUES, 0, _PLAIN_TRUE)
PLAIN_FALSE = _cases(PLAIN_VALUES, 1, _PLAIN_FALSE)


def is_matched(condition: dict[str, Any], record: dict[str, Any]) -> bool:
    rules = compile_all({"action": "drop", **condition})
    matched = decide(rules, record).action == "drop"
    (explanation,) = explain(rules, record)
    assert (explanation.matched is True) is matched
    return matched


@pytest.mark.parametrize(
    ("record", "condition", "expected"),
    [
        *((RECORD, condition, True) for condition in TRUE),
        *((RECORD, condition, False) for condition in FALSE),
        *((PLAIN, condition, True) for condition in PLAIN_TRUE),
        *((PLAIN, condition, False) for condition in PLAIN_FALSE),
    ],
    ids=lambda value: str(value) if len(str(value)) < 200 else value["comm"],
)
def test_condition_matches_or_does_not(
    record: dict[str, Any], condition: dict[str, Any], expected: bool
) -> None:
    assert is_matched(condition, record) is expected


def _fields(condition: dict[str, Any]) -> set[str]:
    found = set()
    for key, value in condition.items():
        if key in ("all", "any", "not"):
            for table in value if isinstance(value, list) else [value]:
                found |= _fields(table)
        elif isinstance(value, dict) and key in NESTED:
            found |= {f"{key}.{name}" for name in value}
        else:
            found.add(key)
    return found


def _kind(name: str) -> Field:
    """Return what tests of conditions depend on: fields that have it in common are alike."""
    return FIELDS[name]._replace(note="", is_of_event=False)


@pytest.mark.parametrize("cases", [[*TRUE, *PLAIN_TRUE], [*FALSE, *PLAIN_FALSE]])
def test_tables_have_a_case_for_every_kind_of_field(cases: list[dict[str, Any]]) -> None:
    seen: set[str] = set().union(*map(_fields, cases))

    assert set(map(_kind, seen)) >= {_kind(name) for name in FIELDS if "." not in name}


UNKNOWN_CASES = [
    ({"unreadable": ["uid", "user", "euser"]}, {"uid": 1000}),
    ({"unreadable": ["exe"]}, {"exe": "/usr/bin/sudo"}),
    ({"unreadable": ["ns"]}, {"ns": {"mnt": 4026531841}}),
    ({"exe_dev_inexact": True}, {"exe_ino": "131"}),
    ({"unreadable": ["exe"]}, {"memfd": True}),
    ({"unreadable": ["tty"]}, {"tty": True}),
    ({"unreadable": ["cgroup"]}, {"unit": "x.service"}),
    ({"unreadable": ["ancestors", "pcomm"]}, {"ancestor": {"comm": "sshd"}}),
    ({"unreadable": ["argv"]}, {"argv": "-u"}),
    ({"unreadable": ["env"]}, {"env": "LD_PRELOAD=*"}),
    ({"exe": "…/sudo", "truncated": {"exe": True}}, {"exe": "**/sudo"}),
    ({"truncated": {"argv": [{"index": 5, "reason": "budget"}]}}, {"argv": "--none"}),
    ({"truncated": {"argv": [{"index": 1, "reason": "budget"}]}}, {"argv": "-u"}),
    ({"truncated": {"env": [{"reason": "budget"}]}}, {"env": "LD_AUDIT=*"}),
    ({"ancestors": RECORD["ancestors"] * 3}, {"ancestor": {"comm": "cron"}}),
    ({"type": "exit"}, {"exe": "/usr/bin/ls"}),
    ({"type": "exit"}, {"argv": "x"}),
    ({"type": "exit"}, {"result": "success"}),
    ({"type": "exit"}, {"argc": 3}),
    ({"type": "exit"}, {"ancestor": {"comm": "sshd"}}),
    ({"type": "exit"}, {"ancestor": {"exe": "/usr/bin/bash"}}),
    ({"type": "exit"}, {"ancestor": {"other_root": True}}),
    ({"type": "exit"}, {"ancestor": {"cmdline": "sshd"}}),
    ({"type": "exit"}, {"origin": {"exe": "/usr/bin/bash"}}),
    ({"unreadable": ["origin"]}, {"ancestor": {"exe": "/usr/bin/none"}}),
    ({}, {"parent": {"exe": "/usr/bin/bash"}}),
    ({}, {"ancestor": {"exe": "/usr/bin/bash"}}),
]


@pytest.mark.parametrize(("change", "condition"), UNKNOWN_CASES, ids=str)
def test_what_is_unknown_matches_neither_a_condition_nor_its_opposite(
    change: dict[str, Any], condition: dict[str, Any]
) -> None:
    record = RECORD | change
    for name in change.get("unreadable", ()):
        record.pop(name, None)

    assert not is_matched(condition, record)
    assert not is_matched({"not": condition}, record)


def test_pieces_of_cut_arguments_match_where_what_is_missing_cannot_matter() -> None:
    gap = {"truncated": {"argv": [{"index": 1, "missing_bytes": 9, "reason": "budget"}]}}
    record = RECORD | gap | {"argv": ["sh", "abc", "def", "last"]}

    assert is_matched({"argv": "last"}, record)
    assert is_matched({"argv": "ab*"}, record)
    assert is_matched({"argv": "*ef"}, record)
    assert is_matched({"argv": {"regex": "b"}}, record)
    assert is_matched({"cmdline": {"regex": "h a"}}, record)
    assert not is_matched({"argv": "abc"}, record)
    assert not is_matched({"argv": "*bc"}, record)
    assert not is_matched({"argv": {"regex": "c$"}}, record)
    assert not is_matched({"cmdline": {"regex": "c d"}}, record)


def test_exit_record_is_judged_by_what_it_has() -> None:
    record = {"type": "exit", "id": "0123456789ab-64-3e8-2", "pid": 100, "ppid": 1, "uid": 33,
              "comm": "x", "exit_code": 0}  # fmt: skip

    assert is_matched({"type": "exit", "uid": "www-data", "comm": "x", "ppid": 1}, record)
    assert is_matched({"not": {"comm": "y"}}, record)


def test_exact_bytes_decide_where_text_was_repaired() -> None:
    raw = b"/tmp/\xff\xfe"
    record = RECORD | {
        "exe": "/tmp/��",
        "argv": ["�"],
        "b64": {"exe": base64.b64encode(raw).decode()},
        "argv_b64": {"0": base64.b64encode(b"\xfd").decode()},
    }

    assert is_matched({"exe": {"regex": r"\xff\xfe$"}}, record)
    assert is_matched({"exe": "/tmp/??"}, record)
    assert is_matched({"argv": {"regex": r"^\xfd$"}}, record)
    assert not is_matched({"exe": "/tmp/��"}, record)
    assert not is_matched({"argv": "�"}, record)


def test_program_of_an_ancestor_is_known_once_it_was_seen() -> None:
    rules = compile_all(
        {"action": "drop", "parent": {"exe": "/usr/bin/bash"}},
        {"action": "label", "labels": ["ssh"], "ancestor": {"exe": "/usr/sbin/*"}},
        {"action": "label", "labels": ["no-cron"], "not": {"ancestor": {"exe": "**/cron"}}},
    )
    assert rules.wants_programs
    assert decide(rules, RECORD).rules == ()

    decide(rules, {"id": "0123456789ab-32-3e6-1", "exe": "/usr/sbin/sshd"})
    assert decide(rules, RECORD).labels == ("ssh",)

    decide(rules, {"id": "0123456789ab-63-3e7-1", "exe": "/usr/bin/zsh"})
    decide(rules, {"id": "0123456789ab-1-1-1", "exe": "/usr/lib/systemd/systemd"})
    assert decide(rules, RECORD).labels == ("ssh", "no-cron")

    decide(rules, {"id": "0123456789ab-63-3e7-1", "exe": "/usr/bin/bash"})
    assert decide(rules, RECORD).action == "drop"
