# SPDX-License-Identifier: Apache-2.0
"""Which program a process runs, for rules that ask for the program of a parent or an ancestor.

Records name ancestors by identity and short name only. Owns the bounded table from identities to
programs. Who fills it is not its business.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from execaudit.records.readback import split_identity
from execaudit.rules.field_values import DERIVED, UNKNOWN, Fields, of_ancestors

_MAX_IMAGES = 65536
_MAX_AWAITED = 4096
_TICK_NS = 10_000_000  # /proc counts in USER_HZ, which is 100 on every machine of today


class ProcessPrograms:
    """Programs of images, which are what a process runs from one exec to the next.

    Bounded: the oldest go first. What is not here is unknown. Images are named by the part of a
    record's `id` behind the boot.

    Attributes:
        by_image: paths; "" where one was unreadable.
        running: by pid and start in ticks, of processes that began before tracing did.
        evicted: how many images had to go.

    """

    def __init__(self, max_images: int = _MAX_IMAGES) -> None:
        self.by_image: OrderedDict[str, str] = OrderedDict()
        self.running: dict[tuple[int, int], str] = {}
        self.evicted = 0
        self._max_images = max_images
        self._awaited: set[str] = set()

    def remember(self, pid: int, start_ns: int, exec_count: int, exe: str) -> bool:
        """Record what an image runs; return True if await_ancestors() found it missing before."""
        image = f"{pid:x}-{start_ns:x}-{exec_count:x}"
        if len(self.by_image) >= self._max_images:
            self.by_image.popitem(last=False)
            self.evicted += 1
        self.by_image[image] = exe
        if self.running:  # it runs something else now
            self.running.pop((pid, start_ns // _TICK_NS), None)
        if image not in self._awaited:
            return False
        self._awaited.clear()
        return True

    def remember_running(self, pid: int, start_ticks: int, exe: str) -> None:
        """Record what a process runs that began before tracing did.

        `start_ticks` is its start time in /proc/PID/stat.
        """
        if len(self.running) < self._max_images:
            self.running[pid, start_ticks] = exe

    def adopt(self, old: "ProcessPrograms") -> None:
        """Take over all that another table knows."""
        self.by_image = old.by_image
        self.running = old.running

    def await_ancestors(self, fields: Fields) -> bool:
        """Note ancestors whose programs are unknown; return True if earlier notes had to go."""
        is_full = len(self._awaited) >= _MAX_AWAITED
        if is_full:
            self._awaited.clear()
        for ancestor in fields.get("ancestors", ()):
            if self._find(ancestor["id"]) is None:
                self._awaited.add(_image_of(ancestor["id"]))
        return is_full

    def _find(self, identity: str) -> str | None:
        exe = self.by_image.get(_image_of(identity))
        if exe is None and self.running:
            _, pid, start_ns, _ = split_identity(identity)
            exe = self.running.get((pid, start_ns // _TICK_NS))
        return exe

    def getter(self, field: str) -> Callable[[Fields], Any] | None:
        """Return what takes a field out of place_values(), None where its own name does."""
        if field == "parent.exe":
            return self.of_parent
        if field == "ancestor.exe":
            return self.of_ancestors
        return DERIVED.get(field)

    def of_parent(self, fields: Fields) -> Any:
        """Return the program of the parent."""
        parent_id = fields.get("parent_id")
        return UNKNOWN if parent_id is UNKNOWN else self._find(parent_id or "") or UNKNOWN

    def of_ancestors(self, fields: Fields) -> Any:
        """Return the programs of all ancestors, with `...` for those that are unknown."""
        return of_ancestors(fields, lambda one: self._find(one.get("id", "")) or ...)


def _image_of(identity: str) -> str:
    return identity.partition("-")[2]
