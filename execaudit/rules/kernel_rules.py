# SPDX-License-Identifier: Apache-2.0
"""Which drop rules the kernel can decide, and the keys of the map it looks them up in.

Owns the translation, and the look-up of paths and control groups on this host; the map is filled
elsewhere. The kernel has one hash map without order or combinations, so it takes only rules that
are alternatives of single exact values, and only as long as no rule before them could have kept the
record or held for its descendants. User space keeps the rules that the kernel decides: for what was
not in the map yet, and for reading back.
"""

import contextlib
import os
import re
import stat
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from execaudit.kernel.file_systems import find_file_systems
from execaudit.kernel.hierarchies import find_hierarchies
from execaudit.rules.field_values import COMM_BYTES
from execaudit.wire import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from execaudit.rules.conditions import Condition
    from execaudit.rules.rule import Rule

MOST_KEYS = 4096
_MOST_HELD = 512  # the unit allows 1024 descriptors
_CGROUPS = Path("/sys/fs/cgroup")
_NAMED_CGROUPS = _CGROUPS / "systemd"
_MOUNTS = Path("/proc/self/mountinfo")
_MOST_IDS = 1024  # in one condition, each a key of its own


class Kind(IntEnum):
    """What a key is compared with; `kind` of the map's key."""

    UID = 1
    AUID = 2
    GID = 3
    CGROUP = 4  # the process's control group or any it lies in
    COMM = 5
    EXE = 6


class Key(NamedTuple):
    """A key without its generation.

    Attributes:
        kind: what is compared.
        a: the id; the control group's id; the first 8 bytes of comm; the device (major << 20 |
            minor, as in the wire format).
        b: the next 8 bytes of comm; the inode; 1 for a control group of systemd's own hierarchy;
            else 0.

    """

    kind: Kind
    a: int
    b: int


class KernelLookups:
    """Finds what rules name on this host: inodes of programs, ids of control groups.

    A file system reuses the number of an inode as soon as nothing holds the file: a descriptor
    holds it, until close().
    """

    def __init__(self, cgroups: Path = _CGROUPS, named: Path = _NAMED_CGROUPS) -> None:
        """Take the mount points of the v2 hierarchy and of systemd's own, if there is one."""
        self._cgroups = cgroups
        self._named = named
        self._fds: list[int] = []

    def exe(self, path: str) -> tuple[int, int] | None:
        """Return device (major << 20 | minor) and inode of a program with one name only, else None.

        Through a symbolic link the kernel would find what records show under another name; of a
        file with several names (busybox, say) the kernel does not know which was called. Nor does
        it know files apart on overlayfs, or where device and inode are not what it compares. None
        too where no more descriptors can be held.
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
        if not is_one or not _is_known_by_numbers(fd, status.st_dev):
            os.close(fd)
            return None
        self._fds.append(fd)
        return os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino

    def cgroup(self, path: str) -> list[tuple[int, int]]:
        """Return the ids of control groups of a path: inode numbers of their directories (kernfs).

        Beside each stands 1 if it is one of systemd's own hierarchy, else 0: the numbers of one
        hierarchy mean other groups in another.
        """
        hierarchies = find_hierarchies()
        if path == "/" and hierarchies.are_old:
            return []  # all processes are in it, also those that records show elsewhere
        tops = [self._cgroups, *([self._named] if hierarchies.named else [])]
        found = []
        for is_named, top in enumerate(tops):
            with contextlib.suppress(OSError, ValueError):
                found.append(((top / path.lstrip("/")).stat().st_ino, is_named))
        return found

    def close(self) -> None:
        """Release the programs."""
        while self._fds:
            os.close(self._fds.pop())


def _is_known_by_numbers(fd: int, device: int) -> bool:
    """Return True if the kernel side knows the file by device and inode, as stat(2) gives them."""
    try:
        info = Path(f"/proc/self/fdinfo/{fd}").read_bytes()
        mounts = _MOUNTS.read_bytes()
    except OSError:
        return False
    number = re.search(rb"^mnt_id:\s*(\d+)$", info, re.MULTILINE)
    # As bytes: users name mount points (FUSE), and text knows more line ends and blanks than the
    # kernel escapes there.
    for line in mounts.split(b"\n"):
        mount, *rest = line.split(b" ")
        if number is None or mount != number[1]:
            continue
        kind = rest[rest.index(b"-") + 1]
        if kind == b"btrfs":
            return find_file_systems().btrfs_root_back != 0
        superblock = b"%d:%d" % (os.major(device), os.minor(device))
        return kind != b"overlay" and rest[1] == superblock
    return False


class KernelRules(NamedTuple):
    """The rules that the kernel decides.

    Attributes:
        keys: keys of the map, each with the index of its rule, for its hits.
        rules: indices of these rules.
        watched: paths of programs and control groups, whose keys change when these are replaced or
            appear: they are looked up again from time to time.

    """

    keys: dict[Key, int]
    rules: frozenset[int]
    watched: frozenset[str]


def translate_rules(rules: "Iterable[Rule]", lookups: KernelLookups) -> KernelRules:
    """Return the rules that the kernel can decide, as keys."""
    keys: dict[Key, int] = {}
    decided: set[int] = set()
    watched: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.action == "keep" or rule.descendants:
            break  # rules after it depend on this one, which the kernel does not know
        if rule.action != "drop" or not is_for_kernel(rule):
            continue
        found: list[Key] = []
        for (condition, _), *_ in rule.terms:
            found += _keys(condition, lookups)
            if condition.field in ("exe", "cgroup"):
                watched.update(pattern.text for pattern in condition.elements)
        new = [key for key in found if key not in keys]
        if not found or len(keys) + len(new) > MOST_KEYS:
            continue
        keys |= dict.fromkeys(new, index)
        decided.add(index)
    return KernelRules(keys, frozenset(decided), frozenset(watched))


def is_for_kernel(rule: "Rule") -> bool:
    """Return True if a rule has a form that the kernel can decide."""
    # Implied conditions on the root directory do not matter: the kernel compares the file itself,
    # which is the same in every root.
    return bool(rule.terms) and all(
        first.wanted
        and _is_for_kernel(first.condition)
        and not any(other.condition.path for other in others)
        for first, *others in rule.terms
    )


def _is_for_kernel(condition: "Condition") -> bool:
    if condition.field in ("uid", "gid", "auid"):
        return sum(1 if each is None else len(each) for each in condition.elements) <= _MOST_IDS
    if condition.field in ("exe", "cgroup", "comm"):
        return all(pattern.exact is not None for pattern in condition.elements)
    return False


def _keys(condition: "Condition", lookups: KernelLookups) -> list[Key]:
    kind = Kind[condition.field.upper()]
    keys: list[Key] = []
    for element in condition.elements:
        if element is None:
            keys.append(Key(kind, record.UNSET_ID, 0))
        elif isinstance(element, range):
            keys += [Key(kind, number, 0) for number in element]
        elif kind == Kind.COMM:
            keys.append(_comm_key(element.exact))
        elif kind == Kind.EXE:
            file = lookups.exe(element.text)
            keys += [Key(kind, *file)] if file else []
        else:
            keys += [Key(kind, *group) for group in lookups.cgroup(element.text)]
    return keys


def _comm_key(comm: bytes) -> Key:
    """Return the key of a short name: 16 bytes as two numbers in the machine's byte order."""
    padded = comm[:COMM_BYTES].ljust(COMM_BYTES + 1, b"\0")
    return Key(
        Kind.COMM,
        int.from_bytes(padded[:8], sys.byteorder),
        int.from_bytes(padded[8:], sys.byteorder),
    )
