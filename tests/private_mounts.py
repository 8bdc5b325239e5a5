# SPDX-License-Identifier: Apache-2.0
"""Runs a function where it may mount what it likes: in a child with mounts of its own.

Owns the child and its mount namespace. Whatever it mounted is gone when it ends, however it ends.
"""

import ctypes
import functools
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | 1 << 18
_TIME_LIMIT_S = 120

P = ParamSpec("P")


def in_private_mounts(function: Callable[P, None]) -> Callable[P, None]:
    """Have a test run in a child with private mounts; an exception there fails it here."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _be_child(writing, lambda: function(*args, **kwargs))
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read().decode(errors="replace")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == 0, f"exit status {status} in a child with private mounts\n{said}"

    return run


def _be_child(report: int, function: Callable[[], None]) -> None:
    status = 1
    try:
        signal.alarm(_TIME_LIMIT_S)
        libc = ctypes.CDLL(None, use_errno=True)
        results = (
            libc.unshare(_CLONE_NEWNS),
            libc.mount(None, b"/", None, _MS_REC_PRIVATE, None),
        )
        assert results == (0, 0), os.strerror(ctypes.get_errno())
        function()
        status = 0
    except BaseException:  # told to the parent
        os.write(report, traceback.format_exc().encode())
    finally:
        sys.stderr.flush()
        os._exit(status)


def run(*command: str | Path) -> str:
    """Run a program that must succeed; its output."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def mount_tmpfs(at: Path, options: str) -> None:
    """Mount an empty tmpfs."""
    at.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"mode=0750,{options}", "tmpfs", at)


def mount_ext4(at: Path, image: Path, *, size_kib: int, options: str = "") -> None:
    """Mount an ext4 of its own, through a loop device that goes away with the mount."""
    at.mkdir(exist_ok=True)
    if not image.exists():
        run("truncate", "-s", f"{size_kib}K", image)
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "1024", image)
    run("mount", "-o", ",".join(filter(None, ("loop", options))), image, at)
