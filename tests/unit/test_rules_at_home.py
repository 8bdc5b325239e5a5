# SPDX-License-Identifier: Apache-2.0
"""A drop by a path holds where that is the host's path, unless the rule says where it holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rule_tables import compile_all, decide, record

WEB = "/usr/sbin/nginx"
FIFTH = "boot-5-1388-1"
"""Id of process 5 of record()."""


def drops(rule: dict[str, Any], **fields: Any) -> bool:
    rules = compile_all({"action": "drop", **rule})
    return decide(rules, record(exe=WEB, cwd="/srv", exe_uid=0, **fields)).action == "drop"


@pytest.mark.parametrize(
    "rule",
    [
        {"exe": WEB},
        {"exe": "/usr/**"},
        {"cwd": "/srv"},
        {"exe": WEB, "uid": 1000},
        {"any": [{"exe": WEB}, {"comm": "other"}]},
        {"not": {"not": {"exe": WEB}}},
        {"all": [{"exe": WEB}, {"not": {"cwd": "/"}}]},
    ],
    ids=str,
)
def test_drop_by_a_path_holds_in_the_hosts_root_only(rule: dict[str, Any]) -> None:
    assert drops(rule)
    assert not drops(rule, other_root=True)


@pytest.mark.parametrize(
    "rule",
    [
        {"exe": WEB, "exe_uid": 0},
        {"exe": WEB, "other_root": True},
        {"exe": WEB, "root": False},
        {"exe": WEB, "ns": {"mnt": 5}},
        {"exe": WEB, "exe_ino": "7"},
        {"exe": WEB, "exe_dev": "8:1"},
        {"comm": "x"},
        {"not": {"exe": "/bin/sh"}},
    ],
    ids=str,
)
def test_drop_that_says_where_it_holds_or_asks_for_no_path_holds_there(
    rule: dict[str, Any],
) -> None:
    fields = {"other_root": True, "ns": {"mnt": 5}, "exe_ino": "7", "exe_dev": "8:1", "comm": "x"}
    assert drops(rule, **fields)


def test_label_by_a_path_holds_in_any_root() -> None:
    rules = compile_all({"action": "label", "labels": ["web"], "exe": WEB})
    assert decide(rules, record(exe=WEB, other_root=True)).labels == ("web",)


@pytest.mark.parametrize("field", ["parent", "ancestor"])
@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_drop_by_the_program_of_a_parent_asks_where_that_was_begun(
    field: str, is_elsewhere: bool
) -> None:
    rules = compile_all({"action": "drop", field: {"exe": WEB}})
    marks: Any = {"other_root": True} if is_elsewhere else {}
    decide(rules, record(pid=5, exe=WEB, **marks))

    found = decide(rules, record(pid=6, above=(5,), parent_id=FIFTH, exe="/bin/sh"))

    assert found.action == ("keep" if is_elsewhere else "drop")


def test_label_by_the_program_of_a_parent_holds_wherever_it_was_begun() -> None:
    rules = compile_all({"action": "label", "labels": ["web"], "parent": {"exe": WEB}})
    decide(rules, record(pid=5, exe=WEB, other_root=True))

    assert decide(rules, record(pid=6, above=(5,), parent_id=FIFTH, exe="/bin/sh")).labels == (
        "web",
    )


def test_origin_counts_as_an_ancestor_and_passes_rules_on() -> None:
    rules = compile_all(
        {"action": "label", "labels": ["origin"], "origin": {"exe": WEB}},
        {"action": "label", "labels": ["ancestor"], "ancestor": {"exe": WEB}},
        {"action": "label", "labels": ["tree"], "exe": WEB, "descendants": True},
    )
    assert decide(rules, record(pid=5, exe=WEB)).labels == ("tree",)

    away = decide(rules, record(pid=6, above=(1,), exe="/bin/sh", origin=FIFTH))
    below = decide(rules, record(pid=7, above=(6, 1), exe="/bin/ls"))

    assert away.labels == ("origin", "ancestor", "tree")
    assert below.labels == ("tree",)
    assert decide(rules, record(pid=8, above=(1,), exe="/bin/sh")).labels == ()
