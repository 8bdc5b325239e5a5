# SPDX-License-Identifier: Apache-2.0
"""Which hierarchies of control groups the host has (cgroups(7)).

Owns the reading of /proc/PID/cgroup, which names them all. It must not know what paths there mean.
"""

from typing import NamedTuple

_CGROUPS = "/proc/self/cgroup"
# Where service managers and container runtimes put processes; others (net_cls, say) are mounted
# for a purpose of their own on hosts whose groups are all in version 2.
_OLD_HIERARCHIES = {"name=systemd", "pids", "memory", "cpu", "devices", "freezer"}


class Hierarchies(NamedTuple):
    """What there is beside version 2."""

    are_old: bool
    """True if groups are kept in hierarchies of version 1, too."""
    named: int
    """Number of systemd's own hierarchy of version 1, which records follow; 0 if there is none."""


def find_hierarchies(cgroups: str = _CGROUPS) -> Hierarchies:
    """Return the hierarchies that `cgroups` names; none on a kernel without control groups."""
    try:
        # Of line ends the kernel keeps only "\n" out of paths.
        with open(cgroups, errors="replace", newline="\n") as file:
            lines = [line.split(":", 2) for line in file]
    except OSError:
        lines = []
    names = {name: int(number) for number, joined, _ in lines for name in joined.split(",")}
    return Hierarchies(not _OLD_HIERARCHIES.isdisjoint(names), names.get("name=systemd", 0))
