# SPDX-License-Identifier: Apache-2.0
"""Compiles the programs of tests/integration/programs, all of them static.

Static, because they run in empty chroots and as copies with privileges. Run as a module with a
directory, it leaves the programs there for a machine without a compiler, whose tests find them
through EXECAUDIT_TEST_PROGRAMS.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.requirements import can_run_32_bit

SOURCES = Path(__file__).with_name("programs")
_FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-static"]
# 32-bit programs are built without a C library: there may be none.
_BARE = [
    *["-nostdlib", "-fno-pie", "-no-pie", "-fno-stack-protector", "-ffreestanding"],
    *["-fcf-protection=none", "-fno-asynchronous-unwind-tables"],
]


def build_programs(directory: Path) -> Path:
    """Compile all programs into `directory`, or take those of EXECAUDIT_TEST_PROGRAMS.

    Returns the directory that holds them.
    """
    if ready := os.environ.get("EXECAUDIT_TEST_PROGRAMS"):
        return Path(ready)
    _compile(directory / "selfdump", "selfdump.c", "self.c")
    _compile(directory / "execute", "execute.c", "self.c", "-pthread")
    _compile(directory / "threads", "threads.c", "-pthread")
    _compile(directory / "storm", "storm.c")
    _compile(directory / "tiny", "tiny.c", "-nostdlib", "-ffreestanding")
    if can_run_32_bit():
        _compile(directory / "tiny32", "tiny.c", "-m32", *_BARE)
        _compile(directory / "compat32", "compat.c", "-m32", *_BARE)
        _compile(directory / "compat64", "compat.c", "-m64", *_BARE)
    return directory


def _compile(output: Path, *arguments: str) -> None:
    subprocess.run(["gcc", *_FLAGS, "-o", output, *arguments], cwd=SOURCES, check=True)


if __name__ == "__main__":
    build_programs(Path(sys.argv[1]))
