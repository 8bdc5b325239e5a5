# SPDX-License-Identifier: Apache-2.0
"""Compiles the programs of tests/integration/programs, all of them static.

Static, because they run in empty chroots and as copies with privileges. Run as a module with a
directory, it leaves the programs there for a machine without a compiler, whose tests find them
through EXECAUDIT_TEST_PROGRAMS.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).with_name("programs")
_FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-static"]
# 32-bit programs are built without a C library: there may be none.
_BARE = [
    *["-nostdlib", "-fno-pie", "-fno-stack-protector", "-ffreestanding"],
    "-fno-asynchronous-unwind-tables",
]
_X86_BARE = [*_BARE, "-no-pie", "-fcf-protection=none"]
_NATIVE = platform.machine()


def build_programs(directory: Path, machine: str = _NATIVE) -> Path:
    """Compile all programs into `directory`, or take those of EXECAUDIT_TEST_PROGRAMS.

    Returns the directory that holds them. For another `machine` than this one, its C library is
    needed.
    """
    if ready := os.environ.get("EXECAUDIT_TEST_PROGRAMS"):
        return Path(ready)
    cc = [*(["gcc"] if machine == _NATIVE else _clang(f"{machine}-linux-gnu")), *_FLAGS]
    _compile(cc, directory / "selfdump", "selfdump.c", "self.c")
    _compile(cc, directory / "execute", "execute.c", "self.c", "-pthread")
    _compile(cc, directory / "threads", "threads.c", "-pthread")
    _compile(cc, directory / "storm", "storm.c")
    _compile(cc, directory / "tiny", "tiny.c", "-nostdlib", "-ffreestanding")
    if machine == "x86_64":
        _compile(cc, directory / "tiny32", "tiny.c", "-m32", *_X86_BARE)
        _compile(cc, directory / "compat32", "compat.c", "-m32", *_X86_BARE)
        _compile(cc, directory / "compat64", "compat.c", "-m64", *_X86_BARE)
    if machine == "aarch64":
        clang32 = [*_clang("arm-linux-gnueabihf"), *_FLAGS]
        _compile(clang32, directory / "tiny32", "tiny.c", *_BARE)
        _compile(clang32, directory / "compat32", "compat.c", *_BARE)
    return directory


def _clang(target: str) -> list[str]:
    """Return a compiler for another machine: Debian's gcc for it cannot be beside gcc-multilib."""
    return ["clang", f"--target={target}", "-fuse-ld=lld"]


def _compile(compiler: list[str], output: Path, *arguments: str) -> None:
    subprocess.run([*compiler, "-o", output, *arguments], cwd=SOURCES, check=True)


if __name__ == "__main__":
    build_programs(Path(sys.argv[1]))
