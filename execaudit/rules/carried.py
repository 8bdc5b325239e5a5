# SPDX-License-Identifier: Apache-2.0
"""Which rules hold for whole process trees (`descendants = true`).

Owns the bounded table from processes to rules. It decides nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from execaudit.rules.values import UNKNOWN

_PROCESSES_KEPT = 65536

Process = tuple[int, int]
"""Pid and start: the same through all execs of a process, unlike an image's `id`."""


class Carried:
    """Which rules hold for the processes below one. Bounded: the least recently needed go first."""

    def __init__(self, used: bool) -> None:
        self.used = used
        self.rules: OrderedDict[Process, tuple[int, ...]] = OrderedDict()
        self.forgotten = 0

    def add(self, process: Process, rules: tuple[int, ...]) -> None:
        """Let rules hold for a process and all below it."""
        known = self.rules.pop(process, ())
        if len(self.rules) >= _PROCESSES_KEPT:
            self.rules.popitem(last=False)
            self.forgotten += 1
        self.rules[process] = tuple(sorted({*known, *rules})) if known else rules

    def adopt(self, old: "Carried", now: Sequence[int | None]) -> None:
        """Take over what another rule set carried; `now` are indices for its own, or None."""
        if not self.used:
            return
        for process, rules in old.rules.items():
            kept = tuple(sorted({each for rule in rules if (each := now[rule]) is not None}))
            if kept:
                self.rules[process] = kept

    def above(self, fields: Mapping[str, Any]) -> tuple[int, ...]:
        """Rules that were carried to any ancestor."""
        found: set[int] = set()
        ancestors = fields.get("ancestors") or ()
        if ancestors is UNKNOWN:
            return ()
        for ancestor in ancestors:
            process = process_of(ancestor["id"])
            if process in self.rules:
                self.rules.move_to_end(process)
                found.update(self.rules[process])
        return tuple(sorted(found))


def process_of(identity: str) -> Process:
    """Pid and start out of a record's `id`; zeros where it has none."""
    parts = identity.split("-")
    if len(parts) != 4:
        return 0, 0
    return int(parts[1], 16), int(parts[2], 16)
