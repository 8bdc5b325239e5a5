# SPDX-License-Identifier: Apache-2.0
"""Collects what led to the wanted processes: their chains of parents, with their execs.

Owns the passes over the log. The first finds the processes, with the ancestors that their records
name (up to eight). Each further pass reads the records of these, which name the ancestors of the
topmost one, until there are no more.
"""

from execaudit.tree.forest import Forest, Process
from execaudit.tree.lineage import Ancestor
from execaudit.tree.targets import Targets
from execaudit.tree.visiting import Record

_LOOKED_UP_LIMIT = 65536


class Above:
    """Collects chains."""

    def __init__(self, forest: Forest, targets: Targets) -> None:
        self._forest = forest
        self._targets = targets
        self._looked_up: set[bytes] = set()
        self._filled: set[bytes] = set()
        self._wanted: frozenset[bytes] = frozenset()

    def find(self, record: Record, matches: bool) -> None:
        """Add the chain of a record, if its process is wanted: the first pass."""
        lineage = record.lineage()
        parent = lineage.parent
        if matches or self._targets.has_process(lineage):
            if lineage.key not in self._forest.processes:
                self._build([Ancestor(lineage.key, lineage.pid, "", ""), *record.ancestors()])
        elif parent is not None and parent not in self._looked_up and not record.is_exit:
            if len(self._looked_up) >= _LOOKED_UP_LIMIT:
                self._looked_up.clear()
            self._looked_up.add(parent)
            ancestors = record.ancestors()
            for index, each in enumerate(ancestors):
                if self._targets.has_process(each):
                    self._build(ancestors[index:])

    def is_looked_up(self, key: bytes, pid: bytes, parent: bytes) -> bool:
        """Return True for a process that is not wanted, nor is any above it."""
        return parent in self._looked_up and not self._targets.has_found(key, pid)

    def is_unwanted(self, key: bytes, pid: bytes, parent: bytes) -> bool:
        """Return True for a process whose records are not wanted."""
        del pid, parent
        return key not in self._wanted

    def _build(self, chain: list[Ancestor]) -> None:
        """Add a chain, its last element topmost."""
        parent: Process | None = None
        for key, pid, comm, start in reversed(chain):
            process = self._forest.processes.get(key)
            if process is None:
                process = self._forest.add(key, pid, parent, comm, start)
                if process is None:
                    return
            elif process.parent is None and parent is not None:
                self._forest.hang(process, parent)
            parent = process

    def has_more(self) -> bool:
        """Return True if another pass is needed, for records of more processes."""
        self._wanted = frozenset(self._forest.processes.keys() - self._filled)
        self._filled |= self._wanted
        return bool(self._wanted)

    def fill(self, record: Record, matches: bool) -> None:
        """Add a record of a wanted process, and its ancestors: all further passes."""
        del matches
        lineage = record.lineage()
        if lineage.key not in self._wanted:
            return
        process = self._forest.processes[lineage.key]
        self._forest.add_record(process, record.line(), is_exit=record.is_exit)
        if process.parent is None and lineage.parent is not None:
            self._build([Ancestor(process.key, process.pid, "", ""), *record.ancestors()])
