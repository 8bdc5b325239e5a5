# SPDX-License-Identifier: Apache-2.0
"""What processes run and were started with: for records of what they start, and for rules.

Owns a bounded table of programs, file names and arguments by image, which is what a process runs
from one exec to the next. What is not here is unknown. Of long arguments the beginning is here, and
what was cut is known to be. Rules see arguments as they were; records show them without secrets.
"""

import os
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from execaudit.records.command import restore_text
from execaudit.records.redact import Redactor
from execaudit.records.text import add_text
from execaudit.wire import record
from execaudit.wire.event import Event, Place

_IMAGE_BYTES = 300  # about what Python takes for one, beside its texts
_MOST_SPARED = 1024  # running ones, for one that is forgotten
_UNKNOWN_NAME = record.FLAG_BAD_FILENAME | record.FLAG_CUT_FILENAME
# struct ancestor begins with the same: the parent's part of a place is the key as it stands.
_KEY = struct.Struct("@QII")
KEY_BYTES = _KEY.size
MOST_BYTES = 4096
"""Of the arguments of one image: what remember() keeps."""

FOR_RECORDS = (4096, 2 << 20)
"""Images and bytes of them that are kept where records alone show them."""
FOR_RULES = (65536, 16 << 20)
"""The same where rules ask for commands."""


class Command:
    """What an image runs, and was started with.

    Attributes:
        exe: path of the program; "" where it was unreadable or cut.
        filename: "" where it was unreadable or cut.
        argv: NUL terminated strings, without those that are cut; None where they were unreadable.
        is_whole: no argument is missing.
        shown: members of records of what it starts; None before somebody asked.

    """

    __slots__ = ("argv", "exe", "filename", "is_whole", "shown")

    def __init__(self, exe: str, filename: bytes, argv: bytes | None, *, is_whole: bool) -> None:
        self.exe = exe
        self.filename = filename
        self.argv = argv
        self.is_whole = is_whole
        self.shown: dict[str, Any] | None = None


_Entry = tuple[tuple[str, bytes], bytes]
"""Path and file name of an image, and its arguments, which are whole. Most are never asked for."""


class ProcessCommands:
    """Commands of images. Bounded by number and bytes: the oldest go first, running ones last.

    Attributes:
        by_image: by start in ns, pid and number of execs, as image_key() packs them.
        size: bytes of all, about.
        redactor: takes secrets out of what records show; None: nothing is taken out.
        most_shown: bytes of a command line in records; 0: they have none.

    """

    def __init__(self) -> None:
        self.by_image: OrderedDict[bytes, _Entry | Command] = OrderedDict()
        self.size = 0
        self.redactor: Redactor | None = None
        self.most_shown = 0
        self._most_images, self._most_bytes = FOR_RECORDS

    def set_bounds(self, bounds: tuple[int, int]) -> None:
        """Keep at most so many images, and bytes of them, from now on."""
        self._most_images, self._most_bytes = bounds

    def show(self, redactor: Redactor | None, most_bytes: int) -> None:
        """Let records show command lines in another way from now on."""
        self.redactor, self.most_shown = redactor, most_bytes
        for command in self.by_image.values():
            if isinstance(command, Command):
                command.shown = None

    def remember(self, event: Event) -> None:
        """Record what an exec that succeeded started. It is not redacted yet."""
        argv = event.argv
        if not event.start_ns:
            return
        program = event.place.program
        if program is None:
            program = event.place.program = _program_of(event.place)
        entry: _Entry | Command
        if argv is None or event.argv_gaps or len(argv) > MOST_BYTES:
            argv = _beginning(event)
            exe, filename = program
            entry = Command(exe, filename, argv, is_whole=False)
        else:
            entry = program, argv
        key = _KEY.pack(event.start_ns, event.pid, event.exec_count)
        if key in self.by_image:  # a record that was read again
            return
        self.by_image[key] = entry
        self.size += len(argv or b"") + _IMAGE_BYTES
        if self.size > self._most_bytes or len(self.by_image) > self._most_images:
            self._make_room()

    def _make_room(self) -> None:
        """Forget a sixteenth at once: each alone would cost more."""
        images = self._most_images - self._most_images // 16
        size = self._most_bytes - self._most_bytes // 16
        while self.by_image and (self.size > size or len(self.by_image) > images):
            _, oldest = forget_oldest(self.by_image, _pid_of)
            argv = oldest.argv if isinstance(oldest, Command) else oldest[1]
            self.size -= len(argv or b"") + _IMAGE_BYTES

    def find(self, image: bytes) -> Command | None:
        """Return the command of an image; None where it is unknown."""
        found = self.by_image.get(image)
        if found is None or isinstance(found, Command):
            return found
        (exe, filename), argv = found
        command = self.by_image[image] = Command(exe, filename, argv, is_whole=True)
        return command

    def remember_redacted(self, event: Event) -> None:
        """Keep what records show of arguments that are too long to be kept whole."""
        command = self.find(_KEY.pack(event.start_ns, event.pid, event.exec_count))
        if command is not None and event.argv is not None:
            command.shown = self._describe(command, event.argv, is_whole=not event.argv_gaps)

    def shown_of(self, image: bytes) -> dict[str, Any]:
        """Return `pexe`, `pcmdline` and what is cut of it, for records of what an image starts."""
        command = self.find(image)
        if command is None:
            return {}
        if command.shown is None:
            argv = command.argv or b""
            if self.redactor is not None and (found := self.redactor.redact_block(argv)):
                argv, _ = found
            command.shown = self._describe(command, argv, is_whole=command.is_whole)
        return command.shown

    def _describe(self, command: Command, argv: bytes, *, is_whole: bool) -> dict[str, Any]:
        """Return the members; `argv` has no secrets any more."""
        fields: dict[str, Any] = {}
        if command.exe:
            add_text(fields, "pexe", os.fsencode(command.exe))
        if not self.most_shown or command.argv is None:
            return fields
        from execaudit.records.words import quote_head  # noqa: PLC0415 - not for all

        words = argv[:-1].split(b"\0") if argv else []
        text, is_cut = quote_head(words, self.most_shown)
        if text:
            fields["pcmdline"] = text
        if is_cut or not is_whole:
            fields["truncated"] = {"pcmdline": True}
        return fields


def _program_of(place: Place) -> tuple[str, bytes]:
    """Return path and file name of what runs; "" and b"" for what was unreadable or cut."""
    fields = place.fields
    exe = fields.get("exe", "")
    if "exe_b64" in fields or "truncated" in fields:
        is_cut = "exe" in fields.get("truncated", ())
        exe = "" if is_cut else restore_text(fields, "exe") or ""
    return exe, b"" if place.flags & _UNKNOWN_NAME else place.filename


def image_key(pid: int, start_ns: int, exec_count: int) -> bytes:
    """Return the key of an image."""
    return _KEY.pack(start_ns, pid, exec_count)


def _pid_of(key: bytes) -> int:
    pid: int = _KEY.unpack(key)[1]
    return pid


def _beginning(event: Event) -> bytes | None:
    """Return the arguments that stand whole before the first gap, as far as there is room."""
    argv = event.argv
    if argv is None:
        return None
    if event.argv_gaps:
        words = argv.split(b"\0")[: max(event.argv_gaps[0].index, 0)]
        argv = b"".join(word + b"\0" for word in words)
    if len(argv) > MOST_BYTES:
        argv = argv[: argv.rfind(b"\0", 0, MOST_BYTES) + 1]
    return argv


def forget_oldest(table: OrderedDict[Any, Any], pid_of: Callable[[Any], int]) -> tuple[Any, Any]:
    """Make room for one: the oldest goes, unless it runs and something younger does not.

    Return the key that is gone, and its value.

    A web server that started at boot is older than all that its host ran since.
    """
    for _ in range(min(len(table), _MOST_SPARED)):
        oldest, value = table.popitem(last=False)
        if not _is_running(pid_of(oldest)):
            return oldest, value
        table[oldest] = value
    return table.popitem(last=False)


def _is_running(pid: int) -> bool:
    """Return True if there is such a process. /proc may hide others', signal 0 does not."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
