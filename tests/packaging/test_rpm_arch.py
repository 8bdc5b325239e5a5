# SPDX-License-Identifier: Apache-2.0
"""The packages for Fedora and its like, and for Arch: what they hold, and the same each time."""

import filecmp
import re
import subprocess
from pathlib import Path

import pytest

from execaudit import __version__
from tests.packaging.build import artifact, build_into

PATTERNS = {"rpm": "*.rpm", "arch": "*.pkg.tar.zst"}
EXPECTED = (
    "/etc/execaudit/conf.d",
    "/etc/execaudit/execaudit.toml",
    "/usr/bin/execaudit",
    "/usr/lib/execaudit/bpf/execaudit.bpf.c",
    "/usr/lib/execaudit/bpf/execaudit.bpf.o",
    "/usr/lib/systemd/system/execaudit.service",
    "/usr/lib/systemd/catalog/execaudit.catalog",
    "/usr/lib/sysusers.d/execaudit.conf",
    "/usr/lib/tmpfiles.d/execaudit.conf",
    "/usr/share/bash-completion/completions/execaudit",
    "/usr/share/zsh/site-functions/_execaudit",
)


def run(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=-1, stderr=subprocess.STDOUT, check=True, text=True)
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
    assert any(re.search(r"/site-packages/execaudit/cli\.py$|/dist-packages/.*cli\.py$", path)
               for path in paths)  # fmt: skip
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


def test_rpm_installs_into_an_empty_root(tmp_path: Path) -> None:
    package = artifact("rpm", PATTERNS["rpm"])
    root = ["--root", str(tmp_path), "--nodeps"]
    run("rpm", *root, "--noscripts", "--install", package)

    assert (tmp_path / "usr/lib/execaudit/bpf/execaudit.bpf.o").stat().st_size > 100_000
    assert run("rpm", *root, "--verify", "--nouser", "--nogroup", "execaudit") == ""
