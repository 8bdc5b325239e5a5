# SPDX-License-Identifier: Apache-2.0
"""The files of logs, by the chains that seal them, in the order of writing.

Owns the choice of files and their order. Names say little: others rename, copy and rotate files. If
a file has a seal, its first one decides.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from execaudit.errors import ExecauditError
from execaudit.evidence.seal import MARK, read_seal
from execaudit.sinks.rotation import Series
from execaudit.store.broken import Broken
from execaudit.store.listing import Listing, listings
from execaudit.store.log import open_log
from execaudit.store.part import Part

_DEPTH = 4
_UNFINISHED = ".part"


class LogFiles(NamedTuple):
    """The files of one log.

    Attributes:
        chain: name of the chain of the first seal; "" if nothing is sealed.
        parts: the files in the order of writing.
        copies: files left out, as another one has their seals; each with the other one.
        torn: names of files with lines that a crash tore.

    """

    chain: str
    parts: list[Part]
    copies: list[tuple[str, str]]
    torn: list[str]


def find_logs(paths: Iterable[str], broken: Broken) -> list[LogFiles]:
    """Open files, logs with all their rotated files, and directories of them.

    Raises ExecauditError if there is none.
    """
    parts: dict[tuple[int, int], Part] = {}
    torn: list[str] = []
    for path in paths:
        for part in _open(path, torn, broken):
            identity = part.identity if part.identity != (0, 0) else (0, len(parts))
            if identity in parts:
                part.close()
            else:
                parts[identity] = part
    if not parts:
        raise ExecauditError(f"Failed to verify '{' '.join(paths)}': there are no records")
    return list(_group(list(parts.values()), torn))


def _open(path: str, torn: list[str], broken: Broken) -> Iterator[Part]:
    if Path(path).is_dir():
        yield from _open_listed(lambda: _find_below(path), torn, broken)
        return
    yield from open_log(path, broken).parts
    if path == "-":
        return
    for part in _open_listed(lambda: _find_beside(path), torn, broken):
        if first_seal(part, broken):  # by logrotate(8), and by hand
            yield part
        else:
            part.close()


def _open_listed(look: Callable[[], Listing], torn: list[str], broken: Broken) -> list[Part]:
    """Open all that is listed but torn lines, whose names are added to `torn`."""
    listed, parts = Listing(), list[Part]()
    for listed in listings(look):
        for part in parts:
            part.close()
        names = [each for each in listed.files if ".torn-" not in each]
        parts = list(_open_all(names, listed.broken))
    torn += [each for each in listed.files if ".torn-" in each]
    kept = listed.keep(parts)
    broken.merge(listed.broken)
    return kept


def _open_all(paths: Iterable[str], broken: Broken) -> Iterator[Part]:
    for path in paths:
        try:
            yield Part(path, is_growing=path.endswith(".jsonl"))
        except (OSError, ExecauditError) as error:
            broken.add_error(path, error)


def _find_beside(path: str) -> Listing:
    """List what has the name of a log, with something behind it, but the files of open_log()."""
    found, series = Listing(), Series(path)
    with contextlib.suppress(OSError):  # open_log() notes it
        own = {one.name for one in series.members() if not one.is_torn}
        for name in sorted(os.listdir(series.directory or ".")):  # noqa: PTH208
            is_its = name.startswith((f"{series.base}.", f"{series.base}-"))
            if is_its and name not in own and not name.endswith(_UNFINISHED):
                found.add(series.full_path(name))
    found.leave_out_copies()
    return found


def _find_below(folder: str) -> Listing:
    """List all files of logs below a folder."""
    found = Listing()
    base = folder.rstrip("/").count("/")
    for where, folders, names in os.walk(folder, onerror=found.broken.add_folder):
        folders.sort()
        if where.count("/") - base >= _DEPTH:
            folders.clear()
        for name in sorted(names):
            if ".jsonl" in name and not name.startswith("."):
                found.add(os.path.join(where, name))  # noqa: PTH118
    found.leave_out_copies()
    return found


def first_seal(part: Part, broken: Broken) -> tuple[dict[str, Any], bytes] | None:
    """Return the first seal of a file and its line; None if it has none."""
    for chunk in part.chunks(broken):
        at = 0
        while (at := chunk.data.find(MARK, at)) >= 0:
            line = chunk.data[chunk.data.rfind(b"\n", 0, at) + 1 : chunk.data.find(b"\n", at) + 1]
            fields = read_seal(line)
            if fields is not None:
                return fields, line
            at = chunk.data.find(b"\n", at)
    return None


class _Head(NamedTuple):
    """A file, and its first seal if it has one."""

    part: Part
    seal: dict[str, Any]
    line: bytes

    @property
    def chain(self) -> str:
        return str(self.seal.get("chain", ""))


def _group(parts: list[Part], torn: list[str]) -> Iterator[LogFiles]:
    """Sort files into logs: files of one chain, or of one name, belong together."""
    logs: list[tuple[set[str], list[_Head]]] = []
    for part in parts:
        head = _Head(part, *(first_seal(part, Broken()) or ({}, b"")))
        names = {_stem(part.path), *([head.chain] if head.chain else [])}
        members = [head]
        for log in [log for log in logs if log[0] & names]:
            logs.remove(log)
            names |= log[0]
            members = log[1] + members
        logs.append((names, members))
    for names, members in logs:
        yield _order(members, [each for each in torn if _stem(each) in names])


def _order(heads: list[_Head], torn: list[str]) -> LogFiles:
    sealed = [head for head in heads if head.seal]
    begins: dict[str, str] = {}
    for head in sealed:
        time = str(head.seal.get("time"))
        begins[head.chain] = min(time, begins.get(head.chain, time))
    sealed.sort(key=lambda head: (begins[head.chain], head.chain, head.seal["epoch"]))
    kept: dict[bytes, Part] = {}
    copies: list[tuple[str, str]] = []
    for head in sealed:
        other = kept.setdefault(head.line, head.part)
        if other is head.part:
            continue
        if _length(head.part) > _length(other):
            kept[head.line] = head.part
            copies.append((other.path, head.part.path))
        else:
            copies.append((head.part.path, other.path))
    unsealed = [head.part for head in heads if not head.seal]
    # Of a log that was just rotated the first seal may be there when it is read.
    behind = [part for part in unsealed if part.path.endswith(".jsonl")]
    before = [part for part in unsealed if part not in behind]
    chain = sealed[0].chain if sealed else ""
    return LogFiles(chain, [*before, *kept.values(), *behind], copies, torn)


def _stem(path: str) -> str:
    """Return the part that names of one log have in common."""
    at = path.find(".jsonl")
    return path[: at + len(".jsonl")] if at >= 0 else path


def _length(part: Part) -> int:
    return sum(len(chunk.data) for chunk in part.chunks(Broken()))  # whatever is read is judged
