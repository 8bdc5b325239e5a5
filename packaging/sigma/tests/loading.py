# SPDX-License-Identifier: Apache-2.0
"""Converted rules in execaudit itself: loaded, and asked about a process by Sigma's names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from reference import Values

pytest.importorskip("execaudit")

from execaudit.config.configuration import load
from execaudit.config.files import choose_paths
from execaudit.records.readback import event_of_record
from execaudit.rules.rule_set import RuleSet, compile_rules


def load_rules(folder: Path, text: str) -> RuleSet:
    (folder / "rules.d").mkdir()
    (folder / "execaudit.toml").write_text("")
    (folder / "rules.d" / "60-sigma.toml").write_text(text)
    loaded = load(choose_paths(folder / "execaudit.toml", Path("/")))
    rules, problems = compile_rules(loaded.rules)
    assert problems == []
    assert rules is not None
    return rules


def values_of(made: dict[str, Any], *, is_parent_seen: bool) -> Values:
    values: Values = {name: (text,) for name, text in made.items() if isinstance(text, str)}
    values["Image"] = made["Image"]
    if not is_parent_seen:
        values["ParentImage"] = values["ParentCommandLine"] = None
    return values


def labels_of(
    rules: RuleSet, made: dict[str, Any], number: int, *, is_parent_seen: bool
) -> set[str]:
    parent = f"0123456789ab-{number:x}-{number:x}-1"
    if is_parent_seen:
        rules.decide(
            event_of_record(
                {
                    "type": "exec", "id": parent, "uid": 0, "result": "success",
                    "exe": made["ParentImage"], "filename": made["ParentImage"], "arch": "x86_64",
                    "argv": made["ParentCommandLine"].split(" "), "argc": 1, "ancestors": [],
                }
            )
        )  # fmt: skip
    exe, filename = made["Image"]
    fields = {
        "type": "exec", "id": f"0123456789ab-1-{number:x}-1", "parent_id": parent,
        "uid": int(made["LogonId"]), "user": made["User"], "cwd": made["CurrentDirectory"],
        "exe": exe, "filename": filename, "arch": "x86_64", "argv": made["CommandLine"].split(" "),
        "argc": 1, "result": "success", "ancestors": [{"id": parent, "pid": 2, "comm": "x"}],
    }  # fmt: skip
    return set(rules.decide(event_of_record(fields)).labels)
