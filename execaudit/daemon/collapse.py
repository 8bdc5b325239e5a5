# SPDX-License-Identifier: Apache-2.0
"""Failed PATH look-ups, put into one record.

A shell that looks for a command tries one directory after the other; each try is a failed exec.
Owns the tries of processes that are still at it. What comes out is the exec that followed, with the
file names tried before it as `path_search`, or one failure with all of them.
"""

from dataclasses import dataclass, field

from execaudit.records.fields import FieldDict

_SEARCH_ERRORS = ("ENOENT", "ENOTDIR", "EACCES")  # what execvp(3) goes on after
_PENDING = 4096
_WAIT_NS = 1_000_000_000


@dataclass(slots=True)
class _Search:
    """Tries of one thread for one command: the last failure's fields, and all names."""

    fields: FieldDict
    time_ns: int
    names: list[str] = field(default_factory=list)


class Collapser:
    """Holds failures back until it is known what became of them, at most a second.

    `pending` is keyed by pid; empty in the usual case, which costs the hot path one test.
    """

    def __init__(self) -> None:
        self.pending: dict[int, _Search] = {}

    def add_failure(self, fields: FieldDict, time_ns: int) -> list[FieldDict]:
        """Take a failure; the records that have become certain by it."""
        if fields.get("errno") not in _SEARCH_ERRORS or "filename" not in fields:
            return [*self.flush(fields["pid"]), fields]
        out: list[FieldDict] = []
        search = self.pending.get(fields["pid"])
        if search is not None and not _is_same_search(search.fields, fields):
            out = self.flush(fields["pid"])
            search = None
        if search is None:
            if len(self.pending) >= _PENDING:
                out += self.flush(next(iter(self.pending)))
            search = self.pending[fields["pid"]] = _Search(fields, time_ns)
        search.fields = fields
        search.names.append(fields["filename"])
        return out

    def add_success(self, fields: FieldDict) -> list[FieldDict]:
        """Take a successful exec of a process with pending tries; the records now certain."""
        search = self.pending.get(fields["pid"])
        if search is None or not _is_same_search(search.fields, fields):
            return [*self.flush(fields["pid"]), fields]
        del self.pending[fields["pid"]]
        return [{**fields, "path_search": search.names}]

    def flush(self, pid: int) -> list[FieldDict]:
        """What is pending for a process, as one failure."""
        search = self.pending.pop(pid, None)
        if search is None:
            return []
        if len(search.names) == 1:
            return [search.fields]
        return [{**search.fields, "path_search": search.names}]

    def expire(self, now_ns: int) -> list[FieldDict]:
        """What has been pending for too long, as failures."""
        out: list[FieldDict] = []
        for pid, search in list(self.pending.items()):
            if now_ns - search.time_ns < _WAIT_NS:
                break  # in order of age
            out += self.flush(pid)
        return out

    def flush_all(self) -> list[FieldDict]:
        """Everything pending."""
        return [fields for pid in list(self.pending) for fields in self.flush(pid)]


def _is_same_search(before: FieldDict, now: FieldDict) -> bool:
    """The same command from another directory: same arguments, same last path component."""
    return (
        _last_component(before) == _last_component(now)
        and before["tid" if "tid" in before else "pid"] == now["tid" if "tid" in now else "pid"]
        and (before.get("argv") == now.get("argv") or "script" in now)
    )


def _last_component(fields: FieldDict) -> str:
    return str(fields.get("filename", "")).rsplit("/", 1)[-1]
