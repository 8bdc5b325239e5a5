# SPDX-License-Identifier: Apache-2.0
"""The Debian root file systems that shippers and receivers run in, one for each kind, cached.

Debian's rsyslog and syslog-ng exclude each other, and neither belongs on the machine of whoever
runs the tests: nothing is installed there. Owns fetching them with mmdebstrap. It must not know
what is done in them; they are only ever read.
"""

import subprocess
import sys
from pathlib import Path

from tests.machine import cache

SUITE = "bookworm"
PACKAGES = {
    "rsyslog": ("rsyslog", "rsyslog-relp", "systemd", "systemd-journal-remote"),
    "syslog-ng": ("syslog-ng-core", "systemd"),
}
# A mirror's Release file is easily older than its validity; signatures are still checked.
_OPTIONS = ["--variant=minbase", '--aptopt=Acquire::Check-Valid-Until "false"']
_OPTIONS += [f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("doc", "man", "locale")]


def root(kind: str) -> Path:
    """Return the root file system with the programs of PACKAGES[kind], fetched if need be."""

    def build(directory: Path) -> None:
        print(f"shippers: making a {SUITE} root file system with {kind}", file=sys.stderr)
        include = f"--include={','.join(PACKAGES[kind])}"
        command = ["mmdebstrap", *_OPTIONS, include, SUITE, str(directory / "root")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Failed to make a root file system: {done.stderr[-2000:]}")

    version = cache.key([SUITE, *PACKAGES[kind], *_OPTIONS])
    return cache.entry(f"shippers-{kind}", version, build) / "root"
