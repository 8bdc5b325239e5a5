# SPDX-License-Identifier: Apache-2.0
"""What rules need to know about processes: rules that hold for their trees, programs they run.

Owns two bounded tables: one for `descendants = true`, one for rules that ask for the program of a
parent or an ancestor, which records name by id and short name only.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from execaudit.records.forked import find_program
from execaudit.records.process_commands import ProcessCommands, forget_oldest
from execaudit.records.readback import split_identity
from execaudit.rules.command_values import COMMAND_FIELDS, CommandValues
from execaudit.rules.field_values import DERIVED, UNKNOWN, Fields, of_ancestors

PROCESS_FIELDS = (
    "parent.exe", "parent.other_root", "ancestor.exe", "ancestor.other_root",
    "origin.exe", "origin.other_root", *COMMAND_FIELDS,
)  # fmt: skip
"""Conditions on other processes. Their values are known only of processes that were seen."""

_MAX_PROCESSES = 65536
_MAX_IMAGES = 65536
_MAX_AWAITED = 4096
_TICK_NS = 10_000_000  # /proc counts in USER_HZ, which is 100 on every machine of today

Process = tuple[int, int]
"""Pid and start in ns: the same through all execs of a process."""


class InheritedRules:
    """Which rules the descendants of a process inherit.

    Bounded: the least recently used go first, running processes last.

    Attributes:
        is_used: True if any rule has `descendants = true`.
        by_process: indices of rules, by process.
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
            forget_oldest(self.by_process, lambda process: process[0])
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
        """Return the rules that any ancestor or the origin passes on."""
        found: set[int] = set()
        for identity in _ancestors(fields):
            process = split_identity(identity)[1:3]
            if process in self.by_process:
                self.by_process.move_to_end(process)
                found.update(self.by_process[process])
        return tuple(sorted(found))


class ProcessPrograms:
    """Programs of images. An image is what a process runs from one exec to the next.

    Bounded: the oldest go first, running processes last. What is not here is unknown. Images are
    named by the part of a record's `id` behind the boot.

    Attributes:
        by_image: path of the program; "" where it was unreadable.
        elsewhere: images whose path is in another root directory than the host's.
        running: path by pid and start in ticks, of processes that only /proc knows.
        command_values: values of conditions on the commands of images.
        news: entries for `rules.remembered`, None where nobody wants them.

    """

    def __init__(self) -> None:
        self.by_image: OrderedDict[str, str] = OrderedDict()
        self.elsewhere: set[str] = set()
        self.running: dict[tuple[int, int], str] = {}
        self.command_values = CommandValues(ProcessCommands())
        self.news: list[bytes] | None = None
        self._awaited: set[str] = set()
        self._getters: dict[str, Callable[[Fields], Any]] = {
            "parent.exe": self._program_of("parent_id"),
            "parent.other_root": self._is_elsewhere("parent_id"),
            "ancestor.exe": self._of_ancestors,
            "ancestor.other_root": self._is_any_elsewhere,
            "origin.exe": self._program_of("origin"),
            "origin.other_root": self._is_elsewhere("origin"),
        }

    def remember(
        self, pid: int, start_ns: int, exec_count: int, exe: str, *, is_elsewhere: bool = False
    ) -> bool:
        """Record what an image runs; return True if await_ancestors() found it missing before.

        `is_elsewhere`: its path is in another root directory than the host's.
        """
        image = f"{pid:x}-{start_ns:x}-{exec_count:x}"
        if len(self.by_image) >= _MAX_IMAGES:
            oldest, _ = forget_oldest(self.by_image, lambda image: int(image.partition("-")[0], 16))
            self.elsewhere.discard(oldest)
        self.by_image[image] = exe
        if is_elsewhere:
            self.elsewhere.add(image)
        if self.news is not None:
            self.news.append(image_entry(image, exe, is_elsewhere=is_elsewhere))
        if self.running:  # the process runs something else now
            self.running.pop((pid, start_ns // _TICK_NS), None)
        if image not in self._awaited:
            return False
        self._awaited.clear()
        return True

    def remember_running(self, pid: int, start_ticks: int, exe: str) -> None:
        """Record the program of a process that began before tracing did.

        `start_ticks` is its start time in /proc/PID/stat.
        """
        if len(self.running) < _MAX_IMAGES:
            self.running[pid, start_ticks] = exe

    def adopt(self, old: "ProcessPrograms") -> None:
        """Take over all that another table knows."""
        self.by_image = old.by_image
        self.elsewhere = old.elsewhere
        self.running = old.running
        self.command_values.commands = old.command_values.commands

    def await_ancestors(self, fields: Fields) -> bool:
        """Note ancestors whose programs are unknown; return True if older notes had to go."""
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
        """Return the function that takes a field out of place_values(), None for a plain member."""
        known = self._getters.get(field)
        return known or self.command_values.getter(field) or DERIVED.get(field)

    def _program_of(self, field: str) -> Callable[[Fields], Any]:
        """Return a function that gives the program of the process whose id is in a field."""

        def take(fields: Fields) -> Any:
            identity = fields.get(field)
            if identity is UNKNOWN:
                return UNKNOWN
            if not identity and field == "origin":
                return None  # without the field there is no origin; a parent there always is
            if field == "origin":
                return self._find(identity or "") or UNKNOWN
            found = self._find(self._parent(fields))
            return found or fields.get("pexe") or UNKNOWN  # `pexe`: in a record read back

        return take

    def _is_elsewhere(self, field: str) -> Callable[[Fields], Any]:
        """Return a function that says if the program of that process is in another root."""

        def take(fields: Fields) -> Any:
            identity = fields.get(field)
            if identity is UNKNOWN:
                return UNKNOWN
            if field == "parent_id":
                identity = self._parent(fields)
            return _image_of(identity or "") in self.elsewhere

        return take

    def _parent(self, fields: Fields) -> str:
        """Return the id of the process whose exec began what the parent runs."""
        identity: str = fields.get("parent_id") or ""
        ancestors = fields.get("ancestors")
        if self._find(identity) is not None or not ancestors or ancestors is UNKNOWN:
            return identity
        at, _ = find_program(ancestors, 0, self._find)
        source: str = ancestors[at]["id"]
        return source

    def _of_ancestors(self, fields: Fields) -> Any:
        """Return the programs of all ancestors and the origin, `...` for those unknown."""
        found = of_ancestors(fields, lambda all_, at: find_program(all_, at, self._find)[1] or ...)
        origin = fields.get("origin")
        if found is UNKNOWN or not origin:
            return found
        return (*found, ... if origin is UNKNOWN else self._find(origin) or ...)

    def _is_any_elsewhere(self, fields: Fields) -> Any:
        """Return True if the program of an ancestor or the origin is in another root."""
        if fields.get("ancestors") is UNKNOWN:
            return UNKNOWN
        return any(_image_of(identity) in self.elsewhere for identity in _ancestors(fields))


def _ancestors(fields: Fields) -> Iterator[str]:
    """Yield the ids of the ancestors and the origin that are known."""
    ancestors = fields.get("ancestors") or ()
    for ancestor in ancestors if ancestors is not UNKNOWN else ():
        yield ancestor["id"]
    origin = fields.get("origin")
    if origin and origin is not UNKNOWN:
        yield origin


def image_entry(image: str, exe: str, *, is_elsewhere: bool = False) -> bytes:
    """Return the entry for `rules.remembered` of the program of an image."""
    kind = b"e" if is_elsewhere else b"i"
    return b"%s%s\0%s\0" % (kind, image.encode(), os.fsencode(exe))


def tree_entry(process: tuple[int, int], rules: tuple[int, ...]) -> bytes:
    """Return the entry for `rules.remembered` of the rules that hold below a process."""
    return b"t%x-%x\0%s\0" % (*process, ",".join(map(str, rules)).encode())


def _image_of(identity: str) -> str:
    return identity.partition("-")[2]
