# SPDX-License-Identifier: Apache-2.0
"""Facts about the host that records carry: its name, its boot, its clock, the names of its users.

Owns their look-up and caching. A replay takes them from the recording, so that it prints what the
traced host would have printed.
"""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from execaudit.kernel.hierarchies import find_hierarchies
from execaudit.records.users import Users, repair

_CLOCK_STEP_NS = 1_000_000
_CLOCK_TRIES = 5
_QUICK_NS = 100_000
_BOOT, _WALL = time.CLOCK_BOOTTIME, time.CLOCK_REALTIME
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: RFC 3339 has years of four digits


class Host:
    """The host that records are about.

    Attributes:
        boot: 32 hex digits.
        wall_offset_ns: wall clock minus boot-time clock.
        has_old_cgroups: control groups of version 1 are in use, which records do not have.
        has_named_cgroups: those are systemd's own, which records have (legacy or hybrid).

    """

    def __init__(
        self,
        name: str,
        boot: str,
        wall_offset_ns: int,
        users: dict[int, str | None] | None = None,
        *,
        has_old_cgroups: bool = False,
        has_named_cgroups: bool = False,
    ) -> None:
        self.name = name
        self.boot = boot
        self.wall_offset_ns = wall_offset_ns
        self.has_old_cgroups = has_old_cgroups
        self.has_named_cgroups = has_named_cgroups
        self.names_version = 0
        self._live = Users() if users is None else None
        self._users: dict[int, str | None] = users or {}
        self._raw_name = ""  # as the kernel gave it last
        self._second: int | None = None
        self._second_text = ""

    @classmethod
    def this(cls) -> "Host":
        """Return the host this process runs on."""
        name, offset = repair(socket.gethostname()), _measure_offset()[0]
        has_old, named = find_hierarchies()
        return cls(
            name,
            _boot_id(),
            offset,
            has_old_cgroups=has_old and not named,
            has_named_cgroups=bool(named),
        )

    @property
    def is_live(self) -> bool:
        """Return True if it is this host, now."""
        return self._live is not None

    @property
    def users(self) -> Mapping[int, str | None]:
        """Return the names that were asked for, by uid; None for a uid without a name."""
        return self._users if self._live is None else self._live.names

    def follow(self) -> None:
        """Take over a step of the wall clock, and other names of users. Call it once per batch."""
        self.follow_clock()
        if self._live is not None:
            self._live.refresh()
            self.names_version = self._live.version

    def learn(self, names: Mapping[int, str | None]) -> None:
        """Take over names from a recording."""
        if any(self._users.get(uid, name) != name for uid, name in names.items()):
            self.names_version += 1
        self._users.update(names)

    def follow_clock(self) -> bool:
        """Take over a step of the wall clock; return True if there was one."""
        if not self.is_live:
            return False
        offset, error_ns = _measure_offset()
        # Below this it is the jitter of the clock reads: keep times steady.
        if abs(offset - self.wall_offset_ns) < max(_CLOCK_STEP_NS, error_ns):
            return False
        self.wall_offset_ns = offset
        return True

    def follow_name(self) -> bool:
        """Take over another name of the host; return True if it changed."""
        if not self.is_live:
            return False
        raw_name = socket.gethostname()
        if raw_name == self._raw_name:
            return False
        self._raw_name = raw_name
        before, self.name = self.name, repair(raw_name)
        return self.name != before

    def head(self, kind: str, boot_ns: int) -> dict[str, Any]:
        """Return the members that every record begins with."""
        return {"time": self.time(boot_ns), "type": kind, "host": self.name, "boot": self.boot}

    def span(self, first_ns: int, last_ns: int) -> dict[str, str]:
        """Return the members that say between which times (CLOCK_BOOTTIME) something happened."""
        return {"first": self.time(first_ns), "last": self.time(last_ns)}

    def time(self, boot_ns: int) -> str:
        """Return a CLOCK_BOOTTIME time as RFC 3339 UTC with nanoseconds."""
        second, fraction = divmod(boot_ns + self.wall_offset_ns, 1_000_000_000)
        if second != self._second:
            self._second_text = second_text(second)
            self._second = second
        return f"{self._second_text}.{fraction:09d}Z"

    def time_ms(self, boot_ns: int) -> int:
        """Return a CLOCK_BOOTTIME time in milliseconds since 1970, within the years of `time`."""
        second, fraction = divmod(boot_ns + self.wall_offset_ns, 1_000_000_000)
        return min(max(second, 0), _LAST_SECOND) * 1000 + fraction // 1_000_000

    def identity(self, pid: int, start_ns: int, exec_count: int) -> str:
        """Return the id of a program image, unique across pids, execs, boots and hosts."""
        return f"{self.boot[:12]}-{pid:x}-{start_ns:x}-{exec_count:x}"

    def user(self, uid: int) -> str | None:
        """Return the name of a uid; None if it has none, or none that is known so far."""
        return self._users.get(uid) if self._live is None else self._live.name(uid)


def _boot_id() -> str:
    """Return the kernel's id of this boot; the unit, which hides its file, hands it over."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except FileNotFoundError:
        if "EXECAUDIT_BOOT_ID" not in os.environ:
            raise
        text = os.environ["EXECAUDIT_BOOT_ID"]
    return text.strip().replace("-", "")


def second_text(second: int) -> str:
    """Return a second since 1970 as RFC 3339 UTC without fraction and Z, within its years."""
    inside = min(max(second, 0), _LAST_SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(inside))


def wall_text(wall_ns: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339 UTC with nanoseconds."""
    second, fraction = divmod(wall_ns, 1_000_000_000)
    return f"{second_text(second)}.{fraction:09d}Z"


def _measure_offset() -> tuple[int, int]:
    """Return wall clock minus boot-time clock, and by how much that may be wrong, in ns.

    Another process may run between two reads for many milliseconds: the quickest try counts.
    """
    error_ns, offset = _try_offset()
    tries = 1
    while error_ns >= _QUICK_NS and tries < _CLOCK_TRIES:
        error_ns, offset = min((error_ns, offset), _try_offset())
        tries += 1
    return offset, error_ns


def _try_offset() -> tuple[int, int]:
    read = time.clock_gettime_ns
    before, wall, after = read(_BOOT), read(_WALL), read(_BOOT)
    return after - before, wall - (before + after) // 2
