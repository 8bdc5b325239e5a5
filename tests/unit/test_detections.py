# SPDX-License-Identifier: Apache-2.0
"""Each rule of the pack labels its commands, alone and in `sh -c`, and not their look-alikes."""

import functools
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from execaudit.config.configuration import read_rules
from execaudit.rules.rule_set import RuleSet, compile_rules
from tests.integration.requirements import CHECKOUT
from tests.rule_tables import LOOKUPS, decide, record

PACK = CHECKOUT / "packaging/config/detections.d"
COMMANDS: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "detection_commands.toml").read_text()
)
_SHELLS = ("sh", "bash", "dash")


@functools.cache
def pack() -> RuleSet:
    tables = []
    for path in sorted(PACK.glob("*.toml")):
        found, problems = read_rules(path.read_text(), path.name)
        assert problems == []
        tables += found
    rules, problems = compile_rules(tables, LOOKUPS)
    assert rules is not None, "\n".join(map(str, problems))
    return rules


def exec_of(words: list[str]) -> Any:
    """Make the record of a command, which is installed in /usr/bin unless it has a path."""
    path = words[0] if "/" in words[0] else f"/usr/bin/{words[0]}"
    name = path.rpartition("/")[2]
    return record(
        exe=path, filename=path, comm=name[:15], argv=words, argc=len(words), cwd="/root", env=[]
    )


def names_of(fields: Any) -> tuple[str, ...]:
    return decide(pack(), fields).names


def cases(which: str) -> list[tuple[str, str]]:
    return [(name, line) for name, lines in COMMANDS.items() for line in lines[which]]


def outside_of_scripts() -> list[tuple[str, str]]:
    return [(name, line) for name, line in cases("matches") if shlex.split(line)[0] not in _SHELLS]


@pytest.mark.parametrize(("name", "line"), cases("matches"), ids=str)
def test_rule_labels_a_command(name: str, line: str) -> None:
    assert name in names_of(exec_of(shlex.split(line)))


@pytest.mark.parametrize(("name", "line"), outside_of_scripts(), ids=str)
def test_rule_labels_a_command_within_a_script(name: str, line: str) -> None:
    assert name in names_of(exec_of(["sh", "-c", line]))


@pytest.mark.parametrize(("name", "line"), cases("look_alikes"), ids=str)
def test_rule_leaves_a_look_alike(name: str, line: str) -> None:
    assert name not in names_of(exec_of(shlex.split(line)))


def test_each_rule_is_tried() -> None:
    assert {rule.name for rule in pack().rules} == COMMANDS.keys()
    assert all(lines["look_alikes"] for lines in COMMANDS.values())


def test_each_rule_has_a_technique_a_severity_and_says_why() -> None:
    for rule in pack().rules:
        assert rule.action == "label"
        assert rule.labels == ("detection",)
        assert rule.technique
        assert rule.severity
    for path in PACK.glob("*.toml"):
        text = path.read_text()
        assert text.count("\n# False positives: ") == text.count("\n[[rule]]\n")


def test_pack_is_as_wide_as_it_says() -> None:
    techniques = {each for rule in pack().rules for each in rule.technique}

    assert len(pack().rules) >= 80
    assert len({each.partition(".")[0] for each in techniques}) >= 40
