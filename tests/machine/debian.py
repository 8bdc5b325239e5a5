# SPDX-License-Identifier: Apache-2.0
"""Making trees of Debian packages with mmdebstrap.

Owns the options that every one of them needs. It must not know what the packages are for.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# A mirror's Release file of a moving suite is easily older than its validity, and an archived
# suite's always is; signatures are still checked.
_APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'Acquire::Languages "none"')


def run(command: Sequence[str | Path]) -> None:
    """Run a command; the end of what it said becomes the error. Raises RuntimeError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise RuntimeError(f"Failed to run '{command[0]}': exit status {done.returncode}\n{tail}")


def say(message: str, start: float | None = None) -> None:
    """Tell what takes a while, and at its end how long it took."""
    took = "" if start is None else f" ({time.monotonic() - start:.0f} s)"
    print(f"machine: {message}{took}", file=sys.stderr, flush=True)


def mmdebstrap(suite: str, tree: Path, packages: Sequence[str], *options: str) -> None:
    """Make a tree of a suite's `packages` and, unless the variant says no, what they depend on."""
    apt = [f"--aptopt={option}" for option in _APT_OPTIONS]
    run(["mmdebstrap", *options, *apt, f"--include={','.join(packages)}", suite, tree])
