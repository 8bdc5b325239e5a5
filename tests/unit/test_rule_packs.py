# SPDX-License-Identifier: Apache-2.0
"""Packs of rules, their parts and single rules are switched on and off."""

import shutil
from pathlib import Path

import pytest

from execaudit.cli import main
from execaudit.config.configuration import Paths, load
from execaudit.rules.rule_set import find_problems
from tests.integration.requirements import CHECKOUT

PACK = CHECKOUT / "packaging/config/detections.d"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Lay out a system with the pack and without rules."""
    shutil.copytree(PACK, tmp_path / "usr/share/execaudit/detections.d")
    (tmp_path / "etc/execaudit/rules.d").mkdir(parents=True)
    return tmp_path


def names(root: Path) -> set[str]:
    loaded = load(Paths.of_system(root))
    assert find_problems(loaded) == ()
    return {rule.values["name"] for rule in loaded.rules}


def switch(root: Path, verb: str, name: str) -> int:
    return main(["rules", verb, "--root", str(root), name])


def test_pack_is_off_until_enabled_and_off_again(root: Path) -> None:
    assert names(root) == set()

    assert switch(root, "enable", "detections") == 0
    assert len(names(root)) >= 80
    links = sorted((root / "etc/execaudit/rules.d").iterdir())
    assert {str(link.readlink().parent) for link in links} == {"/usr/share/execaudit/detections.d"}

    assert switch(root, "disable", "detections") == 0
    assert names(root) == set()


def test_part_of_a_pack_is_switched_alone(root: Path) -> None:
    assert switch(root, "enable", "detections/network") == 0
    some = names(root)
    assert switch(root, "enable", "detections") == 0
    assert switch(root, "disable", "detections/network") == 0

    assert names(root)
    assert names(root).isdisjoint(some)


@pytest.mark.parametrize("part", ["none", "/etc/passwd", "**x", "*"])
def test_part_that_a_pack_lacks_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    assert switch(root, "enable", f"detections/{part}") == 2
    assert f"Failed to find '{part}' in the pack 'detections'" in capsys.readouterr().err


def test_single_rule_is_switched_and_listed_as_off(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    switch(root, "enable", "detections")
    before = names(root)

    assert switch(root, "disable", "tool fetched from the network") == 0
    assert names(root) == before - {"tool fetched from the network"}
    capsys.readouterr()
    main(["rules", "--root", str(root)])
    assert "[off]     tool fetched from the network\n" in capsys.readouterr().out

    assert switch(root, "enable", "tool fetched from the network") == 0
    assert names(root) == before
    assert not (root / "etc/execaudit/rules.d/90-disabled.toml").exists()


def test_what_is_so_already_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    switch(root, "enable", "detections")
    capsys.readouterr()

    assert switch(root, "enable", "detections") == 0
    assert capsys.readouterr().out == "detections is on already\n"


@pytest.mark.parametrize("name", ["nosuch", "detections/nosuch", "../x", "no such rule"])
@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_unknown_name_is_refused(root: Path, verb: str, name: str) -> None:
    switch(root, "enable", "detections")

    assert switch(root, verb, name) == 2


def test_list_of_disabled_rules_must_be_names(root: Path) -> None:
    (root / "etc/execaudit/rules.d/x.toml").write_text("disable = [1]\n")

    (problem,) = load(Paths.of_system(root)).problems
    assert problem.text == "is [1], expected a list of names of rules"
