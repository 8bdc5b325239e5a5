# SPDX-License-Identifier: Apache-2.0
"""How lines of each format begin: with the record's time and type, at fixed places.

Owns these places (docs/record.md, formats/ecs.py, formats/ocsf.py), so that time and type of a line
are known without parsing it. No argument of a traced program can stand there.
"""

from typing import NamedTuple

from execaudit.store.times import TEXT_BYTES, read_time

_EVENTS = (b"exec", b"exit")


class LineFormat(NamedTuple):
    """One format of lines.

    Attributes:
        name: as the configuration has it.
        before_time: what every line begins with, up to its time.
        before_type: what stands between time and type.
        after_type: what ends the type.

    """

    name: str
    before_time: bytes
    before_type: bytes
    after_type: bytes = b'"'

    @property
    def type_at(self) -> int:
        """Where in a line the type begins."""
        return len(self.before_time) + TEXT_BYTES + len(self.before_type)

    def fits(self, line: bytes) -> bool:
        """Return True where a line begins as this format has it."""
        end = self.type_at
        return line.startswith(self.before_time) and line.startswith(
            self.before_type, end - len(self.before_type)
        )

    def time_of(self, line: bytes) -> int:
        """Return the time of a record whose line fits. Raises ValueError."""
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
    """Return the format of a line; None where it is none of these."""
    return next((each for each in LINE_FORMATS if each.fits(line)), None)
