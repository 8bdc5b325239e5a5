# SPDX-License-Identifier: Apache-2.0
"""The sample, the reference page and the samples of rules say what the program does."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from execaudit.config.configuration import Config, load, read_rules
from execaudit.config.configuration import Paths as ConfigPaths
from execaudit.config.redact import RedactPattern
from execaudit.config.schema import SECTIONS
from execaudit.config.values import TablesOf
from tests.configuration_texts import REFERENCE, SAMPLE
from tests.unit.config_tree import load_text, shown_problems, write_file

RULES = sorted((SAMPLE.parent / "rules.d").iterdir())
KEYS = [(section, each.name) for section, form in SECTIONS.items() for each in fields(form)]


def uncomment(sample: str) -> str:
    return re.sub(r"^#(?=[a-z_]+ = )", "", sample, flags=re.MULTILINE)


def test_sample_as_shipped_changes_nothing(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, SAMPLE.read_text())

    assert loaded.problems == ()
    assert loaded.config == Config()
    assert loaded.origins == {}


def test_sample_uncommented_gives_every_key_its_default(tmp_path: Path) -> None:
    text = uncomment(SAMPLE.read_text())

    loaded = load_text(tmp_path, text)

    assert loaded.problems == ()
    assert loaded.config == Config()
    named = {(section, key) for section, keys in tomllib.loads(text).items() for key in keys}
    assert named == {path for path in KEYS if path != ("redact", "pattern")}
    assert loaded.origins.keys() == named


def test_example_of_a_pattern_in_the_sample_is_right(tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    example = re.search(r"^# \[\[redact\.pattern\]\]\n(?:# \w+ = .*\n)+", text, re.MULTILINE)
    assert example

    loaded = load_text(tmp_path, re.sub(r"^# ", "", example[0], flags=re.MULTILINE))

    assert loaded.problems == ()
    match = loaded.config.redact.pattern[0].regex.search(b"login --badge=12345678")
    assert match
    assert match["secret"] == b"12345678"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_in_the_reference_with_its_default_and_what_it_takes(
    section: str, key: str
) -> None:
    page = REFERENCE.read_text()
    chapter = page.partition(f"\n### [{section}]\n")[2].partition("\n### ")[0]
    metadata = {each.name: each for each in fields(SECTIONS[section])}[key]
    kind = metadata.metadata["kind"]

    if isinstance(kind, TablesOf):
        patterns = page.partition("\n### [[redact.pattern]]\n")[2]
        assert all(f"| `{each.name}` |" in patterns for each in fields(RedactPattern))
    else:
        assert f"| `{key}` | `{kind.show(metadata.default)}` | {kind.expected} |" in chapter


def test_problems_shown_in_the_reference_are_what_is_printed(tmp_path: Path) -> None:
    text = '# somewhere\n[file]\ngrup = "adm"\nkeep_age = "90x"\n'
    write_file(tmp_path, "etc/execaudit/conf.d/50-site.toml", text)

    loaded = load(ConfigPaths.of_system(tmp_path))

    lines = shown_problems(loaded, tmp_path)
    assert "\n".join(f"/{line}" for line in lines) in REFERENCE.read_text()


def test_first_example_of_the_reference_is_right(tmp_path: Path) -> None:
    example = re.search(r"```\n(# /etc/execaudit/conf\.d.*?)```", REFERENCE.read_text(), re.DOTALL)
    assert example

    assert load_text(tmp_path, example[1]).problems == ()


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_samples_of_rules_are_not_in_force_and_right_when_copied(
    path: Path, tmp_path: Path
) -> None:
    rules, problems = read_rules(path.read_text(), path.name)
    assert problems == []
    assert rules
    assert all({"name", "action"} <= rule.values.keys() for rule in rules)

    write_file(tmp_path, f"rules.d/{path.name}", path.read_bytes())
    assert load_text(tmp_path, "").rules == ()

    write_file(tmp_path, f"rules.d/{path.stem}", path.read_bytes())
    assert len(load_text(tmp_path, "").rules) == len(rules)
