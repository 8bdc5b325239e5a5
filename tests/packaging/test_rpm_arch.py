# SPDX-License-Identifier: Apache-2.0
"""The packages for Fedora and its like, and for Arch: what they hold, and the same each time."""

import filecmp
import re
import subprocess
from pathlib import Path

import pytest

from execaudit import __version__
from tests.packaging.build import CHECKOUT, artifact, build_into

PATTERNS = {"rpm": "*.rpm", "arch": "*.pkg.tar.zst"}
EXPECTED = (
    "/etc/execaudit/conf.d",
    "/etc/execaudit/execaudit.toml",
    "/usr/bin/execaudit",
    "/usr/lib/execaudit/bpf/execaudit.bpf.c",
    "/usr/lib/execaudit/bpf/execaudit-casts.bpf.o",
    "/usr/lib/execaudit/bpf/execaudit.bpf.o",
    "/usr/lib/systemd/system/execaudit.service",
    "/usr/lib/systemd/catalog/execaudit.catalog",
    "/usr/lib/sysusers.d/execaudit.conf",
    "/usr/lib/tmpfiles.d/execaudit.conf",
    "/usr/share/bash-completion/completions/execaudit",
    "/usr/share/zsh/site-functions/_execaudit",
)


def run(*command: str | Path, check: bool = True) -> str:
    done = subprocess.run(command, stdout=-1, stderr=subprocess.STDOUT, check=check, text=True)
    return str(done.stdout)


def content(package_format: str) -> set[str]:
    package = artifact(package_format, PATTERNS[package_format])
    if package_format == "rpm":
        return set(run("rpm", "--query", "--list", "--package", package).split("\n"))
    return {f"/{name.rstrip('/')}" for name in run("bsdtar", "-tf", package).splitlines()}


@pytest.mark.parametrize("package_format", PATTERNS)
def test_package_holds_what_a_system_service_needs(package_format: str) -> None:
    paths = content(package_format)

    assert set(EXPECTED) <= paths
    module = re.compile(r"/(?:site|dist)-packages/(?:.*/)?execaudit/cli/__init__\.py$")
    assert any(map(module.search, paths))
    assert any(path.startswith("/usr/share/man/man5/execaudit-record.5") for path in paths)


@pytest.mark.parametrize("package_format", PATTERNS)
def test_package_has_the_version_of_the_program(package_format: str) -> None:
    name = artifact(package_format, PATTERNS[package_format]).name
    assert name.startswith(f"execaudit-{__version__}-1")


@pytest.mark.parametrize("package_format", PATTERNS)
def test_two_builds_give_the_same_package(package_format: str, tmp_path: Path) -> None:
    build_into(tmp_path, package_format)

    first = artifact(package_format, PATTERNS[package_format])
    assert filecmp.cmp(tmp_path / first.name, first, shallow=False)


def test_command_of_arch_runs_the_system_python() -> None:
    package = artifact("arch", PATTERNS["arch"])
    script = run("bsdtar", "-xOf", package, "usr/bin/execaudit")

    assert script.startswith("#!/usr/bin/python3\n")


def test_rpm_is_clean_by_policy() -> None:
    spec = CHECKOUT / "packaging/rpm/execaudit.spec"
    config = CHECKOUT / "packaging/rpm/rpmlint.toml"
    said = run("rpmlint", "-c", config, artifact("rpm", PATTERNS["rpm"]), spec)
    assert "1 packages and 1 specfiles checked; 0 errors, 0 warnings" in said, said


def documented(command: str) -> set[str]:
    """Packages that docs/install.md has a reader install before building."""
    lines = (CHECKOUT / "docs/install.md").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith(command) and "git" in each]
    return set(run("bash", "-c", f"echo {line.removeprefix(command)}").split())


def test_guide_installs_what_building_the_rpm_needs() -> None:
    spec = (CHECKOUT / "packaging/rpm/execaudit.spec").read_text()
    needed = set(re.findall(r"^BuildRequires: +(\S+)", spec, re.MULTILINE))
    # What %pyproject_buildrequires asks for besides.
    generated = {f"python3-{name}" for name in ("packaging", "pip", "setuptools", "wheel")}
    assert needed | generated <= documented("dnf install ")


def test_guide_installs_what_building_for_arch_needs() -> None:
    names = 'echo "${depends[@]} ${makedepends[@]}"'
    needed = set(run("bash", "-c", f"source {CHECKOUT}/packaging/arch/PKGBUILD; {names}").split())
    there = {"make", "python", "systemd"}  # in base-devel, with python-build, in every system
    assert needed - there <= documented("pacman -S --needed ")
