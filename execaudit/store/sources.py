# SPDX-License-Identifier: Apache-2.0
"""Which logs and journals to read: named ones, or the ones that the daemon writes.

Owns choosing and opening them. It reads no record.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from execaudit.errors import ExecauditError, InvalidArgument, NoPermission
from execaudit.store.broken import Broken
from execaudit.store.choice import SourceChoice
from execaudit.store.journal import Journal, has_journal_files
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
    journals, paths = _look_through(folder, sources.broken)
    failure: ExecauditError | None = None
    if sources.broken.is_denied:
        failure = NoPermission(f"Failed to read '{folder}': {sources.broken.named[-1]}")
    for each in journals:
        sources.journals.append(Journal(directory=each, untrusted=choice.untrusted))
    for path in () if choice.journal else paths:
        try:
            sources.logs.append(open_log(path, sources.broken))
        except ExecauditError as error:
            failure = error
            sources.broken.add_file(path, str(error).rpartition(": ")[2])
    if failure is not None and not sources.journals and not sources.logs:
        raise failure
    if not sources.journals and not sources.logs:
        raise ExecauditError(f"Failed to read '{folder}': it has no journal and no .jsonl file")


def _look_through(folder: str, broken: Broken) -> tuple[list[str], list[str]]:
    """Return directories of journals, and paths of logs, below a directory."""
    journals: list[str] = []
    logs: dict[str, None] = {}
    base = folder.rstrip("/").count("/")
    for where, folders, names in os.walk(folder, onerror=broken.add_folder):
        folders.sort()
        if where.count("/") - base >= _DEPTH:
            folders.clear()
        if has_journal_files(where):
            journals.append(where)
        for name in sorted(names):
            found = _find_log(name)
            if found and not name.startswith("."):
                stem, _, other = found.groups()
                logs[os.path.join(where, stem + (other or ""))] = None  # noqa: PTH118
    # sd_journal_open_directory(3) looks into directories named by a machine itself.
    return [each for each in journals if os.path.dirname(each) not in journals], list(logs)  # noqa: PTH120


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
