# SPDX-License-Identifier: Apache-2.0
"""The sink that writes a file of JSON lines.

Owns what trouble means for records: what is lost, when it is tried again, what a filling disk calls
for. How files are written and rotated is the business of `live_file`. Trouble with the disk is
counted and reported, never raised; what only the administrator can mend (a link in the file's
place, a directory that everybody can write to) is raised at the start, and reported later on.
"""

import errno
import time
from typing import Any

from execaudit.errors import ExecauditError
from execaudit.sinks.accounting import (
    JSON_FORM,
    NOTICE,
    WARNING,
    Counters,
    Form,
    Losses,
    Notices,
)
from execaudit.sinks.clock import Clock
from execaudit.sinks.disk_space import NO_SPACE, DiskSpace, Room
from execaudit.sinks.generations import Generations
from execaudit.sinks.live_file import FileSettings, LiveFile
from execaudit.sinks.log_file import Held, Refused
from execaudit.sinks.log_tail import Tail, last_record
from execaudit.sinks.rotation import Series

_REASONS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "quota",
    errno.EROFS: "read_only",
    errno.EIO: "io_error",
}
# What passes without anyone touching the configuration: no reason not to start.
_TRANSIENT = {*_REASONS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
_SPACE_RETRY_S = 0.25
_RETRY_S = 1.0
_RETRY_LIMIT_S = 60.0
_SUSPENDED_S = 1.0
_ENOUGH_TO_TRY = 4096
_HELD_LOOK_S = 0.05


class FileSink:
    """Writes lines to `settings.path`. `tail` is what the last run left there."""

    name = "file"

    def __init__(
        self,
        settings: FileSettings,
        clock: Clock | None = None,
        form: Form = JSON_FORM,
        patience_s: float = 0,
    ) -> None:
        """Raises ExecauditError where what lies at the path is not ours to write.

        That another process writes to it is waited for to end, at most so long.
        """
        self.counters = Counters()
        self.tail = Tail(None)
        self._settings = settings
        self._clock = clock or Clock()
        self.notices = Notices()
        self.losses = Losses(self.counters, form, self._clock.boot_ns)
        series = Series(settings.path)
        self._generations = Generations(
            series, settings.limits, settings.compress, self._clock, self.notices
        )
        self._file = LiveFile(settings, series, self._generations, self._clock, self.notices)
        self._space = DiskSpace(series.directory, settings.thresholds)
        self._is_failing = False
        self._is_suspended = False  # by our own choice, for want of room
        self._reason = ""
        self._retry_s: float | None = None  # nothing is tried before
        self._delay_s = _RETRY_S
        self._missed = 0
        try:
            self.tail = self._open(patience_s)
        except OSError as error:
            if error.errno not in _TRANSIENT:
                raise ExecauditError(
                    f"Failed to open '{settings.path}': {error.strerror}"
                ) from error
            self._fail(error, self._clock.steady_s())
        else:
            self._generations.start(self._file.size)
            if not self._file.size and self.tail.last is None:
                self.tail = self.tail._replace(last=last_record(series))

    def _open(self, patience_s: float) -> Tail:
        end_s = self._clock.steady_s() + patience_s
        while True:
            try:
                return self._file.open()
            except Held:
                if self._clock.steady_s() >= end_s:
                    raise
            time.sleep(_HELD_LOOK_S)

    @property
    def path(self) -> str:
        """Where the file lies."""
        return self._settings.path

    def configure(self, settings: FileSettings, form: Form) -> None:
        """Go on with the same path under other settings. Raises as when made with them."""
        self._generations.configure(settings.limits, settings.compress)
        self.losses.form = form
        self._settings = settings
        self._space.thresholds = settings.thresholds
        self._file.configure(settings)
        self._generations.keep_up(self._file.size)

    def write(self, lines: list[bytes]) -> None:
        """Append lines, each with its newline, in one write."""
        if not lines and not self.losses.has_kept:
            return
        now_s = self._clock.steady_s()
        if self._retry_s is not None and now_s < self._retry_s:
            self.losses.lose(lines, self._reason)
            return
        self._retry_s = None
        if self.losses.has_kept:
            lines = self.losses.take_kept() + lines
        data = b"".join(lines)
        done = 0
        try:
            self._file.prepare(now_s, len(data))
            if self._has_room(now_s):
                done = self._append(data, now_s)
        except (OSError, Refused) as error:
            self._fail(error, now_s)
        self._account(lines, data, done, now_s)

    def _append(self, data: bytes, now_s: float) -> int:
        """Append, making room if that is configured; how many bytes got through."""
        done, error = self._file.append(data, now_s)
        while error is not None and error.errno in NO_SPACE and self._make_room():
            more, error = self._file.append(data[done:], now_s)
            done += more
        if error is not None:
            self._fail(error, now_s)
        elif self._is_failing:
            self._recover(now_s)
        return done

    def _make_room(self) -> bool:
        self._space.ran_out()
        is_wanted = self._settings.thresholds.action(Room.FULL) == "rotate-oldest"
        return is_wanted and self._generations.remove_oldest()

    def _account(self, lines: list[bytes], data: bytes, done: int, now_s: float) -> None:
        written = len(lines) if done == len(data) else data.count(b"\n", 0, done)
        self.counters.written += written
        self.counters.bytes += done
        self._space.note_written(done)
        if written != len(lines):
            self.losses.lose(lines[written:], self._reason)
        if self._file.half_lines_left:
            self._count_half_lines()
            if not self._is_failing:
                self._recover(now_s)

    def _count_half_lines(self) -> None:
        """Count lines as lost that had counted as written, and will never be whole."""
        left, self._file.half_lines_left = self._file.half_lines_left, 0
        if left:
            self.counters.written -= left
            self.losses.count("unavailable", left, None, None)

    def _fail(self, error: OSError | Refused, now_s: float) -> None:
        code = error.errno if isinstance(error, OSError) else None
        self._reason = _REASONS.get(code or 0, "unavailable")
        if not self._is_failing:
            text = str(error)
            if isinstance(error, OSError):
                text = f"Failed to write '{self._settings.path}': {error.strerror}"
            self.notices.add(WARNING, f"{text}, dropping records until it can be written again")
        self._is_failing = True
        if code in NO_SPACE:
            self._retry_s = now_s + _SPACE_RETRY_S
        else:
            self._retry_s = now_s + self._delay_s
            self._delay_s = min(self._delay_s * 2, _RETRY_LIMIT_S)

    def _recover(self, now_s: float) -> None:
        self._missed += self.losses.end_incident()
        self._space.freed(now_s)
        self._is_failing = False
        self._delay_s = _RETRY_S
        missed, self._missed = self._missed, 0
        self.notices.add(
            NOTICE, f"Writing '{self._settings.path}' again; {missed} records were lost meanwhile"
        )

    def _has_room(self, now_s: float) -> bool:
        """Look at the free space if it is time to, and do what is configured."""
        if not self._is_suspended and not self._space.is_due(now_s):
            return True
        action = self._settings.thresholds.action
        before, room = self._space.look(now_s)
        while (
            Room.ENOUGH < room < Room.FULL
            and action(room) == "rotate-oldest"
            and self._generations.remove_oldest()
        ):
            room = self._space.look(now_s)[1]
        if Room.FULL in (before, room):
            return True
        was_suspended = self._is_suspended
        self._is_suspended = room > Room.ENOUGH and action(room) == "drop-new"
        if room != before or self._is_suspended != was_suspended:
            self._tell_room(room)
        if self._is_suspended:
            self._reason = "disk_low"
            self._is_failing = True
            self._retry_s = now_s + _SUSPENDED_S
        return not self._is_suspended

    def _tell_room(self, room: Room) -> None:
        free = f"{self._space.free_bytes} bytes free for '{self._settings.path}'"
        if room is Room.ENOUGH:
            self.notices.add(NOTICE, f"{free}: enough again")
        else:
            suffix = ", dropping new records" if self._is_suspended else ""
            self.notices.add(WARNING, f"{free}, less than space_{room.name.lower()}{suffix}")

    def rotate(self) -> None:
        """Rotate now (SIGUSR1, `execaudit rotate`). A file that others moved is opened anew."""
        now_s = self._clock.steady_s()
        try:
            self._file.rotate(now_s)
        except (OSError, Refused) as error:
            self._fail(error, now_s)

    def on_timer(self, now_s: float) -> float | None:
        """Do what is due; when to call again. None: not before something was written."""
        due_s = None
        try:
            if self._retry_s is None:
                due_s = self._file.do_due(now_s)
            elif now_s >= self._retry_s:
                self._try_again(now_s)
        except (OSError, Refused) as error:
            self._fail(error, now_s)
        return due_s if self._retry_s is None else self._retry_s

    def _try_again(self, now_s: float) -> None:
        """Find out whether the file can be written again. Raises OSError or Refused."""
        if self.losses.has_kept:
            self.write([])
            return
        self._retry_s = None
        self._file.prepare(now_s, 0)
        error = self._file.finish_line() if self._file.has_half_line else None
        if error is not None:
            raise error
        if not self._has_room(now_s):
            return
        if self._reason in ("disk_full", "quota"):
            self._space.look(now_s)
            if 0 <= self._space.free_bytes < _ENOUGH_TO_TRY:
                self._retry_s = now_s + _SPACE_RETRY_S
                return
        # The proof will be the record of what was lost, which the daemon writes now. Should that
        # fail, it is kept and with it the count, and is what is tried next time.
        self._missed += self.losses.end_incident()

    def status(self) -> dict[str, Any]:
        """What `execaudit status` shows beside the counters."""
        return {
            "path": self._settings.path,
            "file_bytes": self._file.size,
            "is_failing": self._is_failing,
        }

    def close(self) -> None:
        """Write what was kept, sync as configured, stop compressing."""
        if self.losses.has_kept:
            self._retry_s = None
            self.write([])
        self._file.close()
        self._count_half_lines()
        self._generations.close()
