# SPDX-License-Identifier: Apache-2.0
"""The file that is being written to: opened again when others move it, rotated when it is due.

Owns the path, when to rotate and when to sync. `file` decides what a failure means for records, and
when to try again.
"""

import contextlib
import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from execaudit.background import Background
from execaudit.config.schema import File
from execaudit.sinks.clock import Clock
from execaudit.sinks.compression import sync_directory
from execaudit.sinks.file_tail import first_time, set_torn_end_aside
from execaudit.sinks.generations import Generations
from execaudit.sinks.line_file import LineFile, Refused, find_group
from execaudit.sinks.notices import NOTICE, WARNING, Notices
from execaudit.sinks.rotation import Series
from execaudit.sinks.sealing import Sealing

_ROTATION_RETRY_S = 60.0
_SEAL_RETRY_S = 1.0
_STOP_PATIENCE_S = 2.0
_MOST_SYNCS = 8  # each holds a descriptor while a disk hangs


class RotatingFile:
    """The file at `settings.path`. Call `open` first.

    Raises NotConfigured as `find_group` does.
    """

    def __init__(
        self,
        settings: File,
        series: Series,
        generations: Generations,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self.size = 0
        self.half_lines_left = 0  # in files that others took away, never to be finished
        self._settings = settings
        self._gid = find_group(settings.group)
        self._series = series
        self._generations = generations
        self._clock = clock
        self._notices = notices
        self._syncing = Background("fsync", _MOST_SYNCS)
        self._file: LineFile | None = None
        self._rotate_ns: int | None = None  # CLOCK_BOOTTIME at which the file is old enough
        self._rotation_retry_s = 0.0
        self._sync_s: float | None = None
        self.sealing: Sealing | None = None

    def open(self) -> dict[str, Any] | None:
        """Open or make the file at the path; return its last record. Raises OSError or Refused."""
        settings = self._settings
        self._make_directory()
        file = LineFile(settings.path, settings.mode, self._gid)
        before, self._file = self._file, file
        if before is not None:
            self._leave(before)
        self._report_notes(file)
        last = None
        if file.size():
            last = set_torn_end_aside(file, self._series, self._clock.wall_s(), self._notices)
        self.size = file.size()
        self._rotate_ns = self._age_limit_ns(file)
        if self.sealing is not None and before is not None:
            self.sealing.begin_file(file, "moved")
        elif self.sealing is not None:  # which began when nothing could be opened
            self.sealing.resume(file)
        if before is not None:
            # logrotate may have given it a name of the series, and leave removing to us.
            self._generations.keep_up(self.size)
        return last

    def use_sealing(self, sealing: Sealing | None) -> None:
        """Seal the file from now on, or stop sealing it (None)."""
        if self.sealing is not None and self._file is not None:
            self._file.note_written = None
        self.sealing = sealing
        if sealing is not None and self._file is not None:
            sealing.resume(self._file)

    def seal(self, reason: str) -> None:
        """Write a seal over what was written so far, if the file is sealed."""
        if self.sealing is not None:
            self.sealing.seal(reason)

    def configure(self, settings: File) -> None:
        """Go on with the same file under other settings. Raises NotConfigured as `find_group`."""
        self._gid = find_group(settings.group)
        self._settings = settings
        if settings.fsync != "interval":
            self._sync_s = None
        if self._file is not None:
            self._file.notes.clear()
            self._file.set_attributes(settings.mode, self._gid)
            self._report_notes(self._file)
            self._rotate_ns = self._age_limit_ns(self._file)

    def _report_notes(self, file: LineFile) -> None:
        for note in file.notes:
            self._notices.add(WARNING, note)

    def _make_directory(self) -> None:
        directory = Path(self._series.directory)
        if not directory.is_dir():
            directory.mkdir(mode=0o750)
            self._notices.add(NOTICE, f"Made directory '{directory}'")

    def _leave(self, before: LineFile) -> None:
        """Sync as configured and close a file that others moved, removed or replaced."""
        self._finish_line(before)
        if self.sealing is not None:
            self.sealing.sync(before.fd)
        if self._settings.fsync != "none":
            self._sync_later(before.fd, with_directory=True)
        before.close()
        self._notices.add(
            NOTICE, f"'{self._settings.path}' was moved, removed or replaced: opened it again"
        )

    def _age_limit_ns(self, file: LineFile) -> int | None:
        """Return when the file will be old enough, by its first record. None while it is empty."""
        if not self._settings.max_age or not self.size:
            return None
        age_s = 0.0
        with contextlib.suppress(ValueError):  # another schema: counted from now
            age_s = self._clock.wall_s() - datetime.fromisoformat(first_time(file.fd)).timestamp()
        left_s = max(self._settings.max_age - max(age_s, 0.0), 0.0)
        return self._clock.boot_ns() + int(left_s * 1e9)

    def prepare(self, now_s: float, size: int) -> None:
        """Prepare to write `size` bytes: open again or rotate if needed. Raises as `open` does."""
        at_path = self._file.size_at_path() if self._file else None
        if at_path is None:
            self.open()
        else:
            if self.sealing is not None:
                self.sealing.look_for_loss(at_path)
            self.size = at_path
        limit = self._settings.max_file_bytes
        is_full = limit and self.size + size > limit and now_s >= self._rotation_retry_s
        if self.size and (is_full or self._is_old(now_s)):
            self._rotate(now_s)
        elif not self.size:
            self._rotate_ns = None  # others emptied it

    def append(self, data: bytes, now_s: float) -> tuple[int, OSError | None]:
        """Append whole lines; return the bytes of whole lines written, and the error.

        Raises as `open` does.
        """
        assert self._file is not None  # noqa: S101 - prepare() was called
        done, error = self._file.append(data)
        if error is not None and error.errno == errno.EFBIG and self.size:
            self._rotate(now_s)
            more, error = self._file.append(data[done:])
            done += more
        if error is None and self._file.is_unlinked():
            # Removed since we looked: nobody will ever read what we just wrote there.
            self.open()
            done, error = self._file.append(data)
        if done:
            self._note_written(done, now_s)
        return done, error

    def _note_written(self, done: int, now_s: float) -> None:
        self.size += done
        settings = self._settings
        if self._rotate_ns is None and settings.max_age:
            self._rotate_ns = self._clock.boot_ns() + int(settings.max_age * 1e9)
        if settings.fsync == "batch" and self._file:
            self._sync(self._file.fd)
        elif settings.fsync == "interval" and self._sync_s is None:
            self._sync_s = now_s + settings.fsync_interval

    def finish_line(self) -> None:
        """Write the rest of a line that a failing disk took in part. Raises OSError."""
        if self._file:
            self._file.finish_line()

    def rotate(self, now_s: float) -> None:
        """Rotate now. A file that others moved is only opened again. Raises as `open` does."""
        if self._file is None or self._file.size_at_path() is None:
            self.open()
        elif self._file.size():
            self._rotate(now_s)

    def _rotate(self, now_s: float) -> None:
        """Rename the file and begin another one; on failure go on with the old one."""
        file, settings = self._file, self._settings
        assert file is not None  # noqa: S101 - callers looked
        try:
            file.finish_line()
            name = self._generations.next_name()
            if self.sealing is not None:
                self.sealing.seal("rotate", name)
            self._generations.retire(name)
            try:
                fresh = LineFile(settings.path, settings.mode, self._gid, exclusive=True)
            except (OSError, Refused):
                self._generations.reinstate(name)
                raise
        except (OSError, Refused) as problem:
            self._rotation_retry_s = now_s + _ROTATION_RETRY_S
            reason = problem.strerror if isinstance(problem, OSError) else problem
            self._notices.add(
                WARNING, f"Failed to rotate '{settings.path}': {reason}, going on with the old file"
            )
            return
        self._file, self.size, self._rotate_ns = fresh, 0, None
        if self.sealing is not None:
            self.sealing.begin_file(fresh)
        if settings.fsync != "none":
            self._sync_later(file.fd, with_directory=True)
        file.close()
        self._notices.add(NOTICE, f"Rotated '{settings.path}' to '{name}'")
        self._generations.keep_up(0)

    def _sync(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as error:
            self._complain("sync", self._settings.path, error)

    def _sync_later(self, fd: int, *, with_directory: bool = False) -> None:
        try:
            own = os.dup(fd)
        except OSError as error:
            self._complain("sync", self._settings.path, error)
            return

        def job() -> None:
            try:
                self._sync(own)
                os.close(own)
            except OSError as error:  # close(2) reports late writes of some file systems
                self._complain("sync", self._settings.path, error)
            if with_directory:
                try:
                    sync_directory(self._series.directory)
                except OSError as error:
                    self._complain("sync", self._series.directory, error)

        if not self._syncing.submit(job):
            os.close(own)
            self._complain("sync", self._settings.path, OSError(errno.EAGAIN, "it takes too long"))

    def _complain(self, verb: str, path: str, error: OSError) -> None:
        self._notices.add(
            WARNING,
            f"Failed to {verb} '{path}': {error.strerror}, what was written may be missing after a"
            " crash",
        )

    def do_due(self, now_s: float) -> float | None:
        """Sync and rotate if due; return when to call again. Raises as `open` does."""
        if self._sync_s is not None and now_s >= self._sync_s:
            self._sync_s = None
            if self._file:
                self._sync_later(self._file.fd)
        if self._file is not None and self._is_old(now_s):
            self.prepare(now_s, 0)
        deadlines = [self._sync_s] if self._sync_s is not None else []
        if self.sealing is not None and self._file is not None:
            if now_s >= self.sealing.due_s(now_s):
                self.prepare(now_s, 0)
                self.seal("interval" if self.sealing.chain.lines else "idle")
            deadlines.append(max(self.sealing.due_s(now_s), now_s + _SEAL_RETRY_S))
        if self._rotate_ns is not None:
            left_s = (self._rotate_ns - self._clock.boot_ns()) / 1e9
            deadlines.append(max(now_s + left_s, self._rotation_retry_s))
        return min(deadlines, default=None)

    def _is_old(self, now_s: float) -> bool:
        return (
            self._rotate_ns is not None
            and self._clock.boot_ns() >= self._rotate_ns
            and now_s >= self._rotation_retry_s
        )

    def _finish_line(self, file: LineFile) -> None:
        """Finish a half-written line before the file is closed; count it if that fails."""
        try:
            file.finish_line()
        except OSError:
            self.half_lines_left += 1

    def close(self) -> None:
        """Sync as configured and close."""
        if self._file:
            self._finish_line(self._file)
            if self._settings.fsync != "none":
                self._sync(self._file.fd)
            self._file.close()
            self._file = None
        if self.sealing is not None:
            self.sealing.close()
        self._syncing.stop(_STOP_PATIENCE_S, finish=True)
