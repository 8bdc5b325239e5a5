# SPDX-License-Identifier: Apache-2.0
"""Converted rules mean what Sigma's own mean, for random records made of the rules' own texts."""

from __future__ import annotations

import copy
import random
import string
from typing import TYPE_CHECKING, Any

from loading import labels_of, load_rules, values_of
from reference import evaluate, texts_of

if TYPE_CHECKING:
    from pathlib import Path

    from sigma.backends.execaudit import ExecauditBackend
    from sigma.collection import SigmaCollection

RECORDS_OF_A_RULE = 40
CHANCE = random.Random(1)  # noqa: S311
OTHER_PROGRAMS = ("/usr/bin/true", "/usr/bin/python3")
FOR_REGULAR_EXPRESSIONS = (" -O ", " -D ", " -F x ", " -W 00 11 22 33 ", " KEY=12 ", "y" * 230)


def filled(text: str) -> str:
    """Fill wildcards in, and now and then change the case."""
    pieces = text.split("\0")
    letters = string.ascii_lowercase + " -"
    between = ("".join(CHANCE.choices(letters, k=CHANCE.randrange(3))) for _ in pieces)
    made = "".join(piece + more for piece, more in zip(pieces, between, strict=True))
    return made.swapcase() if CHANCE.random() < 0.2 else made


def some(texts: list[str]) -> str:
    return filled(CHANCE.choice(texts)) if texts else "x"


def path(texts: list[str]) -> str:
    made = some(texts) if CHANCE.random() < 0.8 else CHANCE.choice(OTHER_PROGRAMS)
    return made if made.startswith("/") else f"/{made}"


def command(texts: list[str]) -> str:
    if CHANCE.random() < 0.1:
        return some(texts)
    least = min(len(texts), CHANCE.choice((1, 2, 5, 20)))
    words = [filled(each) for each in CHANCE.sample(texts, least)] if texts else []
    words.append(CHANCE.choice(FOR_REGULAR_EXPRESSIONS))
    CHANCE.shuffle(words)
    return CHANCE.choice(("", " ")).join(words).replace("\n", " ")


def process(texts: dict[str, list[str]]) -> dict[str, Any]:
    """Make what one process is, by Sigma's names."""
    images = [path(texts.get("Image", [])), path(texts.get("Image", []))]
    return {
        "Image": tuple(images[:2] if CHANCE.random() < 0.5 else (images[0], images[0])),
        "CommandLine": command(texts.get("CommandLine", [])),
        "User": CHANCE.choice(("root", "alice")),
        "LogonId": CHANCE.choice(("0", "1000")),
        "CurrentDirectory": path(texts.get("CurrentDirectory", [])),
        "ParentImage": path(texts.get("ParentImage", [])),
        "ParentCommandLine": command(texts.get("ParentCommandLine", []))[:4000],
    }


def test_rules_match_the_same_records(
    backend: ExecauditBackend, collection: SigmaCollection, tmp_path: Path
) -> None:
    plain = copy.deepcopy(collection)  # the pipeline renames fields of what it converts
    oracle = {
        f"sigma:{rule.id}": [each.parsed for each in rule.detection.parsed_condition]
        for rule in plain.rules
    }
    rules = load_rules(tmp_path, backend.convert(collection))
    assert len(rules.rules) >= len(oracle)

    matched: set[str] = set()
    number = 10
    for conditions in oracle.values():
        texts = texts_of(conditions[0])
        for _ in range(RECORDS_OF_A_RULE):
            number += 1
            made, is_parent_seen = process(texts), CHANCE.random() < 0.8
            values = values_of(made, is_parent_seen=is_parent_seen)
            expected = {
                name
                for name, each in oracle.items()
                if any(evaluate(condition, values) for condition in each)
            }
            found = labels_of(rules, made, number, is_parent_seen=is_parent_seen)

            assert {label for label in found if label.startswith("sigma:")} == expected, made
            matched |= expected
    assert len(matched) > len(oracle) * 0.9
