# SPDX-License-Identifier: Apache-2.0
"""Which logs and journals to read: named ones, or the ones that the daemon writes.

Owns choosing and opening them. It reads no record.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from execaudit.errors import ExecauditError, InvalidArgument, NoPermission
from execaudit.store.broken import Broken
from execaudit.store.choice import SourceChoice
from execaudit.store.journal import Journal, has_journal_files
from execaudit.store.listing import Listing, identify, listings
from execaudit.store.log import Log, open_log

_ROTATED = r"\.(?:torn-)?\d{8}T\d{6}Z(?:-\d+)?(?:\.gz|\.zst)?"
_OTHERS = r"[.-]\d{1,8}(?:-\d+)?(?:\.gz|\.zst)?|\.gz|\.zst"  # logrotate(8)'s, and single files
_find_log = re.compile(rf"(.+\.jsonl)(?:({_ROTATED})|({_OTHERS}))?").fullmatch
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Sources:
    """Open logs and journals; `broken` names what could not be opened."""

    logs: list[Log]
    journals: list[Journal]
    broken: Broken

    def close(self) -> None:
        """Close everything."""
        for log in self.logs:
            log.close()
        for journal in self.journals:
            journal.close()


@contextmanager
def opened(choice: SourceChoice) -> Iterator[Sources]:
    """Open what the user chose, for the length of a block. Raises ExecauditError."""
    sources = open_sources(choice)
    try:
        yield sources
    finally:
        sources.close()


def open_sources(choice: SourceChoice) -> Sources:
    """Open what the user chose. Raises ExecauditError if there is nothing."""
    sources = Sources([], [], Broken())
    try:
        _open(choice, sources)
    except BaseException:
        sources.close()
        raise
    return sources


def _open(choice: SourceChoice, sources: Sources) -> None:
    named = bool(choice.files), choice.journal or bool(choice.namespace), bool(choice.directory)
    if sum(named) > 1 and not (choice.journal and choice.directory):
        raise InvalidArgument(
            "Failed to choose what to read: give files, a directory, or the journal, not several"
        )
    if choice.files:
        sources.logs.extend(open_log(path, sources.broken) for path in choice.files)
    elif choice.directory:
        _open_directory(choice, sources)
    elif choice.journal or choice.namespace:
        sources.journals.append(Journal(namespace=choice.namespace, untrusted=choice.untrusted))
    else:
        _open_configured(choice, sources)


def _open_directory(choice: SourceChoice, sources: Sources) -> None:
    folder = choice.directory
    if not Path(folder).is_dir():
        raise InvalidArgument(f"Failed to read '{folder}': it is not a directory")
    listed = _Folder()
    failure: ExecauditError | None = None
    for listed in listings(lambda: _look_through(folder)):
        _close(sources.logs)
        failure = None
        if listed.broken.is_denied:
            failure = NoPermission(f"Failed to read '{folder}': {listed.broken.named[-1]}")
        for path in () if choice.journal else listed.files:
            failure = _open_listed(path, listed, sources.logs) or failure
    sources.broken.merge(listed.broken)
    _leave_out_copies(sources.logs)
    for each in listed.journals:
        sources.journals.append(Journal(directory=each, untrusted=choice.untrusted))
    if failure is not None and not sources.journals and not sources.logs:
        raise failure
    if not sources.journals and not sources.logs:
        raise ExecauditError(f"Failed to read '{folder}': it has no journal and no .jsonl file")


def _open_listed(path: str, listed: Listing, logs: list[Log]) -> ExecauditError | None:
    """Open a log of a directory, or a single file; return what prevents it."""
    try:
        log = open_log(path, listed.broken)
    except ExecauditError as error:
        listed.broken.add_file(path, str(error).rpartition(": ")[2])
        return error
    if listed.has(path, log.parts[-1].identity):
        logs.append(log)
    else:
        log.close()
    return None


def _leave_out_copies(logs: list[Log]) -> None:
    """Leave out files that are a copy of another one of their log, or will be, by the first line.

    logrotate(8) copies a log before it empties it.
    """
    seen: set[tuple[str, bytes]] = set()
    for log in list(logs):
        stem = log.path.partition(".jsonl")[0]
        firsts = {(stem, part.head.first) for part in log.parts if part.head.first}
        if firsts & seen:
            logs.remove(log)
            log.close()
        seen |= firsts


def _close(logs: list[Log]) -> None:
    while logs:
        logs.pop().close()


@dataclass
class _Folder(Listing):
    """A directory: its journals, and its logs; single files of theirs have an identity."""

    journals: list[str] = field(default_factory=list, compare=False)


def _look_through(folder: str) -> _Folder:
    """Find directories of journals, and logs, below a directory."""
    found = _Folder()
    base = folder.rstrip("/").count("/")
    for where, folders, names in os.walk(folder, onerror=found.broken.add_folder):
        folders.sort()
        if where.count("/") - base >= _DEPTH:
            folders.clear()
        if has_journal_files(where):
            found.journals.append(where)
        for name in sorted(names):
            match = _find_log(name)
            if match and not name.startswith("."):
                stem, _, other = match.groups()
                path = os.path.join(where, stem + (other or ""))  # noqa: PTH118
                found.files[path] = identify(path) if other else None
    found.leave_out_copies()
    # sd_journal_open_directory(3) looks into directories named by a machine itself.
    journals = set(found.journals)
    found.journals = [each for each in found.journals if os.path.dirname(each) not in journals]  # noqa: PTH120
    return found


def _open_configured(choice: SourceChoice, sources: Sources) -> None:
    from execaudit.config.configuration import load  # noqa: PLC0415 - only where it is asked for
    from execaudit.config.files import choose_paths  # noqa: PLC0415

    loaded = load(choose_paths(choice.config, choice.root))
    config = loaded.config
    if config.file.enabled:
        path = config.file.path
        if choice.root != Path("/"):
            path = str(choice.root) + path
        sources.logs.append(open_log(path, sources.broken))
    elif config.journal.enabled:
        sources.journals.append(Journal(untrusted=choice.untrusted))
    else:
        raise InvalidArgument(
            "Failed to choose what to read: the configuration writes neither a file nor to the"
            " journal; name a file"
        )
