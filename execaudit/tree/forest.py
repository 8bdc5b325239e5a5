# SPDX-License-Identifier: Apache-2.0
"""Processes with what they executed, as trees.

Owns how they hang together and where their records wait: in a file without a name, which is in
memory while it is small, so that a process costs a few hundred bytes. A process is the `id` of a
record without its last part.
"""

from array import array
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any

from execaudit.store.lines import parse_line

PROCESSES_LIMIT = 100_000
_IN_MEMORY_BYTES = 4 << 20


class Process:
    """One process.

    Attributes:
        key: its identity.
        pid: of the process.
        comm: its name as an ancestor; None where it has records of its own.
        start: when it was forked, as an ancestor; None likewise.
        parent: None for a root.
        children: in the order in which they were met.
        records: places of its execs and of its exit in the forest's spool.

    """

    __slots__ = ("children", "comm", "key", "parent", "pid", "records", "start")

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


class Forest:
    """Trees of processes.

    Attributes:
        processes: by their identities.
        roots: in the order in which they were met.
        is_full: some were left out, since there are too many.

    """

    def __init__(self, limit: int = PROCESSES_LIMIT) -> None:
        self._limit = limit
        self._spool = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - see close()
        self._begins = array("q")
        self._end = 0
        self.processes: dict[bytes, Process] = {}
        self.roots: list[Process] = []
        self.is_full = False

    def add(
        self, key: bytes, pid: int, parent: Process | None, comm: str | None = None,
        start: str | None = None,
    ) -> Process | None:  # fmt: skip
        """Add a process below another one, or as a root; None where there are too many."""
        if len(self.processes) >= self._limit:
            self.is_full = True
            return None
        process = Process(key, pid, parent, comm, start)
        self.processes[key] = process
        (self.roots if parent is None else parent.children).append(process)
        return process

    def hang(self, process: Process, parent: Process) -> None:
        """Put a root below another process."""
        self.roots.remove(process)
        process.parent = parent
        parent.children.append(process)

    def add_record(self, process: Process, line: bytes) -> None:
        """Note a record of a process, as a line of our own format."""
        process.records.append(len(self._begins))
        self._begins.append(self._end)
        self._spool.seek(self._end)
        self._spool.write(line)
        self._end += len(line)

    def record(self, place: int) -> dict[str, Any]:
        """Return a record by its place."""
        begin = self._begins[place]
        end = self._begins[place + 1] if place + 1 < len(self._begins) else self._end
        self._spool.seek(begin)
        return parse_line(self._spool.read(end - begin))

    def close(self) -> None:
        """Release the records."""
        self._spool.close()


def walk(roots: list[Process]) -> Iterator[tuple[Process, tuple[bool, ...]]]:
    """Yield processes, parents first, each with what the lines before it look like.

    For each level below the roots: True where it is the last of its siblings.
    """
    waiting: list[tuple[Process, tuple[bool, ...]]] = [(root, ()) for root in reversed(roots)]
    while waiting:
        process, levels = waiting.pop()
        yield process, levels
        last = len(process.children) - 1
        for index in range(last, -1, -1):
            waiting.append((process.children[index], (*levels, index == last)))
