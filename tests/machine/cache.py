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
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(os.environ.get("EXECAUDIT_CACHE", "/var/cache/execaudit-dev")) / "machine"

KEEP_DAYS = 14


def key(parts: Iterable[str]) -> str:
    """Twelve hex digits that change when any of `parts` does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@contextlib.contextmanager
def _locked(kind: str) -> Iterator[None]:
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget(kind: str) -> None:
    """Remove what there is of a kind."""
    with _locked(kind):
        for old in ROOT.glob(f"{kind}-*"):
            shutil.rmtree(old)


def _remove_old(kind: str) -> None:
    """Remove what no checkout has asked for in a while: each holds hundreds of megabytes."""
    oldest = time.time() - KEEP_DAYS * 86400
    for old in ROOT.glob(f"{kind}-" + "[0-9a-f]" * 12):  # not those of kinds with a longer name
        if old.stat().st_mtime < oldest:
            shutil.rmtree(old)


def entry(kind: str, version: str, build: Callable[[Path], None]) -> Path:
    """Return the directory `kind`-`version`, made by `build` if it is not there yet.

    `build` gets an empty directory to fill. Other versions of the kind may belong to another
    checkout; they are removed when unused for KEEP_DAYS.
    """
    wanted = ROOT / f"{kind}-{version}"
    with _locked(kind):
        if not wanted.is_dir():
            _build(ROOT / f"{kind}.unfinished", wanted, build)
        os.utime(wanted)
        _remove_old(kind)
    return wanted


def _build(unfinished: Path, wanted: Path, build: Callable[[Path], None]) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(unfinished)
    unfinished.mkdir()
    start = time.monotonic()
    print(f"tests: making {wanted.name}", file=sys.stderr, flush=True)
    try:
        build(unfinished)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    unfinished.rename(wanted)
    took = time.monotonic() - start
    print(f"tests: made {wanted.name} ({took:.0f} s)", file=sys.stderr, flush=True)
