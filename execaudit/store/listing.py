# SPDX-License-Identifier: Apache-2.0
"""The files of a folder, as they are while nobody moves them.

Owns looking again: between listing and opening, files are rotated, compressed and removed. Whoever
opened what was listed before would read a file twice, or not at all.
"""

import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from execaudit.formats.content import COMPRESSED
from execaudit.store.broken import Broken
from execaudit.store.part import Part

_PAUSES_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0)
"""After each try: logrotate(8) renames one file after the other."""

Identity = tuple[int, int]
"""Device and inode."""


@dataclass
class Listing:
    """Files by path, each with what tells it from another one of that name.

    Attributes:
        files: an identity for each path; None where names are never used again.
        broken: what could not be listed or opened.

    """

    files: dict[str, Identity | None] = field(default_factory=dict)
    broken: Broken = field(default_factory=Broken, compare=False)

    def add(self, path: str) -> None:
        """Add a regular file; leave out what is none, and what is gone."""
        identity = identify(path)
        if identity is not None:
            self.files[path] = identity

    def leave_out_copies(self) -> None:
        """Leave out compressed files beside the plain ones that they are made of, whole or not.

        The log itself is another file than what was compressed under its name.
        """
        for path in [each for each in self.files if each.endswith(COMPRESSED)]:
            plain = os.path.splitext(path)[0]  # noqa: PTH122 - a text
            if plain in self.files and not plain.endswith(".jsonl"):
                del self.files[path]

    def keep(self, parts: list[Part]) -> list[Part]:
        """Return the files that are those listed; close and note the others."""
        kept = [part for part in parts if self.has(part.path, part.identity)]
        for part in parts:
            if part not in kept:
                part.close()
        return kept

    def has(self, path: str, identity: Identity) -> bool:
        """Return True if a file that was opened is the one that was listed; note it otherwise."""
        if self.files.get(path, identity) in (None, identity):
            return True
        self.broken.add_file(path, "was moved while it was opened")
        return False


def identify(path: str) -> Identity | None:
    """Return the identity of a regular file; None for anything else."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of thousands
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


Listed = TypeVar("Listed", bound=Listing)


def listings(look: Callable[[], Listed]) -> Iterator[Listed]:
    """Yield what `look` lists, and again as long as it has changed once that was opened.

    The last one counts. It may have changed too: leave out files that it has not.
    """
    _permit_files()
    for pause_s in _PAUSES_S:
        listed = look()
        yield listed
        if look() == listed:
            return
        time.sleep(pause_s)


def _permit_files() -> None:
    """Let this process have as many files open as it may: a log can have more than 1,024."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
