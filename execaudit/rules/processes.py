# SPDX-License-Identifier: Apache-2.0
"""What rules need to know of processes: which rules hold for their trees, which programs they run.

Owns two bounded tables: for `descendants = true`, and for rules that ask for the program of a
parent or an ancestor, since records name these by identity and short name only.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from execaudit.records.readback import split_identity
from execaudit.rules.field_values import DERIVED, UNKNOWN, Fields, of_ancestors

_MAX_PROCESSES = 65536
_MAX_IMAGES = 65536
_MAX_AWAITED = 4096
_MOST_SPARED = 1024  # running ones, for one that is forgotten
_TICK_NS = 10_000_000  # /proc counts in USER_HZ, which is 100 on every machine of today

Process = tuple[int, int]
"""Pid and start in ns: the same through all execs of a process."""


class InheritedRules:
    """Which rules the descendants of a process inherit.

    Bounded: the least recently used go first, those that run last.

    Attributes:
        is_used: whether any rule has descendants.
        by_process: indices of rules.
        news: entries for `rules.remembered`, None where nobody wants them.

    """

    def __init__(self, *, is_used: bool) -> None:
        self.is_used = is_used
        self.by_process: OrderedDict[Process, tuple[int, ...]] = OrderedDict()
        self.news: list[bytes] | None = None

    def add(self, process: Process, rules: tuple[int, ...]) -> None:
        """Let rules hold for a process and all below it."""
        known = self.by_process.pop(process, ())
        if len(self.by_process) >= _MAX_PROCESSES:
            _forget_oldest(self.by_process, lambda process: process[0])
        self.by_process[process] = tuple(sorted({*known, *rules})) if known else rules
        if self.news is not None:
            self.news.append(tree_entry(process, self.by_process[process]))

    def adopt(self, old: "InheritedRules", now: Sequence[int | None]) -> None:
        """Take over from another rule set; `now` has the new index of each old rule, or None."""
        if not self.is_used:
            return
        for process, rules in old.by_process.items():
            known = tuple(sorted({each for rule in rules if (each := now[rule]) is not None}))
            if known:
                self.by_process[process] = known

    def from_ancestors(self, fields: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the rules that any ancestor passes on."""
        found: set[int] = set()
        ancestors = fields.get("ancestors") or ()
        if ancestors is UNKNOWN:
            return ()
        for ancestor in ancestors:
            process = split_identity(ancestor["id"])[1:3]
            if process in self.by_process:
                self.by_process.move_to_end(process)
                found.update(self.by_process[process])
        return tuple(sorted(found))


class ProcessPrograms:
    """Programs of images, which are what a process runs from one exec to the next.

    Bounded: the oldest go first, those of processes that run last. What is not here is unknown.
    Images are named by the part of a record's `id` behind the boot.

    Attributes:
        by_image: paths; "" where one was unreadable.
        running: by pid and start in ticks, of processes that began before tracing did.
        news: entries for `rules.remembered`, None where nobody wants them.

    """

    def __init__(self) -> None:
        self.by_image: OrderedDict[str, str] = OrderedDict()
        self.running: dict[tuple[int, int], str] = {}
        self.news: list[bytes] | None = None
        self._awaited: set[str] = set()

    def remember(self, pid: int, start_ns: int, exec_count: int, exe: str) -> bool:
        """Record what an image runs; return True if await_ancestors() found it missing before."""
        image = f"{pid:x}-{start_ns:x}-{exec_count:x}"
        if len(self.by_image) >= _MAX_IMAGES:
            _forget_oldest(self.by_image, lambda image: int(image.partition("-")[0], 16))
        self.by_image[image] = exe
        if self.news is not None:
            self.news.append(image_entry(image, exe))
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
        if len(self.running) < _MAX_IMAGES:
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
            return self._of_parent
        if field == "ancestor.exe":
            return self._of_ancestors
        return DERIVED.get(field)

    def _of_parent(self, fields: Fields) -> Any:
        parent_id = fields.get("parent_id")
        return UNKNOWN if parent_id is UNKNOWN else self._find(parent_id or "") or UNKNOWN

    def _of_ancestors(self, fields: Fields) -> Any:
        return of_ancestors(fields, lambda one: self._find(one.get("id", "")) or ...)


def image_entry(image: str, exe: str) -> bytes:
    """Return the entry of what an image runs."""
    return b"i%s\0%s\0" % (image.encode(), os.fsencode(exe))


def tree_entry(process: tuple[int, int], rules: tuple[int, ...]) -> bytes:
    """Return the entry of the rules that hold below a process."""
    return b"t%x-%x\0%s\0" % (*process, ",".join(map(str, rules)).encode())


def _forget_oldest(table: OrderedDict[Any, Any], pid_of: Callable[[Any], int]) -> None:
    """Make room for one: the oldest goes, unless it runs and something younger does not.

    A web server that started at boot is older than all that its host ran since.
    """
    for _ in range(min(len(table), _MOST_SPARED)):
        oldest, value = table.popitem(last=False)
        if not _is_running(pid_of(oldest)):
            return
        table[oldest] = value
    table.popitem(last=False)


def _is_running(pid: int) -> bool:
    """Return True if there is such a process. /proc may hide others', signal 0 does not."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _image_of(identity: str) -> str:
    return identity.partition("-")[2]
