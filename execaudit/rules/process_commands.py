# SPDX-License-Identifier: Apache-2.0
"""What processes were started with: for rules that ask for a parent's or ancestor's command.

Owns a bounded table of file names and arguments by image, which is what a process runs from one
exec to the next. What is not here is unknown. Of long arguments the beginning is here, and what was
cut is known to be.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from execaudit.rules.field_values import UNKNOWN, of_ancestors
from execaudit.wire.event import Event

COMMAND_FIELDS = ("parent.argv", "parent.cmdline", "parent.filename", "ancestor.cmdline")
"""What is answered from here."""

_MAX_IMAGES = 65536
_MAX_BYTES = 16 << 20
_MOST_BYTES = 4096  # of the arguments of one
_IMAGE_BYTES = 300  # about what Python takes for one, beside its texts


class _Command(NamedTuple):
    filename: str  # "" where it was unreadable
    argv: bytes  # NUL terminated strings
    is_whole: bool

    @property
    def size(self) -> int:
        return len(self.argv) + len(self.filename) + _IMAGE_BYTES


class ProcessCommands:
    """Commands of images. Bounded by number and bytes: the oldest go first.

    Attributes:
        by_image: by the part of a record's `id` behind the boot.
        size: bytes of all, about.

    """

    def __init__(self) -> None:
        self.by_image: OrderedDict[str, _Command] = OrderedDict()
        self.size = 0

    def remember(self, event: Event, filename: str) -> None:
        """Record what an image was started with."""
        argv = event.argv or b""
        is_whole = event.argv is not None and not event.argv_gaps
        if event.argv_gaps:  # what stands before the first one is as it was
            words = argv.split(b"\0")[: max(event.argv_gaps[0].index, 0)]
            argv = b"".join(word + b"\0" for word in words)
        if len(argv) > _MOST_BYTES:
            argv, is_whole = argv[:_MOST_BYTES], False
            argv = argv[: argv.rfind(b"\0") + 1]
        image = f"{event.pid:x}-{event.start_ns:x}-{event.exec_count:x}"
        before = self.by_image.pop(image, None)
        command = self.by_image[image] = _Command(filename, argv, is_whole)
        self.size += command.size - (before.size if before else 0)
        while self.size > _MAX_BYTES or len(self.by_image) > _MAX_IMAGES:
            _, oldest = self.by_image.popitem(last=False)
            self.size -= oldest.size

    def adopt(self, old: "ProcessCommands") -> None:
        """Take over all that another table knows."""
        self.by_image, self.size = old.by_image, old.size

    def getter(self, field: str) -> Callable[[Mapping[str, Any]], Any] | None:
        """Return what takes a field of COMMAND_FIELDS out of place_values()."""
        return {
            "parent.argv": lambda fields: self._of_parent(fields, _argv),
            "parent.cmdline": lambda fields: self._of_parent(fields, _cmdlines),
            "parent.filename": lambda fields: self._of_parent(fields, _filename),
            "ancestor.cmdline": self._of_ancestors,
        }.get(field)

    def _find(self, identity: str) -> _Command | None:
        return self.by_image.get(identity.partition("-")[2])

    def _of_parent(self, fields: Mapping[str, Any], take: Callable[[_Command], Any]) -> Any:
        parent_id = fields.get("parent_id")
        found = None if parent_id is UNKNOWN else self._find(parent_id or "")
        return UNKNOWN if found is None else take(found)

    def _of_ancestors(self, fields: Mapping[str, Any]) -> Any:
        def take(one: Mapping[str, Any]) -> tuple[Any, ...]:
            found = self._find(one.get("id", ""))
            return (...,) if found is None else _cmdlines(found)

        lists = of_ancestors(fields, take)
        if lists is UNKNOWN:
            return UNKNOWN
        return tuple(text for texts in lists for text in ((...,) if texts is ... else texts))


def _argv(command: _Command) -> tuple[Any, ...]:
    words: tuple[Any, ...] = tuple(command.argv[:-1].split(b"\0")) if command.argv else ()
    return words if command.is_whole else (*words, ...)


def _cmdlines(command: _Command) -> tuple[Any, ...]:
    text = command.argv[:-1].replace(b"\0", b" ")
    return (text,) if command.is_whole else ((text, False, True), ...)


def _filename(command: _Command) -> Any:
    return command.filename or UNKNOWN
