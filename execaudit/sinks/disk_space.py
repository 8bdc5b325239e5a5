# SPDX-License-Identifier: Apache-2.0
"""How much space the file system has, and what to do about it.

Owns the thresholds and when a state ends: a little above the threshold where it began, so that it
does not flap. It looks at the file system when asked, and acts on nothing itself.
"""

import enum
import errno
import os

from execaudit.config.schema import File

_CHECK_EVERY_S = 1.0
_CHECK_EVERY_BYTES = 4 << 20
_MARGIN = 16  # a state is left when a sixteenth more than its threshold is free
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class Room(enum.IntEnum):
    """States, from good to bad."""

    ENOUGH = 0
    LEFT = 1  # below space_left
    LOW = 2  # below space_low
    FULL = 3  # a write failed for lack of space


class DiskSpace:
    """The state of the file system that holds `directory`; see `note_success` for the end of FULL.

    `settings` has the free bytes below which a state begins (0: never), and its action.
    """

    def __init__(self, directory: str, settings: File) -> None:
        self.room = Room.ENOUGH
        self.free_bytes = -1
        self.settings = settings
        self._directory = directory or "."
        self._checked_s = float("-inf")
        self._bytes_since = 0

    def action(self, room: Room) -> str:
        """Return what to do in a state: warn, rotate-oldest or drop-new."""
        settings = self.settings
        actions = ("", settings.space_left_action, settings.space_low_action)
        return (*actions, settings.disk_full_action)[room]

    def note_written(self, size: int) -> None:
        """Count bytes that were written: after 4 MiB it is time to look again."""
        self._bytes_since += size

    def is_due(self, now_s: float) -> bool:
        """Return True if it is time to look again."""
        return now_s - self._checked_s >= _CHECK_EVERY_S or self._bytes_since >= _CHECK_EVERY_BYTES

    def look(self, now_s: float) -> tuple[Room, Room]:
        """Ask the file system for its free space; return the state before and the state now."""
        self._checked_s = now_s
        self._bytes_since = 0
        before = self.room
        try:
            status = os.statvfs(self._directory)
        except OSError:  # such as a directory that is gone: opening the file will report it
            return before, before
        self.free_bytes = status.f_bavail * status.f_frsize
        if before is not Room.FULL:
            self.room = judge(self.free_bytes, before, self.settings)
        return before, self.room

    def note_success(self, now_s: float) -> None:
        """Note that a write succeeded: FULL ends."""
        if self.room is Room.FULL:
            self.room = Room.ENOUGH
            self.look(now_s)


def judge(free_bytes: int, before: Room, settings: File) -> Room:
    """Return the state with `free_bytes`, after the state `before`."""
    for room, begins in ((Room.LOW, settings.space_low), (Room.LEFT, settings.space_left)):
        ends = begins + begins // _MARGIN
        if free_bytes < begins or (before >= room and free_bytes < ends):
            return room
    return Room.ENOUGH
