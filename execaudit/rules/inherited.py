# SPDX-License-Identifier: Apache-2.0
"""Which rules hold for whole process trees (`descendants = true`).

Owns the bounded table from processes to rules. It decides nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from execaudit.records.readback import split_identity
from execaudit.rules.field_values import UNKNOWN

_MAX_PROCESSES = 65536

Process = tuple[int, int]
"""Pid and start in ns: the same through all execs of a process."""


class InheritedRules:
    """Which rules the descendants of a process inherit. Bounded: the least recently used go first.

    Attributes:
        is_used: whether any rule has descendants.
        by_process: indices of rules.
        evicted: how many processes had to go.

    """

    def __init__(self, *, is_used: bool) -> None:
        self.is_used = is_used
        self.by_process: OrderedDict[Process, tuple[int, ...]] = OrderedDict()
        self.evicted = 0

    def add(self, process: Process, rules: tuple[int, ...]) -> None:
        """Let rules hold for a process and all below it."""
        known = self.by_process.pop(process, ())
        if len(self.by_process) >= _MAX_PROCESSES:
            self.by_process.popitem(last=False)
            self.evicted += 1
        self.by_process[process] = tuple(sorted({*known, *rules})) if known else rules

    def adopt(self, old: "InheritedRules", now: Sequence[int | None]) -> None:
        """Take over from another rule set; `now` has the new index of each old rule, or None."""
        if not self.is_used:
            return
        for process, rules in old.by_process.items():
            known = tuple(sorted({each for rule in rules if (each := now[rule]) is not None}))
            if known:
                self.by_process[process] = known

    def from_ancestors(self, fields: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the rules that any ancestor passes on, or the process that forked it away."""
        found: set[int] = set()
        ancestors = fields.get("ancestors") or ()
        if ancestors is UNKNOWN:
            ancestors = ()
        for identity in (*(one["id"] for one in ancestors), fields.get("origin", "")):
            process = split_identity(identity)[1:3]
            if process in self.by_process:
                self.by_process.move_to_end(process)
                found.update(self.by_process[process])
        return tuple(sorted(found))
