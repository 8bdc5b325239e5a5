# SPDX-License-Identifier: Apache-2.0
"""The packages that tests install: built by `./dev package`, once for each state of the source.

Owns the cache of built packages and what a package of another version is made of. It must not
know what tests do with them.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tests.machine import cache

CHECKOUT = Path(__file__).parents[2]
# Built from these; what else there is can change without making another package.
_SOURCES = ("CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "bpf", "docs", "execaudit",
            "packaging", "pyproject.toml", "setup.py", "systemd", "tests/golden")  # fmt: skip
_FOREIGN = {"__pycache__", "execaudit.egg-info"}


def deb() -> Path:
    """Return the Debian package of this checkout, for this machine's architecture."""
    return artifact("deb", "execaudit_*.deb")


def foreign_deb(architecture: str) -> Path:
    """Return the Debian package of this checkout for another architecture, built on this one."""

    def build(directory: Path) -> None:
        build_into(directory, "deb", HOST_ARCH=architecture)

    folder = cache.entry(f"{architecture}-package-deb", sources_key(), build)
    return next(folder.glob(f"execaudit_*_{architecture}.deb"))


def artifact(package_format: str, pattern: str) -> Path:
    """Return the one file of a format's artifacts that matches `pattern`."""
    (found,) = artifacts(package_format).glob(pattern)
    return found


def artifacts(package_format: str) -> Path:
    """Return the folder of what `./dev package` makes of this checkout in a format."""

    def build(directory: Path) -> None:
        build_into(directory, package_format)

    return cache.entry(f"package-{package_format}", sources_key(), build)


def build_into(directory: Path, package_format: str, **environ: str) -> None:
    """Build without the cache. Raises RuntimeError, with the output, where that fails."""
    done = subprocess.run(
        [CHECKOUT / "packaging/package", package_format, directory],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environ},
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Failed to build {package_format}:\n{done.stdout[-4000:]}")


def with_version(package: Path, version: str, directory: Path, **changed: str) -> Path:
    """Repack a Debian package under another version, for upgrades; returns the new file.

    `changed` is what is added at the end of files below etc/execaudit, by their names without
    suffix.
    """
    tree = directory / f"tree-{version}"
    _run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    lines = control.read_text().splitlines()
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join(lines) + "\n")
    for name, text in changed.items():
        with (tree / f"etc/execaudit/{name}.toml").open("a") as file:
            file.write(text)
    built = directory / f"execaudit_{version}.deb"
    _run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, built)
    shutil.rmtree(tree)
    return built


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def sources_key() -> str:
    """Names, modes and contents of all that a package is made of, and the time of the commit."""
    parts = [_commit_time()]
    for source in _SOURCES:
        top = CHECKOUT / source
        for path in sorted([top, *top.rglob("*")]):
            if path.is_file() and not _FOREIGN & set(path.parts):
                text = path.read_bytes().decode("latin-1")
                parts += [str(path.relative_to(CHECKOUT)), oct(path.stat().st_mode), text]
    return cache.key(parts)


def _commit_time() -> str:
    command = ["git", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=-1, check=False, text=True)
    return done.stdout
