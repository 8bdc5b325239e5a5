# SPDX-License-Identifier: Apache-2.0
"""What processes run and were started with: for records of what they start, and for rules.

Owns a bounded table of programs, file names and arguments by image, which is what a process runs
from one exec to the next. What is not here is unknown. Long arguments are here with their beginning
and a mark. Rules see arguments as they were; records show them without secrets.
"""

import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from execaudit.records.command import restore_text
from execaudit.records.forked import find_program
from execaudit.records.readback import split_identity
from execaudit.records.text import add_text
from execaudit.wire import record
from execaudit.wire.event import Event, Place

if TYPE_CHECKING:
    from execaudit.records.redact import Redactor

_IMAGE_BYTES = 300  # about what Python takes for one, beside its texts
_MOST_SPARED = 1024  # running ones, for one that is forgotten
_STORM_NS = 5_000_000_000  # where the oldest is younger, to ask of each takes 1.4 µs an exec
_UNKNOWN_NAME = record.FLAG_BAD_FILENAME | record.FLAG_CUT_FILENAME
# struct ancestor begins with the same: the parent's part of a place is the key as it stands.
_KEY = struct.Struct("@QII")
_SHORT_BYTES = 512  # of arguments that may wait unsorted
MOST_BYTES = 4096
"""Of the arguments of one image: what remember() keeps."""

FOR_RECORDS = (4096, 2 << 20)
"""Images and bytes of them that are kept where records alone show them."""
FOR_RULES = (65536, 16 << 20)
"""The same where rules ask for commands."""


class Program(NamedTuple):
    """What an image runs: the same for all execs of a place.

    Attributes:
        exe: its path; "" where it was unreadable or cut.
        filename: as it was asked for; "" in the same way.

    """

    exe: str
    filename: bytes


class Command(NamedTuple):
    """What an image runs, and was started with.

    Attributes:
        program: what it runs.
        argv: NUL terminated strings, without those that are cut; None where they were unreadable.
        is_whole: no argument is missing.
        time_ns: when.

    """

    program: Program
    argv: bytes | None
    is_whole: bool
    time_ns: int

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return len(self.argv or b"") + _IMAGE_BYTES


class ProcessCommands:
    """Commands of images. Bounded by number and bytes: the oldest go first, running ones last.

    Most commands start nothing, and nobody ever asks for them. So they wait in a list, and only a
    question sorts them into the table. In a storm the list forgets its older half unsorted.

    Attributes:
        size: bytes of all in the table, about.

    """

    def __init__(self) -> None:
        self._by_image: OrderedDict[bytes, Command] = OrderedDict()
        self._unsorted: list[tuple[int, int, int, Program, bytes, int]] = []
        self.size = 0
        self._shown: dict[bytes, dict[str, Any]] = {}  # by image, where somebody asked
        self._redactor: Redactor | None = None
        self._most_shown = 0
        self.set_bounds(FOR_RECORDS)

    def set_bounds(self, bounds: tuple[int, int]) -> None:
        """Keep at most so many images, and bytes of them, from now on; as much again unsorted."""
        self._most_images, self._most_bytes = images, size = bounds
        self._most_unsorted = min(images, size // (_IMAGE_BYTES + _SHORT_BYTES))

    def show(self, redactor: "Redactor | None", most_bytes: int) -> None:
        """Let records show so many bytes of command lines from now on; 0: none.

        `redactor` takes secrets out of them; None: nothing is taken out.
        """
        self._redactor, self._most_shown = redactor, most_bytes
        self._shown.clear()

    def remember(self, event: Event) -> None:
        """Record what an exec that succeeded started. It is not redacted yet."""
        start_ns = event.start_ns
        if not start_ns:
            return
        made = event.place.made
        program = made.get(Program)
        if program is None:
            program = made[Program] = _program_of(event.place)
        argv = event.argv
        if argv is not None and len(argv) <= _SHORT_BYTES and not event.argv_gaps:
            self._unsorted.append(
                (start_ns, event.pid, event.exec_count, program, argv, event.time_ns)
            )
            if len(self._unsorted) > self._most_unsorted:
                self._shorten(event.time_ns)
            return
        is_whole = argv is not None and len(argv) <= MOST_BYTES and not event.argv_gaps
        if not is_whole:
            argv = _beginning(event)
        self._sort()
        key = _KEY.pack(start_ns, event.pid, event.exec_count)
        self._add(key, Command(program, argv, is_whole, event.time_ns))

    def _shorten(self, now_ns: int) -> None:
        """Forget half of those that nobody asked for, where they are all of a storm."""
        if now_ns - self._unsorted[0][-1] < _STORM_NS:
            del self._unsorted[: self._most_unsorted // 2]
        else:
            self._sort()

    @property
    def by_image(self) -> OrderedDict[bytes, Command]:
        """All commands, by start in ns, pid and number of execs, as image_key() packs them."""
        if self._unsorted:
            self._sort()
        return self._by_image

    def _sort(self) -> None:
        unsorted, self._unsorted = self._unsorted, []
        for start_ns, pid, exec_count, program, argv, time_ns in unsorted:
            key = _KEY.pack(start_ns, pid, exec_count)
            self._add(key, Command(program, argv, True, time_ns))

    def _add(self, key: bytes, command: Command) -> None:
        by_image = self._by_image
        if key in by_image:
            self._forgot(key, by_image.pop(key))
        by_image[key] = command
        self.size += command.size
        while self.size > self._most_bytes or len(by_image) > self._most_images:
            self._make_room(command.time_ns)

    def remember_program(self, pid: int, start_ns: int, exec_count: int, exe: str) -> None:
        """Record what runs already: its arguments are not known, nor when it began."""
        key = image_key(pid, start_ns, exec_count)
        if key not in self.by_image and len(self.by_image) < self._most_images:
            self.by_image[key] = Command(Program(exe, b""), None, False, 0)
            self.size += _IMAGE_BYTES

    def _make_room(self, now_ns: int) -> None:
        """Forget one. In a storm nobody asks whether it runs: most ended long ago."""
        key = next(iter(self._by_image))
        if now_ns - self._by_image[key].time_ns < _STORM_NS and key not in self._shown:
            self._forgot(key, self._by_image.pop(key))
        else:
            self._forgot(*forget_oldest(self._by_image, _pid_of))

    def _forgot(self, key: bytes, command: Command) -> None:
        self.size -= command.size
        self._shown.pop(key, None)

    def find(self, image: bytes) -> Command | None:
        """Return what an image was started with; None where that is not known."""
        return self.by_image.get(image)

    def image_of(self, ancestors: Sequence[Mapping[str, Any]], at: int) -> bytes | None:
        """Return the image whose command the ancestor at `at` runs: its own, or its forker's.

        None where that is not known.
        """
        index, image = find_program(ancestors, at, self._known_image)
        if image is not None and index != at:
            _, _, forked_ns, _ = split_identity(ancestors[index - 1]["id"])
            if self.by_image[image].time_ns > forked_ns:  # executed since
                return None
        return image

    def _known_image(self, identity: str) -> bytes | None:
        image = image_key(*split_identity(identity)[1:])
        return image if image in self.by_image else None

    def remember_redacted(self, event: Event) -> None:
        """Keep what records show of arguments that are too long to be kept whole."""
        key = _KEY.pack(event.start_ns, event.pid, event.exec_count)
        command = self.find(key)
        if command is not None and event.argv is not None:
            is_whole = not event.argv_gaps
            redacted = command._replace(argv=event.argv, is_whole=is_whole)
            self._shown[key] = self._describe(redacted)

    def shown_of(self, image: bytes) -> dict[str, Any]:
        """Return `pexe`, `pcmdline` and what is cut of it, for records of what an image starts."""
        shown = self._shown.get(image)
        if shown is not None:
            return shown
        command = self.find(image)
        if command is None:
            return {}
        argv = command.argv
        if argv and self._redactor is not None and (found := self._redactor.redact_block(argv)):
            command = command._replace(argv=found[0])
        shown = self._shown[image] = self._describe(command)
        return shown

    def shown_of_parent(self, raw: bytes, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the same of a parent: of the image that it or, if it was forked, its forker runs.

        `raw` is an array of struct ancestor, and `fields` has the same as `ancestors`.
        """
        image: bytes | None = raw[: _KEY.size]  # most called exec themselves
        if raw and image not in self.by_image:
            image = self.image_of(fields["ancestors"], 0)
        return {} if image is None else self.shown_of(image)

    def _describe(self, command: Command) -> dict[str, Any]:
        """Return the members of a command that has no secrets any more."""
        fields: dict[str, Any] = {}
        exe, argv = command.program.exe, command.argv
        if exe:
            add_text(fields, "pexe", os.fsencode(exe))
        if not self._most_shown or argv is None:
            return fields
        from execaudit.records.words import is_bare_block, quote_head  # noqa: PLC0415 - not for all

        is_cut = False
        if len(argv) <= self._most_shown and is_bare_block(argv):
            text = argv[:-1].replace(b"\0", b" ").decode()
        else:
            words = argv[:-1].split(b"\0") if argv else []
            text, is_cut = quote_head(words, self._most_shown)
        if text:
            fields["pcmdline"] = text
        if is_cut or not command.is_whole:
            fields["truncated"] = {"pcmdline": True}
        return fields


def _program_of(place: Place) -> Program:
    fields = place.fields
    is_cut = "exe" in fields.get("truncated", ())
    exe = "" if is_cut else restore_text(fields, "exe") or ""
    return Program(exe, b"" if place.flags & _UNKNOWN_NAME else place.filename)


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
