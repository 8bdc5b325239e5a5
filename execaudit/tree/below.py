# SPDX-License-Identifier: Apache-2.0
"""What lies below the processes that were asked for: one forward pass.

Owns which processes belong to a tree. A process belongs if its parent does. A parent that never
executed anything has no record: of one that is unknown, the ancestors are looked through once, and
the answer is remembered.
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

    def take(self, record: Record, matches: bool) -> None:
        """Take in a record, where it belongs to a tree."""
        process = self._find(record, matches=matches)
        if process is not None:
            self._forest.add_record(process, record.line())

    def _find(self, record: Record, *, matches: bool) -> Process | None:
        forest, lineage = self._forest, record.lineage()
        parent = lineage.parent
        known = forest.processes.get(lineage.key)
        if known is not None:
            return known
        above = None if parent is None else forest.processes.get(parent)
        if above is None and parent is not None and parent not in self._outside:
            above = self._bridge(record.ancestors())
            if above is None:
                self._remember_outside(parent)
        if above is None and not (matches or self._targets.has_process(lineage)):
            return None
        if record.is_exit:
            return None  # the exec that it ends is not here
        self._outside.discard(lineage.key)
        return forest.add(lineage.key, lineage.pid, above)

    def _bridge(self, ancestors: list[Ancestor]) -> Process | None:
        """Return the parent, below an ancestor that belongs; None where none does."""
        above, first = self._root_among(ancestors)
        for each in reversed(ancestors[:first]):
            above = self._forest.add(each.key, each.pid, above, each.comm, each.start)
            if above is None:
                return None
        return above

    def _root_among(self, ancestors: list[Ancestor]) -> tuple[Process | None, int]:
        """Return the nearest process that belongs, and how many ancestors are to be added."""
        for index, ancestor in enumerate(ancestors):
            known = self._forest.processes.get(ancestor.key)
            if known is not None:
                return known, index
        if self._targets.is_everything:
            return None, len(ancestors)
        wanted = [i for i, each in enumerate(ancestors) if self._targets.has_process(each)]
        return None, wanted[-1] + 1 if wanted else 0

    def _remember_outside(self, parent: bytes) -> None:
        if len(self._outside) >= _OUTSIDE_LIMIT:
            self._outside.clear()  # they are looked up again
        self._outside.add(parent)
