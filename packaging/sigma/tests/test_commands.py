# SPDX-License-Identifier: Apache-2.0
"""Each rule labels its commands and not their look-alikes, and Sigma's own meaning agrees."""

from __future__ import annotations

import copy
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from loading import labels_of, load_rules, values_of
from reference import evaluate

if TYPE_CHECKING:
    from sigma.backends.execaudit import ExecauditBackend
    from sigma.collection import SigmaCollection
    from sigma.rule import SigmaRule

COMMANDS = Path(__file__).with_name("commands.txt")
NO_PARENT = "cron -f"
PREFIX = "proc_creation_lnx_"
SURROUNDINGS = {"uid": "1000", "user": "alice", "cwd": "/home/alice"}


class Command(NamedTuple):
    """A line of commands.txt."""

    must_match: bool
    text: str


def read_commands() -> dict[str, list[Command]]:
    commands: dict[str, list[Command]] = {}
    name = ""
    for line in COMMANDS.read_text().splitlines():
        if line.startswith(("+ ", "- ")):
            commands[name].append(Command(line.startswith("+"), line[2:]))
        elif line and not line.startswith("#"):
            name = line
            assert name not in commands
            commands[name] = []
    return commands


def name_of(rule: SigmaRule) -> str:
    """Return the name of its file without the prefix that SigmaHQ's have; the id of other rules."""
    stem = rule.source.path.stem if rule.source else ""
    return stem.removeprefix(PREFIX) if stem.startswith(PREFIX) else str(rule.id)


def image_of(word: str) -> str:
    return word if word.startswith("/") else f"/usr/bin/{word}"


def process_of(text: str) -> dict[str, Any]:
    """Make what one process is, by Sigma's names."""
    parent, _, command = text.rpartition(" => ")
    words, above = shlex.split(command), shlex.split(parent or NO_PARENT)
    around = dict(SURROUNDINGS)
    while (setting := words[0].partition("="))[0] in around and setting[1]:
        around[setting[0]] = setting[2]
        del words[0]
    return {
        "Image": (image_of(words[0]),) * 2,
        "CommandLine": " ".join(words),
        "User": around["user"],
        "LogonId": around["uid"],
        "CurrentDirectory": around["cwd"],
        "ParentImage": image_of(above[0]),
        "ParentCommandLine": " ".join(above),
    }


def test_rules_match_their_commands_and_no_look_alikes(
    backend: ExecauditBackend, collection: SigmaCollection, tmp_path: Path
) -> None:
    plain = copy.deepcopy(collection)  # the pipeline renames fields of what it converts
    rules = load_rules(tmp_path, backend.convert(collection))
    commands = read_commands()
    wrong = []
    for number, rule in enumerate(plain.rules):
        tried = commands[name_of(rule)]
        assert min(sum(each.must_match is kind for each in tried) for kind in (True, False)) >= 2
        conditions = [each.parsed for each in rule.detection.parsed_condition]
        for place, (must_match, text) in enumerate(tried):
            made = process_of(text)
            values = values_of(made, is_parent_seen=True)
            meant = any(evaluate(condition, values) for condition in conditions)
            pid = 100 + number * 100 + place
            found = f"sigma:{rule.id}" in labels_of(rules, made, pid, is_parent_seen=True)
            if not must_match == meant == found:
                wrong.append((name_of(rule), text, must_match, meant, found))
    assert wrong == []
