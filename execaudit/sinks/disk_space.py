# SPDX-License-Identifier: Apache-2.0
"""How much room the file system has, and what is to be done about it.

Owns the thresholds and when to leave a state again (a little above where it was entered, so that
it does not flap). It asks the file system when told to and acts on nothing itself.
"""

import enum
import errno
import os
from dataclasses import dataclass

ACTIONS = ("warn", "rotate-oldest", "drop-new")
_CHECK_EVERY_S = 1.0
_CHECK_EVERY_BYTES = 4 << 20
_MARGIN = 16  # a state is left when a sixteenth more than its threshold is free
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class Room(enum.IntEnum):
    """States, from good to bad."""

    ENOUGH = 0
    LEFT = 1  # below space_left
    LOW = 2  # below space_low
    FULL = 3  # a write failed for want of room


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bytes free below which a state begins (0: never), and what is done then (ACTIONS)."""

    space_left: int = 0
    space_left_action: str = "warn"
    space_low: int = 0
    space_low_action: str = "rotate-oldest"
    disk_full_action: str = "drop-new"

    def action(self, room: Room) -> str:
        """What to do in a state."""
        actions = ("", self.space_left_action, self.space_low_action, self.disk_full_action)
        return actions[room]

    def wanted(self, room: Room) -> int:
        """Bytes that have to be free for a state to end."""
        thresholds = (0, self.space_left, self.space_low, 0)
        bytes_free = thresholds[room]
        return bytes_free + bytes_free // _MARGIN


class DiskSpace:
    """The state of the file system that holds `directory`."""

    def __init__(self, directory: str, thresholds: Thresholds) -> None:
        self.room = Room.ENOUGH
        self.free_bytes = -1
        self._directory = directory or "."
        self.thresholds = thresholds
        self._checked_s = float("-inf")
        self._bytes_since = 0

    def note_written(self, size: int) -> None:
        """Take into account that so many bytes were written: after enough of them it looks."""
        self._bytes_since += size

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to look again."""
        return now_s - self._checked_s >= _CHECK_EVERY_S or self._bytes_since >= _CHECK_EVERY_BYTES

    def look(self, now_s: float) -> tuple[Room, Room]:
        """Ask the file system; the state before and the state now. FULL is left by `freed` only."""
        self._checked_s = now_s
        self._bytes_since = 0
        before = self.room
        try:
            status = os.statvfs(self._directory)
        except OSError:  # the directory is gone, say: opening the file will tell
            return before, before
        self.free_bytes = status.f_bavail * status.f_frsize
        if before is not Room.FULL:
            self.room = judge(self.free_bytes, before, self.thresholds)
        return before, self.room

    def ran_out(self) -> None:
        """Say that a write failed for want of room."""
        self.room = Room.FULL

    def freed(self, now_s: float) -> None:
        """Say that a write succeeded: FULL ends."""
        if self.room is Room.FULL:
            self.room = Room.ENOUGH
            self.look(now_s)


def judge(free_bytes: int, before: Room, thresholds: Thresholds) -> Room:
    """The state with so many bytes free, coming from `before`."""
    if free_bytes < thresholds.space_low or (
        before >= Room.LOW and free_bytes < thresholds.wanted(Room.LOW)
    ):
        return Room.LOW
    if free_bytes < thresholds.space_left or (
        before >= Room.LEFT and free_bytes < thresholds.wanted(Room.LEFT)
    ):
        return Room.LEFT
    return Room.ENOUGH
