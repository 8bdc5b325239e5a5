# SPDX-License-Identifier: Apache-2.0
"""Mistakes in rules: all of them at once, each with its file, line and key."""

from __future__ import annotations

from typing import Any

import pytest

from execaudit.rules.condition_tree import MOST_TERMS
from tests.rule_tables import drop, keep, label, problems_of


def described(*rules: dict[str, Any]) -> list[str]:
    return [
        f"{problem.file}:{problem.line}:{problem.column}: {problem.key}: {problem.text}"
        for problem in problems_of(*rules)
    ]


USER = 'a user id, a range such as "1000-60000", or the name of a user'
MISTAKES: list[tuple[dict[str, Any], int, str]] = [
    ({"uid": 0}, 1, ': has no action, expected "drop", "keep" or "label"'),
    ({"uid": 0, "action": "deny"}, 2, '.action: is "deny", expected "drop", "keep" or "label"'),
    (drop(), 1, ': has no condition, expected one at least (type = "exec" matches every exec)'),
    (drop(eid=0), 2, '.eid: is not a condition; did you mean "euid"?'),
    (drop(zzz=0), 2, ".zzz: is not a condition, expected a field of a record"),
    (keep(uid=0, label=["a"]), 2, '.label: is not a condition; did you mean "labels"?'),
    (
        drop(uid="nobody-here"),
        2,
        f'.uid: is "nobody-here", which no user of this host is called, expected {USER}',
    ),
    (
        drop(gid=["adm", "x"]),
        3,
        '.gid[1]: is "x", which no group of this host is called, expected a group id, a range '
        'such as "100-999", or the name of a group',
    ),
    (drop(uid=True), 2, f".uid: is true, expected {USER}"),
    (drop(uid="60000-1000"), 2, '.uid: is "60000-1000", a range that ends before it begins'),
    (drop(uid=-1), 2, f".uid: is -1, expected {USER}"),
    (drop(auid=4294967295), 2, f'.auid: is 4294967295, expected {USER}, or "unset"'),
    (
        drop(argc="unset"),
        2,
        '.argc: is "unset", expected a number or a range such as "2-10" or "100-"',
    ),
    (drop(uid=[]), 2, f".uid: is an empty list, expected {USER}"),
    (
        drop(comm="systemd-journald"),
        2,
        '.comm: is "systemd-journald", but of short names the kernel keeps 15 bytes, expected '
        '"systemd-journal"',
    ),
    (drop(exe="ls"), 2, '.exe: is "ls", expected an absolute path such as "/ls" or "**/ls"'),
    (drop(cwd="/tmp/"), 2, '.cwd: is "/tmp/", expected no "/" at the end'),
    (
        drop(unit="cron"),
        2,
        '.unit: is "cron", expected a name with its type such as "cron.service"',
    ),
    (
        drop(slice="user"),
        2,
        '.slice: is "user", expected a name with its type such as "user.slice"',
    ),
    (drop(exe="/a\0"), 2, ".exe: has a NUL, which no text of a record has"),
    (drop(exe={"endswith": "/a\0/b"}), 2, ".exe: has a NUL, which no text of a record has"),
    (
        drop(exe=True),
        2,
        ".exe: is true, expected a text or { KIND = … } with exact, glob, contains, startswith, "
        "endswith or regex",
    ),
    (
        drop(argv={"regex": "("}),
        3,
        ".argv.regex: is not a regular expression: missing ), unterminated subpattern at "
        "position 0",
    ),
    (
        drop(argv=["a", {"regex": "a*"}]),
        4,
        ".argv[1].regex: matches every text, expected one that can fail to match",
    ),
    (
        drop(cmdline={"regex": "(a*)*b"}),
        3,
        ".cmdline.regex: repeats something that can be empty; expected one that takes bounded "
        "time: use wildcards, several conditions, or less repetition",
    ),
    (
        drop(program="/bin/nc"),
        2,
        '.program: is "/bin/nc", expected a name without "/", or `exe` for a path',
    ),
    (drop(memfd="yes"), 2, '.memfd: is "yes", expected true or false'),
    (drop(type="exe"), 2, '.type: is "exe", expected "exec" or "exit"'),
    (drop(result="failed"), 2, '.result: is "failed", expected "success" or "failure"'),
    (
        drop(errno="ENOTHING"),
        2,
        '.errno: is "ENOTHING", expected the name of an error such as "ENOENT", or its number',
    ),
    (
        drop(parent={"uid": 0}),
        3,
        ".parent.uid: is not a condition, expected parent.comm or parent.exe or parent.filename or "
        "parent.argv or parent.cmdline or parent.other_root",
    ),
    (
        drop(ancestor="cron"),
        2,
        '.ancestor: is "cron", expected ancestor.comm or ancestor.exe or ancestor.other_root'
        " or ancestor.cmdline",
    ),
    (drop(any=[]), 2, ".any: is [], expected a table of conditions, or a list of them"),
    (
        drop(**{"not": [{"uid": 0}, 3]}),
        2,
        ".not: is [{ uid = 0 }, 3], expected a table of conditions, or a list of them",
    ),
    (
        drop(any=[{"uid": 0}, {"not": {"exf": "/a"}}]),
        5,
        '.any[1].not.exf: is not a condition; did you mean "exe"?',
    ),
    (
        drop(all=[{"any": [{"uid": a}, {"gid": a}]} for a in range(9)]),
        1,
        f": has more than {MOST_TERMS} combinations of any and not: expected several rules",
    ),
    (label(uid=0), 2, '.action: is "label", expected labels, a severity or a technique beside it'),
    (
        label("", uid=0),
        3,
        '.labels[0]: is "", expected a label: up to 64 letters, digits, "_", ".", ":" and "-"',
    ),
    (drop(uid=0) | {"labels": "x"}, 2, '.labels: is "x", expected a list of labels'),
    (
        drop(uid=0, labels=["x"]),
        2,
        ".labels: is for records that are written, and this rule drops them",
    ),
    (
        keep(uid=0, severity="error"),
        2,
        '.severity: is "error", expected "debug", "info", "notice", "warning", "err", "crit", '
        '"alert", "emerg" or "" (none); did you mean "err"?',
    ),
    (drop(uid=0, descendants=1), 2, ".descendants: is 1, expected true or false"),
    (
        drop(uid=0, name=" "),
        2,
        '.name: is " ", expected up to 100 printable characters, or "" (none)',
    ),
]


@pytest.mark.parametrize(("rule", "column", "text"), MISTAKES, ids=[each for *_, each in MISTAKES])
def test_mistake_is_told_with_its_place(rule: dict[str, Any], column: int, text: str) -> None:
    assert f"test.toml:1:{column}: rule[0]{text}" in described(rule)


def test_all_mistakes_of_all_rules_are_told() -> None:
    assert described(
        drop(exe="ls", uid=["x", 0, "y"]), drop(uid=0), label("l", comm="x" * 16, any=[{"a": 1}])
    ) == [
        'test.toml:1:2: rule[0].exe: is "ls", expected an absolute path such as "/ls" or "**/ls"',
        *(
            f'test.toml:1:3: rule[0].uid[{index}]: is "{name}", which no user of this host is '
            f"called, expected {USER}"
            for index, name in ((0, "x"), (2, "y"))
        ),
        'test.toml:3:2: rule[2].comm: is "xxxxxxxxxxxxxxxx", but of short names the kernel keeps '
        '15 bytes, expected "xxxxxxxxxxxxxxx"',
        "test.toml:3:4: rule[2].any[0].a: is not a condition, expected a field of a record",
    ]


def test_names_are_unique() -> None:
    assert described(drop(uid=0, name="a"), drop(uid=1, name="b"), drop(uid=2, name="a")) == [
        'test.toml:3:2: rule[2].name: is "a" as in test.toml:1, expected another'
    ]


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\0", "x\u202ey", "\u2028"])
def test_mistake_is_one_line_without_control_characters(text: str) -> None:
    problems = problems_of(drop(exe=text), drop(unit=text), drop(cwd=f"{text}/"))
    assert problems
    for problem in problems:
        assert str(problem).isprintable()
        assert str(problem).startswith("test.toml:")
