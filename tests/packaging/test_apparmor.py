# SPDX-License-Identifier: Apache-2.0
"""The AppArmor profile is one that the parser takes. Guests load and enforce it."""

import subprocess
from pathlib import Path

import pytest

from tests.packaging.build import CHECKOUT

PROFILE = CHECKOUT / "packaging/apparmor/execaudit"
# For a kernel that has all of it, which this machine's need not.
FEATURES = "--features-file=/etc/apparmor.d/abi/3.0"
PARSER = (
    "apparmor_parser",
    "--skip-kernel-load",
    "--skip-cache",
    "--warn=all",
    "--Werror",
    FEATURES,
)


def parse(profile: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PARSER, profile], capture_output=True, check=False, text=True)


def test_profile_is_understood_without_a_warning() -> None:
    assert parse(PROFILE).returncode == 0, parse(PROFILE).stderr
    names = subprocess.run([*PARSER, "--names", PROFILE], stdout=-1, check=True, text=True).stdout
    assert names.split() == ["execaudit"]


@pytest.mark.parametrize("mistake", ["capability bpff,", "/etc/shadow q,", "include <nothing>"])
def test_mistake_in_it_would_be_found(tmp_path: Path, mistake: str) -> None:
    wrong = tmp_path / "execaudit"
    wrong.write_text(PROFILE.read_text().replace("  # Itself.\n", f"  {mistake}\n"))
    assert wrong.read_text() != PROFILE.read_text()
    assert parse(wrong).returncode != 0


def test_profile_is_enforced_and_named_by_the_unit() -> None:
    (head,) = [line for line in PROFILE.read_text().splitlines() if line.startswith("profile ")]
    assert "complain" not in head
    unit = (CHECKOUT / "systemd/execaudit.service").read_text()
    assert "\nAppArmorProfile=-execaudit\n" in unit
