# SPDX-License-Identifier: Apache-2.0
"""The sink that writes a file of lines.

Owns what trouble with the disk means: how the losses are called, when it is tried again, what a
filling disk calls for. `rotating_file` writes and rotates files.
Trouble with the disk is counted and reported, never raised; what only the administrator can mend (a
link in the file's place, a directory that everybody can write to) is raised at the start, and
reported later on.
"""

import errno
import time
from typing import Any

from execaudit.config.schema import File
from execaudit.config.seal import Seal
from execaudit.errors import failed_call
from execaudit.evidence.chain import Chain
from execaudit.sinks.clock import Clock
from execaudit.sinks.compression import find_compressor
from execaudit.sinks.disk_space import NO_SPACE, DiskSpace, Room
from execaudit.sinks.file_tail import find_last_record
from execaudit.sinks.generations import Generations, remove_at_once
from execaudit.sinks.line_file import Held, Refused, find_group
from execaudit.sinks.notices import NOTICE, WARNING
from execaudit.sinks.retention import file_room
from execaudit.sinks.rotating_file import RotatingFile
from execaudit.sinks.rotation import Series
from execaudit.sinks.sealing import Sealing
from execaudit.sinks.sink import Encoder, Selection, Sink, Trouble

_REASONS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "quota",
    errno.EROFS: "read_only",
    errno.EIO: "io_error",
}
# What passes without anyone touching the configuration: no reason not to start.
_TRANSIENT = {*_REASONS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
_NO_SPACE_PAUSE_S = 0.25
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_SUSPENDED = Trouble("disk_low", 1.0, 1.0)
_ENOUGH_TO_TRY = 4096
_HELD_LOOK_S = 0.05


class FileSink(Sink):
    """Writes lines to `settings.path`.

    Events never wait: a disk that cannot be written seldom recovers soon.
    """

    name = "file"

    def __init__(
        self,
        settings: File,
        encoder: Encoder,
        selection: Selection | None = None,
        clock: Clock | None = None,
        patience_s: float = 0,
    ) -> None:
        """Raise ExecauditError where what lies at the path is not ours to write.

        Wait at most `patience_s` where another process writes to it.
        """
        super().__init__(f"'{settings.path}'", 0, encoder, selection, clock)
        self._settings = settings
        self._series = series = Series(settings.path)
        self._generations = Generations(series, settings, self._clock, self.notices)
        self._file = RotatingFile(settings, series, self._generations, self._clock, self.notices)
        self._space = DiskSpace(series.directory, settings)
        self._is_suspended = False  # by our own choice, since little space is left
        try:
            self.last_record = self._open(patience_s)
        except OSError as error:
            if error.errno not in _TRANSIENT:
                raise failed_call(f"open '{settings.path}'", error) from error
            self._pause(self._trouble_of(error), self._clock.steady_s())
        self._generations.clean_up()  # what it removes may be what fills the disk

    # -- seals ------------------------------------------------------------------------------

    def use_chain(self, chain: Chain, settings: Seal) -> None:
        """Have the file sealed from now on."""
        sealing = Sealing(
            chain, settings, self.encoder.encode_fields, self._series, self._clock, self.notices
        )
        self._file.use_sealing(sealing)
        self._generations.announce_removal = sealing.announce_removal

    def release_chain(self) -> None:
        """Leave the chain to another file, or to its end; this one is sealed no longer."""
        if self.sealing is not None:
            self.sealing.release()
        self._file.use_sealing(None)
        self._generations.announce_removal = remove_at_once

    @property
    def sealing(self) -> Sealing | None:
        """What seals the file; None where it is not sealed."""
        return self._file.sealing

    def seal(self, reason: str) -> None:
        """Write a seal over all that was written; not while something waits to be written."""
        self.flush()
        if self._trouble is not None or self._queue:
            return
        now_s = self._clock.steady_s()
        try:
            self._file.prepare(now_s, 0)
            self._file.seal(reason)
        except (OSError, Refused) as error:
            self._pause(self._trouble_of(error), now_s)

    def _open(self, patience_s: float) -> dict[str, Any] | None:
        end_s = self._clock.steady_s() + patience_s
        while True:
            try:
                last = self._file.open()
                return last if self._file.size else find_last_record(self._series)
            except Held:
                if self._clock.steady_s() >= end_s:
                    raise
            time.sleep(_HELD_LOOK_S)

    def fits(self, settings: File) -> bool:
        """Return True for the same path. Raises NotConfigured as opening it would."""
        if settings.compress != "none":
            find_compressor(settings.compress)
        find_group(settings.group)
        return settings.path == self._settings.path

    def configure(self, settings: File, encoder: Encoder, selection: Selection | None) -> None:
        """Go on under settings that fit."""
        self._generations.configure(settings)
        super().configure(settings, encoder, selection)
        self._settings = self._space.settings = settings
        self._file.configure(settings)
        if self.sealing is not None:
            self.sealing.encode = encoder.encode_fields

    # -- writing ----------------------------------------------------------------------------

    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        data = b"".join(entries)
        done, now_s = 0, self._clock.steady_s()
        try:
            self._prepare(now_s, len(data))
            trouble = self._look_for_room(now_s)
            if trouble is None:
                done, trouble = self._append(data, now_s)
        except (OSError, Refused) as error:
            trouble = self._trouble_of(error)
        written = len(entries) if done == len(data) else data.count(b"\n", 0, done)
        self.counters.written += written
        self.counters.bytes += done
        self._space.note_written(done)
        self._count_half_lines()
        return written, trouble

    def _prepare(self, now_s: float, size: int) -> None:
        """Prepare the file, making room for another one if that is configured."""
        while True:
            try:
                return self._file.prepare(now_s, size)
            except OSError as error:
                if error.errno not in NO_SPACE or not self._make_room():
                    raise

    def _append(self, data: bytes, now_s: float) -> tuple[int, Trouble | None]:
        """Append, making room if that is configured; return how many bytes got through."""
        done, error = self._file.append(data, now_s)
        while error is not None and error.errno in NO_SPACE and self._make_room():
            more, error = self._file.append(data[done:], now_s)
            done += more
        if error is not None:
            return done, self._trouble_of(error)
        self._space.note_success(now_s)
        return done, None

    def _make_room(self) -> bool:
        self._space.room = Room.FULL
        is_wanted = self._space.action(Room.FULL) == "rotate-oldest"
        return is_wanted and self._generations.remove_oldest()

    def _count_half_lines(self) -> None:
        """Count lines as lost that had counted as written, and will never be whole."""
        left, self._file.half_lines_left = self._file.half_lines_left, 0
        if left:
            self.counters.written -= left
            self.losses.count("unavailable", left)

    # -- trouble ----------------------------------------------------------------------------

    def _trouble_of(self, error: OSError | Refused) -> Trouble:
        code, text = 0, str(error)
        if isinstance(error, OSError):
            code = error.errno or 0
            text = f"Failed to write {self._label}: {error.strerror}"
        text += ", dropping records until it can be written again"
        pauses = (_PAUSE_S, _LONGEST_PAUSE_S)
        if code in NO_SPACE:
            pauses = (_NO_SPACE_PAUSE_S, _NO_SPACE_PAUSE_S)
        return Trouble(_REASONS.get(code, "unavailable"), *pauses, text=text)

    def _reopen(self) -> Trouble | None:
        now_s = self._clock.steady_s()
        try:
            self._prepare(now_s, 0)
            self._file.finish_line()
        except (OSError, Refused) as error:
            return self._trouble_of(error)
        trouble = self._look_for_room(now_s)
        before = self._trouble
        is_full = before is not None and before.reason in ("disk_full", "quota")
        if trouble is None and is_full and not self._queue:
            # Nothing waits that could be written to find out.
            self._space.look(now_s)
            if 0 <= self._space.free_bytes < _ENOUGH_TO_TRY:
                return before
        return trouble

    def _look_for_room(self, now_s: float) -> Trouble | None:
        """Look at the free space if it is time to, and do what is configured."""
        if not self._is_suspended and not self._space.is_due(now_s):
            return None
        action = self._space.action
        before, room = self._space.look(now_s)
        while (
            Room.ENOUGH < room < Room.FULL
            and action(room) == "rotate-oldest"
            and self._generations.remove_oldest()
        ):
            room = self._space.look(now_s)[1]
        if Room.FULL in (before, room):
            return None
        was_suspended = self._is_suspended
        self._is_suspended = room > Room.ENOUGH and action(room) == "drop-new"
        if room != before or self._is_suspended != was_suspended:
            self._report_room(room)
        return _SUSPENDED if self._is_suspended else None

    def _report_room(self, room: Room) -> None:
        free = f"{self._space.free_bytes} bytes free for {self._label}"
        if room is Room.ENOUGH:
            self.notices.add(NOTICE, f"{free}: enough again")
        else:
            suffix = ", dropping new records" if self._is_suspended else ""
            self.notices.add(WARNING, f"{free}, less than space_{room.name.lower()}{suffix}")

    def _wait_writable(self, _: float) -> bool:
        return False

    def rotate(self) -> None:
        """Rotate now. A file that others moved is opened again."""
        now_s = self._clock.steady_s()
        try:
            self._file.rotate(now_s)
        except (OSError, Refused) as error:
            self._pause(self._trouble_of(error), now_s)

    def tidy(self) -> None:
        """Remove and compress rotated files as the settings say.

        Call it when the chain is in use, if there is one: seals name what is removed.
        """
        self._generations.keep_up(self._file.size)

    def prune(self, keep: int) -> None:
        """Remove rotated files but for the newest, as somebody asks for."""
        self._generations.prune(keep)

    def on_timer(self, now_s: float) -> float | None:
        """Do what is due at `now_s`; return when to call again."""
        retry_s = super().on_timer(now_s)
        if retry_s is not None:
            return retry_s
        try:
            return self._file.do_due(now_s)
        except (OSError, Refused) as error:
            self._pause(self._trouble_of(error), now_s)
        return self._retry_s

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows beside the counters."""
        room_bytes, room_s = file_room(self._settings)
        return {
            "path": self._settings.path,
            "file_bytes": self._file.size,
            "room_bytes": room_bytes,
            "room_s": room_s,
            "is_failing": self._is_failing,
            **(self.sealing.status() if self.sealing is not None else {}),
        }

    def _close(self) -> None:
        """Sync as configured, stop compressing."""
        self._file.close()
        self._count_half_lines()
        self._generations.close()
