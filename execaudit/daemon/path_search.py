# SPDX-License-Identifier: Apache-2.0
"""Failed PATH look-ups, put into one record.

A shell that looks for a command tries one directory after the other; each try is a failed exec.
Owns the tries of processes that still search. The result is the exec that followed, with the file
names tried before it, or one failure with all of them.
"""

import errno

from execaudit.daemon.handover.checkpoint import HELD_BACK_MOST
from execaudit.wire import record
from execaudit.wire.event import Event

_SEARCH_ERRORS = (-errno.ENOENT, -errno.ENOTDIR, -errno.EACCES)  # execvp(3) goes on after these
_SEARCHES_BYTES = 8 << 20
_SEARCH_BYTES = 128 << 10  # of one: its names make one record
_TRY_BYTES = 100  # what Python needs for a name
_EVENT_BYTES = 4000  # what Python needs for an event beside its arguments, about
_WAIT_NS = 1_000_000_000


class _Search:
    """Tries of one thread for one command."""

    __slots__ = ("begun_ns", "last", "marks", "names", "position", "size")

    def __init__(self, first: Event, begun_ns: int, position: int, size: int) -> None:
        self.last = first  # the last failure
        self.begun_ns = begun_ns  # CLOCK_BOOTTIME of the batch with the first
        self.position = position  # of that batch in the ring
        self.size = size  # bytes that it takes
        self.names: list[bytes] = []  # all file names tried
        self.marks: list[tuple[int, int]] = []  # (stream, seq) of all tries


class PathSearch:
    """Holds failures back until the next exec shows what they were part of, a second at most.

    Attributes:
        position: of the current batch in the ring; set it before each batch.
        pending: searches by pid; empty most of the time.

    """

    def __init__(self) -> None:
        self.position = 0
        self.pending: dict[int, _Search] = {}
        self._bytes = 0
        self._marks = 0

    @property
    def waits_from(self) -> int | None:
        """Position of the first batch with an event that is held back; None if none is."""
        return next((search.position for search in self.pending.values()), None)

    def held_back(self) -> list[tuple[int, int]]:
        """Return (stream, seq) of every event held back, oldest first."""
        return [mark for search in self.pending.values() for mark in search.marks]

    def add(self, event: Event, now_ns: int) -> list[Event]:
        """Take an event; return the events that are complete now, in order."""
        if event.type != "exec":
            return [event]
        if event.error:
            return self._add_failure(event, now_ns)
        search = self.pending.get(event.pid)
        if search is None:
            return [event]
        if not _is_same_search(search.last, event):
            return [*self.flush(event.pid), event]
        self._remove(event.pid)
        event.path_search = tuple(search.names)
        event.is_plain = False
        return [event]

    def _add_failure(self, event: Event, now_ns: int) -> list[Event]:
        pid = event.pid
        is_named = not event.place.flags & record.FLAG_BAD_FILENAME
        if event.error not in _SEARCH_ERRORS or not is_named:
            return [*self.flush(pid), event]
        certain: list[Event] = []
        search = self.pending.get(pid)
        if search is not None and not _is_same_search(search.last, event):
            certain = self.flush(pid)
            search = None
        size = 2 * len(event.argv or b"") + _EVENT_BYTES
        if search is None:
            search = self.pending[pid] = _Search(event, now_ns, self.position, size)
            self._bytes += size
        search.last = event
        search.names.append(event.place.filename)
        search.marks.append((event.cpu << 3 | event.hook, event.seq))
        self._marks += 1
        grown = len(event.place.filename) + _TRY_BYTES
        search.size += grown
        self._bytes += grown
        if search.size > size + _SEARCH_BYTES:
            certain += self.flush(pid)
        while self._marks > HELD_BACK_MOST or self._bytes > _SEARCHES_BYTES:
            certain += self.flush(next(iter(self.pending)))
        return certain

    def _remove(self, pid: int) -> _Search | None:
        search = self.pending.pop(pid, None)
        if search is not None:
            self._bytes -= search.size
            self._marks -= len(search.marks)
        return search

    def flush(self, pid: int) -> list[Event]:
        """Return the failed tries of a process as one failure; empty if it has none."""
        search = self._remove(pid)
        if search is None:
            return []
        if len(search.names) > 1:
            search.last.path_search = tuple(search.names)
        return [search.last]

    def expire(self, now_ns: int) -> list[Event]:
        """Return failures that were held back for too long."""
        certain: list[Event] = []
        for pid, search in list(self.pending.items()):
            if now_ns - search.begun_ns < _WAIT_NS:
                break  # in order of age
            certain += self.flush(pid)
        return certain

    def flush_all(self) -> list[Event]:
        """Return everything held back."""
        return [event for pid in list(self.pending) for event in self.flush(pid)]


def _is_same_search(before: Event, now: Event) -> bool:
    """Return True for the same command from another directory.

    Same arguments (a script has its interpreter's), same last component of the path.
    """
    is_script = not now.error and now.place.flags & record.FLAG_SCRIPT
    return (
        before.tid == now.tid
        and bool(is_script or before.argv == now.argv)
        and before.place.filename.rsplit(b"/", 1)[-1] == now.place.filename.rsplit(b"/", 1)[-1]
    )
