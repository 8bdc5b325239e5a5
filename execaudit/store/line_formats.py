# SPDX-License-Identifier: Apache-2.0
"""How lines of each format begin: with the record's time and type, at fixed offsets.

Owns these offsets (docs/record.md, formats/ecs.py, formats/ocsf.py): time and type of a line are
known without parsing it. No argument of a traced program can be there.
"""

from typing import NamedTuple

from execaudit.store.times import TEXT_BYTES, read_time

_EVENTS = (b"exec", b"exit")


class LineFormat(NamedTuple):
    """One format of lines.

    Attributes:
        name: its name in the configuration.
        before_time: the bytes of every line before its time.
        before_type: the bytes between time and type.
        after_type: the bytes after the type.

    """

    name: str
    before_time: bytes
    before_type: bytes
    after_type: bytes = b'"'

    @property
    def type_at(self) -> int:
        """The offset of the type in a line."""
        return len(self.before_time) + TEXT_BYTES + len(self.before_type)

    def fits(self, line: bytes) -> bool:
        """Return True if a line begins as lines of this format do."""
        end = self.type_at
        return line.startswith(self.before_time) and line.startswith(
            self.before_type, end - len(self.before_type)
        )

    def time_of(self, line: bytes) -> int:
        """Return the time in a line that fits. Raises ValueError."""
        at = len(self.before_time)
        return read_time(line[at : at + TEXT_BYTES])

    def is_event(self, line: bytes) -> bool:
        """Return True for the line of an exec or exit."""
        return line.startswith(_EVENTS, self.type_at) and self.fits(line)


NATIVE = LineFormat("execaudit", b'{"time":"', b'","type":"')
ECS = LineFormat("ecs", b'{"@timestamp":"', b'","event":{"dataset":"execaudit.')
OCSF = LineFormat("ocsf", b'{"metadata":{"original_time":"', b'","event_code":"')
LINE_FORMATS = (NATIVE, ECS, OCSF)


def find_format(line: bytes) -> LineFormat | None:
    """Return the format of a line; None if no format fits."""
    return next((each for each in LINE_FORMATS if each.fits(line)), None)
