# SPDX-License-Identifier: Apache-2.0
"""Which program a process runs, for rules that ask for the program of a parent or an ancestor.

Records name ancestors by identity and short name only. Owns the bounded table from identities to
programs; who fills it is not its business.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from execaudit.rules.carried import process_of
from execaudit.rules.values import DERIVED, UNKNOWN, Fields, of_ancestors

_TICK_NS = 10_000_000  # /proc counts in USER_HZ, which is 100 on every machine of today


class Images:
    """Programs of processes. Bounded: the oldest go first. What is not here is unknown.

    Attributes:
        exes: by the `id` of an image.
        running: by pid and start, of processes that began before tracing did.
        forgotten: how many had to go.

    """

    def __init__(self, keep: int) -> None:
        self.exes: OrderedDict[str, str] = OrderedDict()
        self.running: dict[tuple[int, int], str] = {}
        self._keep = keep
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self.exes)

    def remember(self, identity: str, exe: str) -> None:
        """Take note of what the image with this `id` runs."""
        if len(self.exes) >= self._keep:
            self.exes.popitem(last=False)
            self.forgotten += 1
        self.exes[identity] = exe
        if self.running:  # it runs something else now
            self.running.pop(_running_key(identity), None)

    def remember_running(self, pid: int, start_ticks: int, exe: str) -> None:
        """Take note of what a process runs that began before tracing did.

        `start_ticks` is its start time in /proc/PID/stat.
        """
        if len(self.running) < self._keep:
            self.running[pid, start_ticks] = exe

    def adopt(self, old: "Images") -> None:
        """Take over all that another table knows."""
        self.exes = old.exes
        self.running = old.running

    def _find(self, identity: str) -> str | None:
        exe = self.exes.get(identity)
        if exe is None and self.running:
            exe = self.running.get(_running_key(identity))
        return exe

    def knows(self, identity: str) -> bool:
        """Whether the program of an image is known."""
        return self._find(identity) is not None

    def of_parent(self, fields: Fields) -> Any:
        """Program of the parent."""
        return self._find(fields.get("parent_id") or "") or UNKNOWN

    def of_ancestors(self, fields: Fields) -> Any:
        """Programs of all ancestors, with `...` for those that are unknown."""
        return of_ancestors(fields, lambda one: self._find(one.get("id", "")) or ...)


def _running_key(identity: str) -> tuple[int, int]:
    pid, start_ns = process_of(identity)
    return pid, start_ns // _TICK_NS


def place_getter(field: str, images: Images) -> Callable[[Fields], Any] | None:
    """Return what takes a field's value out of place_fields(); None: its own name does."""
    if field == "parent.exe":
        return images.of_parent
    if field == "ancestor.exe":
        return images.of_ancestors
    return DERIVED.get(field)
