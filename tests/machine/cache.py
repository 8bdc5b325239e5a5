# SPDX-License-Identifier: Apache-2.0
"""The cache of things that take long to make: root file systems, kernels.

Owns where they lie and that an entry is either whole or absent, also when two runs want it at once
or one is killed half way. It must not know what the entries hold.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(os.environ.get("EXECAUDIT_CACHE", "/var/cache/execaudit-dev")) / "machine"


def key(parts: Iterable[str]) -> str:
    """Twelve hex digits that change when any of `parts` does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def entry(kind: str, version: str, build: Callable[[Path], None]) -> Path:
    """Return the directory `kind`-`version`, made by `build` if it is not there yet.

    `build` gets an empty directory to fill. Entries of the same kind with another version are
    removed: they would never be asked for again and hold hundreds of megabytes.
    """
    ROOT.mkdir(parents=True, exist_ok=True)
    wanted = ROOT / f"{kind}-{version}"
    with (ROOT / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if wanted.is_dir():
            return wanted
        unfinished = ROOT / f"{kind}.unfinished"
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(unfinished)
        unfinished.mkdir()
        try:
            build(unfinished)
        except BaseException:
            shutil.rmtree(unfinished)
            raise
        for old in ROOT.glob(f"{kind}-*"):
            shutil.rmtree(old)
        unfinished.rename(wanted)
    return wanted
