# SPDX-License-Identifier: Apache-2.0
"""Rules look at long arguments as at short ones, only with fewer searches."""

from __future__ import annotations

import random
from typing import Any

import pytest

from execaudit.rules.long_text import NEEDLE_BYTES, NeedleIndex, choose_needle
from tests.rule_tables import compile_all, decide, explain

CHANCE = random.Random(3)  # noqa: S311 - not for secrets
LETTERS = "abcdefgh/-_. "


def some_text(length: int) -> str:
    return "".join(CHANCE.choices(LETTERS, k=length))


def long_record(number: int, parts: list[str]) -> dict[str, Any]:
    """Make an exec with arguments beyond what is looked up in tables, some with parts of rules."""
    words = [some_text(CHANCE.randrange(1, 400)) for _ in range(CHANCE.choice((8, 12)))]
    for part in CHANCE.sample(parts, CHANCE.randrange(4)):
        at = CHANCE.randrange(len(words))
        words[at] += CHANCE.choice((part, part.upper(), part[1:])) + some_text(2)
    words.append("x" * 1100)
    CHANCE.shuffle(words)
    return {
        "type": "exec", "id": f"b-1-{number:x}-1", "argv": words, "argc": len(words),
        "result": "success", "ancestors": [],
    }  # fmt: skip


@pytest.mark.parametrize("count", [3, 60])  # searches for each, and look-ups of all at once
def test_long_arguments_are_decided_as_by_trying_every_rule(count: int) -> None:
    parts = [some_text(CHANCE.randrange(4, 12)) for _ in range(count)]
    tables = []
    for number, part in enumerate(parts):
        pattern: dict[str, Any] = {CHANCE.choice(("contains", "endswith", "glob")): part}
        if "glob" in pattern:
            pattern = {"glob": f"*{part}*"}
        field = CHANCE.choice(("argv", "cmdline"))
        table = {"action": "label", "labels": [f"l{number}"], field: pattern}
        tables.append(table if number % 3 else table | {field: {**pattern, "ignore_case": True}})
    tables.append({"action": "label", "labels": ["word"], "argv": "x" * 1100})
    tables.append({"action": "label", "labels": ["not"], "not": {"argv": f"*{parts[0]}*"}})
    rules = compile_all(*tables)

    seen: set[str] = set()
    for number in range(150):
        record = long_record(number, parts)
        expected = {
            label
            for each in explain(rules, record)
            if each.matched
            for label in rules.rules[each.rule].labels
        }

        assert set(decide(rules, record).labels) == expected
        seen |= expected
    assert {"word", "not"} < seen
    assert len(seen) > count / 2


def test_term_is_found_wherever_its_literal_stands_and_only_if_it_matters() -> None:
    literals = [bytes(CHANCE.choices(b"abcd-/", k=CHANCE.randrange(4, 14))) for _ in range(80)]
    index = NeedleIndex()
    for number, literal in enumerate(literals):
        index.add(literal, 1 << number)
    everything = (1 << len(literals)) - 1

    for number, literal in enumerate(literals):
        for before in range(5):
            text = b"z" * before + literal + b"zzz"

            assert index.find(text, everything) >> number & 1
            assert not index.find(text, everything & ~(1 << number)) >> number & 1
    assert index.find(b"z" * 2000, everything) == 0


@pytest.mark.parametrize(
    ("literal", "needle"),
    [
        (b"/etc/cron.daily", b".dail"),
        (b"| bash ", b"| bas"),
        (b"nohup", b"nohup"),
        (b"ufw", b"ufw"),
        (b"stratum+tcp://", b"+tcp:"),
    ],
)
def test_needle_is_a_part_with_unusual_bytes(literal: bytes, needle: bytes) -> None:
    chosen = choose_needle(literal)

    assert chosen in literal
    assert len(chosen) == min(len(literal), NEEDLE_BYTES)
    assert chosen == needle
