# SPDX-License-Identifier: Apache-2.0
"""Debian systems to boot in containers: one cached tree per release and list of packages.

Owns what is installed in them before execaudit is. The trees are never booted themselves and never
written: a container works on an overlay. It must not know how a container boots.
"""

from pathlib import Path

from tests.machine import cache, debian

RELEASES = ("bookworm", "trixie", "sid")
# What a server has anyway, and what the package of execaudit depends on: dpkg has no network.
PACKAGES = (
    "dbus",
    "init-system-helpers",
    "kmod",
    "libbpf1",
    "libcap2-bin",
    "procps",
    "python3",
    "python3-systemd",
    "systemd",
    "systemd-sysv",
)
# The bcc engine's, a compiler and headers to compile with, and those of the package's own tests.
MORE = ("autopkgtest", "dpkg-dev", "linux-headers-amd64", "python3-bpfcc")
# They would start by the clock, in the middle of a test.
_TIMERS = ("apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "e2scrub_all", "fstrim")
_SOURCES = [Path(module).read_text() for module in (__file__, debian.__file__)]


def tree(release: str, *more: str) -> Path:
    """Return the root directory of a Debian `release` with `more` packages."""
    packages = sorted({*PACKAGES, *more})

    def build(directory: Path) -> None:
        root = directory / "tree"
        debian.minimal(release, root, packages, "doc", "locale")
        (root / "etc/hostname").write_text("execaudit-test\n")
        (root / "etc/fstab").write_text("")
        # Empty, not absent: every boot gets an id of its own, and none is a first boot.
        (root / "etc/machine-id").write_text("")
        for name in _TIMERS:
            (root / f"etc/systemd/system/{name}.timer").symlink_to("/dev/null")

    kind = f"system-{release}" + ("-more" if more else "")
    return cache.entry(kind, cache.key([release, *packages, *_SOURCES]), build) / "tree"
