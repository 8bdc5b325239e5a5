# SPDX-License-Identifier: Apache-2.0
"""Names of rotated files, and which of them to remove.

Owns the naming: `execaudit.jsonl.20261123T020406Z` by UTC time of rotation, with `-1`, `-2`, …
where that name is taken, then `.gz` or `.zst`; `execaudit.jsonl.torn-STAMP` for torn lines that
were set aside. The stamp comes last: a glob such as `*.jsonl` matches no rotated file. No other
file in the directory is ever changed or removed.
"""

import contextlib
import os
import re
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from execaudit.formats.content import COMPRESSED

if TYPE_CHECKING:  # readers of logs need the names of files, and no configuration
    from execaudit.config.schema import File

SUFFIXES = ("", *COMPRESSED)
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = r"\.(torn-)?(\d{8}T\d{6}Z)(?:-([1-9]\d{0,8}))?(\.gz|\.zst)?"
_UNFINISHED = ".part"


class Generation(NamedTuple):
    """One file of a series that is no longer written to."""

    name: str
    is_torn: bool
    stamp: str
    number: int
    suffix: str
    size: int
    written_s: float = float("inf")  # its last write, seconds since 1970

    @property
    def stem(self) -> str:
        """Its name without the suffix of compression."""
        return self.name.removesuffix(self.suffix)

    def rotated_s(self) -> float | None:
        """Return when it was rotated, in seconds since 1970; None where its stamp is no time."""
        try:
            return datetime.strptime(self.stamp, _STAMP).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None

    def age_s(self, wall_s: float) -> float:
        """Return seconds since it was rotated; minus infinity where nobody knows.

        If its stamp is in the future, the last write counts.
        """
        rotated_s = self.rotated_s()
        if rotated_s is None:
            return float("-inf")
        return wall_s - (rotated_s if rotated_s <= wall_s else self.written_s)


class Series:
    """The files that belong to one log file, in its directory."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.directory, self.base = os.path.split(path)
        self._match = re.compile(re.escape(self.base) + _NAME, re.ASCII).fullmatch

    def members(self) -> list[Generation]:
        """Return rotated and set-aside files, oldest first. Raises OSError."""
        found: list[Generation] = []
        with os.scandir(self.directory or ".") as entries:
            for entry in entries:
                match = self._match(entry.name)
                if match is None:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        torn, stamp, number, suffix = match.groups("")
                        names = (entry.name, bool(torn), stamp, int(number or 0), suffix)
                        found.append(Generation(*names, status.st_size, status.st_mtime))
        found.sort(key=lambda one: (one.stamp, one.number, one.suffix))
        return found

    def newest_other(self) -> str | None:
        """Return the file written to last that was moved from this one's place. Raises OSError.

        Others may have moved it, under names of their own. Of ours the name decides: the clock may
        have been set. Of a file both plain and compressed the plain one is whole.
        """
        written: dict[str, int] = {}
        with os.scandir(self.directory or ".") as entries:
            for entry in entries:
                name = entry.name
                if name.startswith((f"{self.base}.", f"{self.base}-")) and ".torn-" not in name:
                    with contextlib.suppress(FileNotFoundError):  # compressed or removed meanwhile
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            written[name] = status.st_mtime_ns
        names = written.keys() - {name + suffix for name in written for suffix in COMPRESSED}
        newest = max(names, key=lambda name: (written[name], name), default=None)
        if newest is not None and self._match(newest):
            newest = max(filter(self._match, names), key=self._order)
        return None if newest is None else self.full_path(newest)

    def _order(self, name: str) -> tuple[str, int]:
        match = self._match(name)
        return (match[2], int(match[3] or 0)) if match else ("", 0)

    def full_path(self, name: str) -> str:
        """Return the path of a file of that name."""
        return os.path.join(self.directory, name)  # noqa: PTH118 - Path costs on each batch

    def free_name(self, wall_s: float, mark: str = "") -> str:
        """Return a name not taken, neither plain nor compressed, for a file rotated at `wall_s`.

        It sorts after all existing names, even if the clock was set back: otherwise retention would
        remove the newest file first. Raises OSError.
        """
        stamp, number = time.strftime(_STAMP, time.gmtime(wall_s)), 0
        before = [
            one for one in self.members()
            if one.is_torn is bool(mark) and one.rotated_s() is not None
        ]  # fmt: skip
        if before and before[-1].stamp >= stamp:
            stamp, number = before[-1].stamp, before[-1].number + 1
        stem = f"{self.base}.{mark}{stamp}"
        while True:
            name = f"{stem}-{number}" if number else stem
            paths = [self.full_path(name + suffix) for suffix in SUFFIXES]
            if not any(os.path.lexists(path) for path in paths):
                return name
            number += 1

    def unfinished_path(self, stem: str, suffix: str) -> str:
        """Return where a compressed file grows: hidden, so that no shipper's glob matches it.

        The name does not match the pattern of the series: after a crash it does not pass for whole.
        """
        return self.full_path(f".{stem}{suffix}{_UNFINISHED}")

    def remove(self, name: str) -> bool:
        """Remove a file; return False if it is gone already. Raises OSError."""
        try:
            Path(self.full_path(name)).unlink()
        except FileNotFoundError:
            return False
        return True

    def clean_up(self) -> list[str]:
        """Remove what a crash during compression left; return the names removed. Raises OSError.

        Of a file both plain and compressed the plain one is removed if their times are the same:
        ours got its time and its name only when it was whole and on the disk. What gzip(1) has not
        finished has a time of its own.
        """
        everything = self.members()
        finished = {(one.stem, one.written_s) for one in everything if one.suffix}
        doomed = [
            one.name for one in everything
            if not one.suffix and (one.name, one.written_s) in finished
        ]  # fmt: skip
        with os.scandir(self.directory or ".") as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(f".{self.base}.") and name.endswith(_UNFINISHED):
                    inner = name[1 : -len(_UNFINISHED)]
                    if self._match(inner) and entry.is_file(follow_symlinks=False):
                        doomed.append(name)
        for name in doomed:
            self.remove(name)
        return doomed


def choose_expired(
    generations: list[Generation], settings: "File", wall_s: float, active_bytes: int
) -> list[Generation]:
    """Return the files to remove, oldest first. Set-aside files are counted on their own.

    A file that is there plain and compressed stays or goes as one.
    """
    expired: set[str] = set()  # without suffixes
    for is_torn in (False, True):
        kind = [one for one in generations if one.is_torn is is_torn]
        if settings.num_logs:
            expired |= {one.stem for one in all_but_newest(kind, settings.num_logs)}
        if settings.keep_age:
            age_s = float("-inf")
            for one in reversed(kind):  # each is at least as old as those after it
                age_s = max(age_s, one.age_s(wall_s))
                if age_s > settings.keep_age:
                    expired.add(one.stem)
    if settings.keep_bytes:
        kept = [one for one in generations if one.stem not in expired]
        total = active_bytes + sum(one.size for one in kept)
        for one in kept:
            if total <= settings.keep_bytes:
                break
            expired.add(one.stem)
            total -= one.size
    return [one for one in generations if one.stem in expired]


def all_but_newest(generations: list[Generation], count: int) -> list[Generation]:
    """Return all files but the newest so many, oldest first."""
    stems = list(dict.fromkeys(one.stem for one in generations))
    old = set(stems[: max(len(stems) - count, 0)])
    return [one for one in generations if one.stem in old]
