# SPDX-License-Identifier: Apache-2.0
"""What the life of a package leaves in a booted system, whatever tool installs it.

Owns the list of files by which before and after are compared. It must not know what a package
holds.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.machine.service import Service

PACKAGE_TOOLS = ("pacman-package-manager", "rpm")
"""What a Debian system installs other distributions' packages with."""

# Of the package tools themselves, and what systemd and Python keep of everything.
_NOT_COMPARED = (
    "/etc/.pwd.lock",
    "/root/.rpmdb",
    "/run/log",
    "/run/systemd",
    "/run/udev",
    "/tmp",
    "/var/cache",
    "/var/lib/dpkg",
    "/var/lib/pacman",
    "/var/lib/rpm",
    "/var/lib/systemd/catalog",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/timers",
    "/var/log/dpkg.log",
    "/var/log/journal",
    "/var/log/lastlog",
    "/var/log/pacman.log",
    "/var/log/wtmp",
    "/var/tmp",
)
_USERS = ("group", "gshadow", "passwd", "shadow", "subuid", "subgid")
# Files of other services may go while it looks.
_LOOK = "find /etc /root /run /tmp /usr /var -ignore_readdir_race -xdev -printf '%p\\n'"


def files(service: Service) -> set[str]:
    """Return the paths of all files and directories that a package could have left."""
    found = service.output("sh", "-c", _LOOK).splitlines()
    users = {f"/etc/{name}{end}" for name in _USERS for end in ("", "-")}
    return {
        path
        for path in found
        if not path.startswith(_NOT_COMPARED) and "__pycache__" not in path and path not in users
    }


def run_tool(service: Service, command: Sequence[str], verb: str, package: Path | str) -> str:
    """Run a package tool on a file, or on a package by its name; return all that it says."""
    if isinstance(package, Path):
        inside = f"/var/tmp/{package.name}"
        service.container.copy(package, inside)
        package = inside
    done = service.run(*command, verb, package)
    return done.stdout + done.stderr


def traces_of_execaudit(service: Service) -> dict[str, str]:
    """Return what a running system still has of the service, by what says so; nothing is ''."""
    asked = {
        "process": "pgrep -f '[e]xecaudit daemon' || true",
        "unit": "systemctl list-unit-files --no-legend 'execaudit*'; "
        "systemctl list-units --all --no-legend 'execaudit*'",
        "runtime": "find /run -ignore_readdir_race -path '*execaudit*'",
        "enabled": "find /etc/systemd -name '*execaudit*' -path '*.wants*'",
    }
    return {name: service.output("sh", "-c", command) for name, command in asked.items()}


NOTHING = {"process": "", "unit": "", "runtime": "", "enabled": ""}
