# SPDX-License-Identifier: Apache-2.0
"""Rotated files over their life: renamed, compressed, removed as configured.

Owns what happens to files that are no longer written to. It never changes the live file.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from execaudit.background import Background
from execaudit.config.schema import File
from execaudit.sinks.clock import Clock
from execaudit.sinks.compression import SUFFIX, compress, find_compressor
from execaudit.sinks.notices import NOTICE, WARNING, Notices
from execaudit.sinks.rotation import Generation, Series, all_but_newest, choose_expired

_STOP_PATIENCE_S = 5.0


class Announce(Protocol):
    """Announces files that are to be removed, and removes them."""

    def __call__(
        self,
        expired: list[Generation],
        kept: list[Generation],
        remove: Callable[[bool], None],
        /,
        *,
        is_urgent: bool,
    ) -> bool:
        """Call `remove`: at once if it is urgent, later otherwise. Return False if it never will.

        `remove` takes False where the announcement failed, and removes nothing then. `kept` are the
        files that stay, oldest first.
        """


def remove_at_once(
    _expired: list[Generation],
    _kept: list[Generation],
    remove: Callable[[bool], None],
    *,
    is_urgent: bool,
) -> bool:
    """Remove files without an announcement."""
    del is_urgent
    remove(True)
    return True


class Generations:
    """The rotated files of one series.

    Attributes:
        announce_removal: takes the files to be removed and the function that removes them.

    """

    def __init__(self, series: Series, settings: File, clock: Clock, notices: Notices) -> None:
        """Raise NotConfigured if the kind of compression is not available."""
        self._series = series
        self._clock = clock
        self._notices = notices
        self.configure(settings)
        self.announce_removal: Announce = remove_at_once
        self._background = Background("compress")
        self._queued: set[str] = set()
        self._doubled: set[str] = set()  # which the log says are compressed by somebody else
        self._announced: set[str] = set()  # to be removed once a seal that says so is on the disk
        self._lock = threading.Lock()

    def configure(self, settings: File) -> None:
        """Use other settings from the next rotation on. Raises as the constructor does."""
        kind = settings.compress
        # Set as one: the thread that compresses reads it meanwhile.
        self._compressor = kind, find_compressor(kind) if kind != "none" else None
        self._settings = settings

    def clean_up(self) -> None:
        """Remove what a crash during compression left."""
        try:
            for name in self._series.clean_up():
                self._notices.add(NOTICE, f"Removed '{name}': compressing it had been cut short")
        except FileNotFoundError:
            return  # the directory is made when the file is
        except OSError as error:
            self._complain("clean up in", error)

    def next_name(self) -> str:
        """Return the name that the live file would get now. Raises OSError."""
        return self._series.free_name(self._clock.wall_s())

    def retire(self, name: str) -> None:
        """Rename the live file away. Raises OSError."""
        Path(self._series.path).rename(self._series.full_path(name))

    def reinstate(self, name: str) -> None:
        """Undo `retire`. Raises OSError."""
        Path(self._series.full_path(name)).rename(self._series.path)

    def keep_up(self, active_bytes: int) -> None:
        """Remove files that the settings no longer keep; compress plain ones."""
        try:
            generations = self._series.members()
        except FileNotFoundError:
            return  # the directory is made when the file is
        except OSError as error:
            self._complain("list", error)
            return
        expired = choose_expired(generations, self._settings, self._clock.wall_s(), active_bytes)
        self._remove_later(generations, expired, "as configured")
        if self._compressor[1] is None:
            return
        for one in generations:
            if not one.suffix and not one.is_torn and one not in expired:
                self._submit(one.name)

    def prune(self, keep: int) -> None:
        """Remove all but the newest `keep` rotated files."""
        try:
            rotated = [one for one in self._series.members() if not one.is_torn]
        except OSError as error:
            self._complain("list", error)
            return
        self._remove_later(rotated, all_but_newest(rotated, keep), "as asked for")

    def _remove_later(
        self, generations: list[Generation], expired: list[Generation], why: str
    ) -> None:
        """Announce files once, and remove them when the announcement allows."""
        fresh = [one for one in expired if one.name not in self._announced]
        if fresh:
            names = [one.name for one in fresh]
            self._announced.update(names)
            kept = [one for one in generations if one not in expired and self._stays(one)]
            remove = partial(self._remove_all, fresh, why)
            if not self.announce_removal(fresh, kept, remove, is_urgent=False):
                self._announced.difference_update(names)  # until the next rotation

    def _stays(self, one: Generation) -> bool:
        return one.name not in self._announced

    def _remove_all(self, expired: list[Generation], why: str, is_announced: bool) -> None:
        for one in expired:
            if is_announced:
                self._remove(one, why)
            self._announced.discard(one.name)  # one that cannot be removed is tried again

    def _remove(self, one: Generation, why: str) -> bool:
        try:
            if not self._series.remove(one.name):
                return True  # announced twice, or somebody else removed it
        except OSError as error:
            self._complain(f"remove '{one.name}' in", error)
            return False
        self._notices.add(NOTICE, f"Removed '{one.name}' ({one.size} bytes) {why}")
        return True

    def remove_oldest(self) -> bool:
        """Remove the oldest file to make room; return False if none could be removed."""
        try:
            generations = self._series.members()
        except OSError:
            return False
        oldest = [one for one in generations if one.stem == generations[0].stem]
        kept = [one for one in generations if one not in oldest and self._stays(one)]
        removed: list[Generation] = []

        def remove(_: bool) -> None:
            removed.extend(one for one in oldest if self._remove(one, "to make room"))

        if oldest:
            self.announce_removal(oldest, kept, remove, is_urgent=True)
        return bool(removed)

    def _submit(self, name: str) -> None:
        with self._lock:
            if name in self._queued:
                return
            self._queued.add(name)
        if not self._background.submit(lambda: self._compress(name)):
            self._queued.discard(name)  # until the next rotation

    def _compress(self, name: str) -> None:
        """Compress one file, in the background thread."""
        kind, make = self._compressor
        try:
            if make is not None:
                compress(self._series, name, kind, make, lambda: self._background.is_stopping)
        except OSError as error:
            if name not in self._doubled:
                self._notices.add(
                    WARNING,
                    f"Failed to compress '{name}' to {SUFFIX[kind]}: {error.strerror}, keeping it"
                    " as it is until the next rotation",
                )
            if isinstance(error, FileExistsError):
                self._doubled.add(name)
        finally:
            with self._lock:
                self._queued.discard(name)

    def _complain(self, verb: str, error: OSError) -> None:
        directory = self._series.directory or "."
        self._notices.add(WARNING, f"Failed to {verb} '{directory}': {error.strerror}")

    def close(self) -> None:
        """Stop compressing; unfinished files stay plain until the next start."""
        self._background.stop(_STOP_PATIENCE_S)
