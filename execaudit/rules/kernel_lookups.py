# SPDX-License-Identifier: Apache-2.0
"""What the kernel's rules are about on this host: inodes of programs, ids of control groups.

Owns the look-ups that `kernel_rules` leaves to others. It decides nothing.
"""

import os
import stat
from pathlib import Path

from execaudit.rules.kernel_rules import KernelLookups

_CGROUPS = Path("/sys/fs/cgroup")
_MOST_HELD = 512  # the unit allows 1024 descriptors


class PinnedPrograms:
    """Finds programs, and keeps those that it found from being anything else.

    The number of an inode is given to another file as soon as nothing holds the first one: a
    descriptor does, for as long as the kernel may be asked for that number.
    """

    def __init__(self) -> None:
        self._fds: list[int] = []

    def find(self, path: str) -> tuple[int, int] | None:
        """Device, as the kernel counts it, and inode of a program with one name only.

        Through a symbolic link the kernel would find what records show under another name; of a
        file with several names (busybox, say) the kernel does not know which was called. None
        too where no more can be held.
        """
        if len(self._fds) >= _MOST_HELD:
            return None
        try:
            if os.path.realpath(path, strict=True) != path:
                return None
            fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        status = os.fstat(fd)
        if status.st_nlink != 1 or not stat.S_ISREG(status.st_mode):
            os.close(fd)
            return None
        self._fds.append(fd)
        return os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino

    def close(self) -> None:
        """Release them."""
        while self._fds:
            os.close(self._fds.pop())


def kernel_lookups(programs: PinnedPrograms, cgroups: Path = _CGROUPS) -> KernelLookups:
    """Look-ups for the kernel's rules. `cgroups` is where the v2 hierarchy is mounted."""
    return KernelLookups(exe=programs.find, cgroup=lambda path: _find_cgroup(cgroups, path))


def _find_cgroup(cgroups: Path, path: str) -> int | None:
    """A control group's id is the inode number of its directory (kernfs)."""
    try:
        return (cgroups / path.lstrip("/")).stat().st_ino
    except (OSError, ValueError):
        return None
