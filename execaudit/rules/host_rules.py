# SPDX-License-Identifier: Apache-2.0
"""Rules on this host: names of users and groups, inodes of programs, ids of control groups.

Owns the look-ups that `rules` and `kernel_rules` leave to others. It decides nothing.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from execaudit.config.problem import Problem
from execaudit.rules.kernel_rules import KernelLookups
from execaudit.rules.rule_set import RuleSet, compile_rules
from execaudit.rules.source import RuleTable
from execaudit.rules.text_conditions import Lookups

_CGROUPS = Path("/sys/fs/cgroup")
_MOST_HELD = 512  # the unit allows 1024 descriptors


def compile_here(
    tables: Iterable[RuleTable], regex_bytes: int
) -> tuple[RuleSet | None, list[Problem]]:
    """Compile rules with the users and groups of this host."""
    return compile_rules(tables, Lookups(user=_find_user, group=_find_group), regex_bytes)


def _find_user(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):  # ValueError: a NUL in the name
        return None


def _find_group(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


class Programs:
    """Finds programs, and keeps those that it found from being anything else.

    The number of an inode is given to another file as soon as nothing holds the first one: a
    descriptor does, for as long as the kernel may be asked for that number.
    """

    def __init__(self) -> None:
        self._fds: list[int] = []

    def find(self, path: str) -> tuple[int, int] | None:
        """Device, as the kernel counts it, and inode of a program with one name only.

        Through a symbolic link the kernel would find what records show under another name; of a
        file with several names (busybox, say) it could not tell which was called. None too where
        no more can be held.
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
        """Let go of them."""
        while self._fds:
            os.close(self._fds.pop())


def kernel_lookups(programs: Programs, cgroups: Path = _CGROUPS) -> KernelLookups:
    """Look-ups for the kernel's rules. `cgroups` is where the v2 hierarchy is mounted."""
    return KernelLookups(exe=programs.find, cgroup=lambda path: _find_cgroup(cgroups, path))


def _find_cgroup(cgroups: Path, path: str) -> int | None:
    """A control group's id is the inode number of its directory (kernfs)."""
    try:
        return (cgroups / path.lstrip("/")).stat().st_ino
    except (OSError, ValueError):
        return None


def linked_programs(rules: RuleSet) -> Iterator[tuple[int, str, str]]:
    """Programs that rules name by a path which records do not have: rule, path, the real one.

    On most systems /bin is a symbolic link to /usr/bin, and records carry the resolved path.
    """
    for index, rule in enumerate(rules.rules):
        for term in rule.terms:
            for condition, _ in term:
                if condition.field not in ("exe", "parent.exe", "ancestor.exe"):
                    continue
                for pattern in condition.elements:
                    if pattern.kind == "exact":
                        real = os.path.realpath(pattern.text)
                        if real != pattern.text and os.path.exists(real):  # noqa: PTH110
                            yield index, pattern.text, real
