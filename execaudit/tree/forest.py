# SPDX-License-Identifier: Apache-2.0
"""Processes with what they executed, as trees.

Owns their relations, and their records: these are in a file without a name, in memory while it is
small, so a process costs a few hundred bytes. The `id` of a record without its last part identifies
a process.
"""

from array import array
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

from execaudit.store.lines import parse_line

PROCESSES_LIMIT = 65_000
DRAWN_LEVELS = 40
_IN_MEMORY_BYTES = 4 << 20


class Process:
    """One process.

    Attributes:
        key: its identity.
        pid: of the process.
        comm: its name as an ancestor; None where it has records of its own.
        start: when it was forked, as an ancestor; None likewise.
        parent: None for a root.
        children: in the order of their first records.
        records: indexes of its execs in the forest's spool.
        exit: index of its exit there; None if it was not recorded.

    """

    __slots__ = ("children", "comm", "exit", "key", "parent", "pid", "records", "start")

    def __init__(
        self, key: bytes, pid: int, parent: "Process | None", comm: str | None = None,
        start: str | None = None,
    ) -> None:  # fmt: skip
        self.key = key
        self.pid = pid
        self.parent = parent
        self.comm = comm
        self.start = start
        self.children: list[Process] = []
        self.records: list[int] = []
        self.exit: int | None = None


class Forest:
    """Trees of processes.

    Attributes:
        processes: processes by identity.
        roots: in the order of their first records.
        has_exits: ends of processes were recorded.
        is_full: some were left out, since there are too many.

    """

    def __init__(self, limit: int = PROCESSES_LIMIT) -> None:
        self._limit = limit
        self._spool = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - see close()
        self._begins = array("q")
        self._end = 0
        self.processes: dict[bytes, Process] = {}
        self.roots: dict[Process, None] = {}
        self.is_full = False
        self.has_exits = False

    def add(
        self, key: bytes, pid: int, parent: Process | None, comm: str | None = None,
        start: str | None = None,
    ) -> Process | None:  # fmt: skip
        """Add a process below another one, or as a root; return it, None if there are too many."""
        if len(self.processes) >= self._limit:
            self.is_full = True
            return None
        process = Process(key, pid, parent, comm, start)
        self.processes[key] = process
        if parent is None:
            self.roots[process] = None
        else:
            parent.children.append(process)
        return process

    def hang(self, process: Process, parent: Process) -> None:
        """Move a root below another process, unless records contradict: that one is below it."""
        above: Process | None = parent
        while above is not None:
            if above is process:
                return
            above = above.parent
        del self.roots[process]
        process.parent = parent
        parent.children.append(process)

    def add_record(self, process: Process, line: bytes, *, is_exit: bool = False) -> None:
        """Add a record of a process, as a line of our own format."""
        if is_exit:
            process.exit = len(self._begins)
            self.has_exits = True
        else:
            process.records.append(len(self._begins))
        self._begins.append(self._end)
        self._spool.seek(self._end)
        self._spool.write(line)
        self._end += len(line)

    def record(self, place: int) -> dict[str, Any]:
        """Return a record by its index. Raises NotARecordError if its line is damaged."""
        begin = self._begins[place]
        end = self._begins[place + 1] if place + 1 < len(self._begins) else self._end
        self._spool.seek(begin)
        return parse_line(self._spool.read(end - begin))

    def close(self) -> None:
        """Release the records."""
        self._spool.close()


class Step(NamedTuple):
    """A process in a walk from the roots down.

    Attributes:
        process: the process.
        depth: how many processes are above it.
        levels: for each of the lowest levels, True if it is the last of its siblings.

    """

    process: Process
    depth: int
    levels: tuple[bool, ...]


def walk(roots: Iterable[Process]) -> Iterator[Step]:
    """Yield processes, parents first."""
    waiting = [Step(root, 0, ()) for root in roots][::-1]
    while waiting:
        step = waiting.pop()
        yield step
        children = step.process.children
        levels = step.levels[1 - DRAWN_LEVELS :]
        waiting += [
            Step(child, step.depth + 1, (*levels, child is children[-1]))
            for child in reversed(children)
        ]
