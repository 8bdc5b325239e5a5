# SPDX-License-Identifier: Apache-2.0
"""Which program a process runs, for rules that ask for the program of a parent or an ancestor.

Records name ancestors by identity and short name only. Owns the bounded table from identities to
programs. Who fills it is not its business.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from execaudit.records.readback import split_identity
from execaudit.rules.field_values import DERIVED, UNKNOWN, Fields, of_ancestors

_MAX_IMAGES = 65536
_MAX_AWAITED = 4096
FIELDS_OF_PROGRAMS = (
    "parent.exe", "parent.other_root", "ancestor.exe", "ancestor.other_root",
    "origin.exe", "origin.other_root",
)  # fmt: skip
"""What rules ask this table for."""

_TICK_NS = 10_000_000  # /proc counts in USER_HZ, which is 100 on every machine of today


class ProcessPrograms:
    """Programs of images, which are what a process runs from one exec to the next.

    Bounded: the oldest go first. What is not here is unknown. Images are named by the part of a
    record's `id` behind the boot.

    Attributes:
        by_image: paths; "" where one was unreadable.
        elsewhere: images whose path is one in another root directory than the host's.
        running: by pid and start in ticks, where only /proc says what runs.
        evicted: how many images had to go.

    """

    def __init__(self, max_images: int = _MAX_IMAGES) -> None:
        self.by_image: OrderedDict[str, str] = OrderedDict()
        self.elsewhere: set[str] = set()
        self.running: dict[tuple[int, int], str] = {}
        self.evicted = 0
        self._max_images = max_images
        self._awaited: set[str] = set()
        self._getters: dict[str, Callable[[Fields], Any]] = {
            "parent.exe": self._program_of("parent_id"),
            "parent.other_root": self._is_elsewhere("parent_id"),
            "ancestor.exe": self.of_ancestors,
            "ancestor.other_root": self.is_any_elsewhere,
            "origin.exe": self._program_of("origin"),
            "origin.other_root": self._is_elsewhere("origin"),
        }

    def remember(
        self, pid: int, start_ns: int, exec_count: int, exe: str, *, is_elsewhere: bool = False
    ) -> bool:
        """Record what an image runs; return True if await_ancestors() found it missing before.

        `is_elsewhere`: its path is one in another root directory than the host's.
        """
        image = f"{pid:x}-{start_ns:x}-{exec_count:x}"
        if len(self.by_image) >= self._max_images:
            oldest, _ = self.by_image.popitem(last=False)
            self.elsewhere.discard(oldest)
            self.evicted += 1
        self.by_image[image] = exe
        if is_elsewhere:
            self.elsewhere.add(image)
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
        self.elsewhere = old.elsewhere
        self.running = old.running

    def await_ancestors(self, fields: Fields) -> bool:
        """Note ancestors whose programs are unknown; return True if earlier notes had to go."""
        is_full = len(self._awaited) >= _MAX_AWAITED
        if is_full:
            self._awaited.clear()
        for identity in _ancestors(fields):
            if self._find(identity) is None:
                self._awaited.add(_image_of(identity))
        return is_full

    def _find(self, identity: str) -> str | None:
        exe = self.by_image.get(_image_of(identity))
        if exe is None and self.running:
            _, pid, start_ns, _ = split_identity(identity)
            exe = self.running.get((pid, start_ns // _TICK_NS))
        return exe

    def getter(self, field: str) -> Callable[[Fields], Any] | None:
        """Return what takes a field out of place_values(), None where its own name does."""
        return self._getters.get(field) or DERIVED.get(field)

    def _program_of(self, field: str) -> Callable[[Fields], Any]:
        """Return what gives the program of the process whose id is in a field."""

        def take(fields: Fields) -> Any:
            identity = fields.get(field)
            if identity is UNKNOWN:
                return UNKNOWN
            # No origin is no program of one; a parent there is always.
            return self._find(identity or "") or (UNKNOWN if identity else None)

        return take

    def _is_elsewhere(self, field: str) -> Callable[[Fields], Any]:
        """Return what says if that program is one of another root."""

        def take(fields: Fields) -> Any:
            identity = fields.get(field)
            return UNKNOWN if identity is UNKNOWN else _image_of(identity or "") in self.elsewhere

        return take

    def of_ancestors(self, fields: Fields) -> Any:
        """Return the programs of all ancestors and the origin, `...` for those unknown."""
        found = of_ancestors(fields, lambda one: self._find(one.get("id", "")) or ...)
        origin = fields.get("origin")
        if found is UNKNOWN or not origin:
            return found
        return (*found, self._find(origin) or ...)

    def is_any_elsewhere(self, fields: Fields) -> bool:
        """Return True if the program of an ancestor or the origin is one of another root."""
        return any(_image_of(identity) in self.elsewhere for identity in _ancestors(fields))


def _ancestors(fields: Fields) -> Iterator[str]:
    """Yield the ids of the ancestors and the origin."""
    for ancestor in fields.get("ancestors", ()):
        yield ancestor["id"]
    if fields.get("origin"):
        yield fields["origin"]


def _image_of(identity: str) -> str:
    return identity.partition("-")[2]
