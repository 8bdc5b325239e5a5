# SPDX-License-Identifier: Apache-2.0
"""Collects what the wanted processes started, in one forward pass.

Owns which processes belong to a tree. A process belongs if its parent does. A parent that executed
nothing has no record: for an unknown one, the ancestors are searched once, and the answer is
remembered.
"""

from execaudit.tree.forest import Forest, Process
from execaudit.tree.lineage import Ancestor
from execaudit.tree.targets import Targets
from execaudit.tree.visiting import Record

_OUTSIDE_LIMIT = 65536


class Below:
    """Collects trees."""

    def __init__(self, forest: Forest, targets: Targets) -> None:
        self._forest = forest
        self._targets = targets
        self._outside: set[bytes] = set()  # parents that were looked up, and do not belong
        self._above_outside: set[bytes] = set()  # all ancestors of these

    def take(self, record: Record, matches: bool) -> None:
        """Add a record, if it belongs to a tree."""
        process = self._find(record, matches=matches)
        if process is not None:
            self._forest.add_record(process, record.line(), is_exit=record.is_exit)

    def is_outside(self, key: bytes, pid: bytes, parent: bytes) -> bool:
        """Return True for a process that is known not to belong."""
        return (
            parent in self._outside
            and key not in self._forest.processes
            and not self._targets.has_found(key, pid)
        )

    def _find(self, record: Record, *, matches: bool) -> Process | None:
        forest, lineage = self._forest, record.lineage()
        parent = lineage.parent
        known = forest.processes.get(lineage.key)
        if known is not None:
            return known
        if record.is_exit:
            return None  # the exec that it ends is not here
        above = None if parent is None else forest.processes.get(parent)
        if above is None and parent is not None and parent not in self._outside:
            ancestors = record.ancestors()
            above = self._bridge(ancestors)
            if above is None and ancestors:
                self._remember_outside(parent, ancestors)
        if above is None and not (matches or self._targets.has_process(lineage)):
            return None
        return self._add(Ancestor(lineage.key, lineage.pid, "", ""), above)

    def _add(self, ancestor: Ancestor, above: Process | None) -> Process | None:
        key, pid, comm, start = ancestor
        if key in self._above_outside:
            self._forget_outside()  # what is below it belongs from now on
        return self._forest.add(key, pid, above, comm, start)

    def _bridge(self, ancestors: list[Ancestor]) -> Process | None:
        """Add the ancestors below one that belongs; return the parent, None if none belongs."""
        above, first = self._root_among(ancestors)
        for each in reversed(ancestors[:first]):
            above = self._add(each, above)
            if above is None:
                return None
        return above

    def _root_among(self, ancestors: list[Ancestor]) -> tuple[Process | None, int]:
        """Return the nearest ancestor that is in a tree, and how many ancestors to add below it."""
        for index, ancestor in enumerate(ancestors):
            known = self._forest.processes.get(ancestor.key)
            if known is not None:
                return known, index
        if self._targets.is_everything:
            return None, len(ancestors)
        wanted = [i for i, each in enumerate(ancestors) if self._targets.has_process(each)]
        return None, wanted[-1] + 1 if wanted else 0

    def _remember_outside(self, parent: bytes, ancestors: list[Ancestor]) -> None:
        if len(self._above_outside) >= _OUTSIDE_LIMIT:
            self._forget_outside()
        self._outside.add(parent)
        self._above_outside.add(parent)
        self._above_outside.update(each.key for each in ancestors)

    def _forget_outside(self) -> None:
        """Look up all parents again."""
        self._outside.clear()
        self._above_outside.clear()
