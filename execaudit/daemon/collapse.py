# SPDX-License-Identifier: Apache-2.0
"""Failed PATH look-ups, put into one record.

A shell that looks for a command tries one directory after the other; each try is a failed exec.
Owns the tries of processes that are still at it. What comes out is the exec that followed, with the
file names tried before it, or one failure with all of them. It looks at no record: what identifies
a try is given, and what it belongs to is given back.
"""

import errno
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

_SEARCH_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)  # what execvp(3) goes on after
_PENDING = 4096
_PENDING_BYTES = 8 << 20
_SEARCH_BYTES = 128 << 10  # of one: its names make one record
_TRY_BYTES = 100  # what Python needs for a name
_WAIT_NS = 1_000_000_000

Held = TypeVar("Held")


class Try(NamedTuple):
    """What tells one call of exec from another.

    Attributes:
        tid: of the thread.
        name: the file name asked for.
        argv: all arguments, NUL terminated.

    """

    tid: int
    name: bytes
    argv: bytes


@dataclass(slots=True)
class _Search(Generic[Held]):
    """Tries of one thread for one command: the last failure, and all names.

    `position` is where in the ring the batch of the first began, `marks` the (stream, seq) of all.
    """

    last: Try
    held: Held
    time_ns: int
    size: int
    position: int
    names: list[bytes] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)


class Collapser(Generic[Held]):
    """Holds failures back until it is known what became of them, at most a second.

    `pending` is keyed by pid; empty in the usual case, which costs the hot path one test. What
    comes out are pairs: what was held, and the names tried, none where it was one try only.
    """

    def __init__(self) -> None:
        self.pending: dict[int, _Search[Held]] = {}
        self.position = 0  # of the batch in the ring, set before each
        self._bytes = 0

    @property
    def waits_from(self) -> int | None:
        """Position of the first batch of which something is held back; None if nothing is."""
        return next((search.position for search in self.pending.values()), None)

    def held(self) -> list[tuple[int, int]]:
        """(stream, seq) of every failure held back, oldest first."""
        return [mark for search in self.pending.values() for mark in search.marks]

    def add_failure(
        self,
        pid: int,
        one: Try,
        error: int,
        held: Held,
        size: int,
        time_ns: int,
        mark: tuple[int, int] | None = None,
    ) -> list[tuple[Held, list[bytes]]]:
        """Take a failure (`error` is a negative errno); the records that are certain by it.

        `mark` is its stream (processor << 3 | hook) and sequence number. `held`, of about `size`
        bytes, comes out among these if no search goes on after such an error.
        """
        if -error not in _SEARCH_ERRORS:
            return [*self.flush(pid), (held, [])]
        out: list[tuple[Held, list[bytes]]] = []
        search = self.pending.get(pid)
        if search is not None and not _is_same_search(search.last, one):
            out = self.flush(pid)
            search = None
        if search is None:
            search = self.pending[pid] = _Search(one, held, time_ns, size, self.position)
            self._bytes += size
        search.last = one
        search.held = held
        search.names.append(one.name)
        if mark is not None:
            search.marks.append(mark)
        search.size += len(one.name) + _TRY_BYTES
        self._bytes += len(one.name) + _TRY_BYTES
        if search.size > size + _SEARCH_BYTES:
            out += self.flush(pid)
        while len(self.pending) > _PENDING or self._bytes > _PENDING_BYTES:
            out += self.flush(next(iter(self.pending)))
        return out

    def add_success(
        self, pid: int, one: Try, *, is_script: bool
    ) -> tuple[list[tuple[Held, list[bytes]]], list[bytes]]:
        """Take a successful exec of a process with pending tries.

        Returns the records that are certain by it, and the names tried before it.
        """
        search = self.pending.get(pid)
        if search is None:
            return [], []
        if not _is_same_search(search.last, one, is_script=is_script):
            return self.flush(pid), []
        self._forget(pid)
        return [], search.names

    def _forget(self, pid: int) -> _Search[Held] | None:
        search = self.pending.pop(pid, None)
        if search is not None:
            self._bytes -= search.size
        return search

    def flush(self, pid: int) -> list[tuple[Held, list[bytes]]]:
        """What is pending for a process, as one failure."""
        search = self._forget(pid)
        if search is None:
            return []
        return [(search.held, search.names if len(search.names) > 1 else [])]

    def expire(self, now_ns: int) -> list[tuple[Held, list[bytes]]]:
        """What has been pending for too long, as failures."""
        out: list[tuple[Held, list[bytes]]] = []
        for pid, search in list(self.pending.items()):
            if now_ns - search.time_ns < _WAIT_NS:
                break  # in order of age
            out += self.flush(pid)
        return out

    def flush_all(self) -> list[tuple[Held, list[bytes]]]:
        """Everything pending."""
        return [one for pid in list(self.pending) for one in self.flush(pid)]


def _is_same_search(before: Try, now: Try, *, is_script: bool = False) -> bool:
    """The same command from another directory: same arguments, same last path component."""
    return (
        before.tid == now.tid
        and (is_script or before.argv == now.argv)
        and before.name.rsplit(b"/", 1)[-1] == now.name.rsplit(b"/", 1)[-1]
    )
