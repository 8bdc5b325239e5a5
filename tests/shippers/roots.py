# SPDX-License-Identifier: Apache-2.0
"""The Debian root file systems that shippers and receivers run in, one for each kind, cached.

Debian's rsyslog and syslog-ng exclude each other, and neither belongs on the machine of whoever
runs the tests: nothing is installed there. It must not know what is done in them; they are only
ever read.
"""

from pathlib import Path

from tests.machine import cache, debian

SUITE = "bookworm"
PACKAGES = {
    "rsyslog": ("rsyslog", "rsyslog-relp", "systemd", "systemd-journal-remote"),
    "syslog-ng": ("syslog-ng-core", "systemd"),
}
_LEFT_OUT = ("doc", "man", "locale")


def root(kind: str) -> Path:
    """Return the root file system with the programs of PACKAGES[kind], fetched if need be."""

    def build(directory: Path) -> None:
        debian.minimal(SUITE, directory / "root", PACKAGES[kind], *_LEFT_OUT)

    version = cache.key([SUITE, *PACKAGES[kind], *_LEFT_OUT])
    return cache.entry(f"shippers-{kind}", version, build) / "root"
