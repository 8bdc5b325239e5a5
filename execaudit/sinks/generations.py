# SPDX-License-Identifier: Apache-2.0
"""Rotated files over their life: renamed away, compressed, removed as configured.

Owns what happens to files that are no longer written to. It never touches the one that is.
"""

import threading
from pathlib import Path

from execaudit.background import Background
from execaudit.config.schema import File
from execaudit.sinks.clock import Clock
from execaudit.sinks.compression import SUFFIX, compress, find_compressor
from execaudit.sinks.notices import NOTICE, WARNING, Notices
from execaudit.sinks.rotation import Generation, Series, choose_expired

_STOP_PATIENCE_S = 5.0


class Generations:
    """The rotated files of one series."""

    def __init__(self, series: Series, settings: File, clock: Clock, notices: Notices) -> None:
        """Raises NotConfigured where the kind of compression is not available."""
        self._series = series
        self._clock = clock
        self._notices = notices
        self.configure(settings)
        self._background = Background("compress")
        self._queued: set[str] = set()
        self._lock = threading.Lock()

    def configure(self, settings: File) -> None:
        """Go by other settings from the next rotation on. Raises as the constructor."""
        self._kind = kind = settings.compress
        self._make_stream = find_compressor(kind) if kind != "none" else None
        self._settings = settings

    def start(self, active_bytes: int) -> None:
        """Clean up after a crash, then as after each rotation."""
        try:
            for name in self._series.clean_up():
                self._notices.add(NOTICE, f"Removed '{name}': compressing it had been cut short")
        except OSError as error:
            self._complain("clean up in", error)
        self.keep_up(active_bytes)

    def retire(self) -> str:
        """Rename the live file away; its new name. Raises OSError."""
        name = self._series.free_name(self._clock.wall_s())
        Path(self._series.path).rename(self._series.full_path(name))
        return name

    def reinstate(self, name: str) -> None:
        """Undo `retire`. Raises OSError."""
        Path(self._series.full_path(name)).rename(self._series.path)

    def keep_up(self, active_bytes: int) -> None:
        """Remove what the settings no longer keep, compress what is plain."""
        try:
            generations = self._series.members()
        except OSError as error:
            self._complain("list", error)
            return
        expired = choose_expired(generations, self._settings, self._clock.wall_s(), active_bytes)
        for one in expired:
            self._remove(one, "as configured")
        if self._make_stream is None:
            return
        for one in generations:
            if not one.suffix and not one.is_torn and one not in expired:
                self._submit(one.name)

    def _remove(self, one: Generation, why: str) -> bool:
        try:
            self._series.remove(one.name)
        except OSError as error:
            self._complain(f"remove '{one.name}' in", error)
            return False
        self._notices.add(NOTICE, f"Removed '{one.name}' ({one.size} bytes) {why}")
        return True

    def remove_oldest(self) -> bool:
        """Remove the oldest to make room; False where there is none to remove."""
        try:
            generations = self._series.members()
        except OSError:
            return False
        return any(self._remove(one, "to make room") for one in generations[:1])

    def _submit(self, name: str) -> None:
        with self._lock:
            if name in self._queued:
                return
            self._queued.add(name)
        if not self._background.submit(lambda: self._compress(name)):
            self._queued.discard(name)  # until the next rotation

    def _compress(self, name: str) -> None:
        """Compress one file, in the background thread."""
        try:
            if self._make_stream is not None:
                compress(
                    self._series, name, self._kind, self._make_stream,
                    lambda: self._background.is_stopping,
                )  # fmt: skip
        except OSError as error:
            self._notices.add(
                WARNING,
                f"Failed to compress '{name}' to {SUFFIX[self._kind]}: {error.strerror}, keeping it"
                " as it is until the next rotation",
            )
        finally:
            with self._lock:
                self._queued.discard(name)

    @property
    def is_compressing(self) -> bool:
        """True while files wait to be compressed, or one is being."""
        return bool(self._queued)

    def _complain(self, verb: str, error: OSError) -> None:
        directory = self._series.directory or "."
        self._notices.add(WARNING, f"Failed to {verb} '{directory}': {error.strerror}")

    def close(self) -> None:
        """Stop compressing; what is unfinished stays plain and is taken up at the next start."""
        self._background.stop(_STOP_PATIENCE_S)
