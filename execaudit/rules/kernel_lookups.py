# SPDX-License-Identifier: Apache-2.0
"""What the kernel's rules are about on this host: inodes of programs, ids of control groups.

Owns the look-ups that `kernel_rules` leaves to others. It decides nothing.
"""

import os
import re
import stat
from pathlib import Path

from execaudit.kernel.file_systems import find_file_systems
from execaudit.records.cgroup import has_old_hierarchies
from execaudit.rules.kernel_rules import KernelLookups

_CGROUPS = Path("/sys/fs/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")
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
        file with several names (busybox, say) the kernel does not know which was called. Nor does
        it know files apart on overlayfs, or where device and inode are not what it compares. None
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
        is_one = status.st_nlink == 1 and stat.S_ISREG(status.st_mode)
        if not is_one or not _is_told_apart(fd, status.st_dev):
            os.close(fd)
            return None
        self._fds.append(fd)
        return os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino

    def close(self) -> None:
        """Release them."""
        while self._fds:
            os.close(self._fds.pop())


def _is_told_apart(fd: int, device: int) -> bool:
    """Return True if the kernel side knows the file by device and inode, as stat(2) gives them."""
    number = re.search(r"^mnt_id:\s*(\d+)$", _fd_info(fd), re.MULTILINE)
    for line in _MOUNTS.read_text(errors="replace").splitlines():
        mount, _, superblock, *rest = line.split()
        if number is None or mount != number[1]:
            continue
        kind = rest[rest.index("-") + 1]
        if kind == "btrfs":
            return find_file_systems().btrfs_root_back != 0
        return kind != "overlay" and superblock == f"{os.major(device)}:{os.minor(device)}"
    return False


def _fd_info(fd: int) -> str:
    return Path(f"/proc/self/fdinfo/{fd}").read_text()


def kernel_lookups(programs: PinnedPrograms, cgroups: Path = _CGROUPS) -> KernelLookups:
    """Look-ups for the kernel's rules. `cgroups` is where the v2 hierarchy is mounted."""
    return KernelLookups(exe=programs.find, cgroup=lambda path: _find_cgroup(cgroups, path))


def _find_cgroup(cgroups: Path, path: str) -> int | None:
    """A control group's id is the inode number of its directory (kernfs)."""
    try:
        if path == "/" and has_old_hierarchies():
            return None  # there all processes are, and records do not say so
        return (cgroups / path.lstrip("/")).stat().st_ino
    except (OSError, ValueError):
        return None
