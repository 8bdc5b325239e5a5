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
    """Groups are kept in hierarchies of version 1, too."""
    named: int
    """The number of systemd's own one of these, which records follow; 0 if there is none."""


def find_hierarchies(cgroups: str = _CGROUPS) -> Hierarchies:
    """Return what `cgroups` names; a kernel without control groups has none."""
    try:
        with open(cgroups, errors="replace") as file:
            lines = [line.split(":", 2) for line in file]
    except OSError:
        lines = []
    names = {name: int(number) for number, joined, _ in lines for name in joined.split(",")}
    return Hierarchies(not _OLD_HIERARCHIES.isdisjoint(names), names.get("name=systemd", 0))
