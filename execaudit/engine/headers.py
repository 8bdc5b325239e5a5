# SPDX-License-Identifier: Apache-2.0
"""Kernel headers for the BCC engine: finding some that BCC can compile with.

Owns the search, and the joining of trees that a distribution splits. Which offsets the compiled
programs use is not decided here.
"""

import os
import re
from pathlib import Path

KERNEL_HEADERS = Path("/sys/kernel/kheaders.tar.xz")
"""The running kernel's own, where it was built with them (CONFIG_IKHEADERS); BCC unpacks it."""

_MODULES = Path("/lib/modules")
_MACHINE_FOLDERS = {"x86_64": "x86", "aarch64": "arm64"}


def running_headers() -> Path | None:
    """Return the build tree of the running kernel, where BCC finds it by itself."""
    build = _MODULES / os.uname().release / "build"
    return build if build.exists() else None


def any_headers() -> Path | None:
    """Return the build tree of the running kernel, else of the newest kernel that has one."""
    trees = [path for path in _MODULES.glob("*/build") if (path / "include/generated").exists()]
    return running_headers() or max(trees, key=_version, default=None)


def _version(tree: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", tree.parent.name)]


def join_trees(build: Path, into: Path) -> Path:
    """Join `build` and its "source" sibling, which Debian splits, by links in `into`.

    For a kernel that is not the running one, BCC takes a single directory (BCC_KERNEL_SOURCE).
    """
    source = build.parent / "source"
    if not source.exists() or source.resolve() == build.resolve():
        return build
    machine = os.uname().machine
    arch = f"arch/{_MACHINE_FOLDERS.get(machine, machine)}"
    for folder in ("include", "include/linux", f"{arch}/include", f"{arch}/include/asm"):
        (into / folder).mkdir(parents=True, exist_ok=True)
        for tree in (build, source):
            if (tree / folder).is_dir():
                _link_entries(tree / folder, into / folder)
    return into


def _link_entries(origin: Path, target: Path) -> None:
    for entry in origin.iterdir():
        link = target / entry.name
        if not link.exists():
            link.symlink_to(entry.resolve())
