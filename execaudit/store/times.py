# SPDX-License-Identifier: Apache-2.0
"""Times of records as nanoseconds since 1970, and stretches of time.

Owns converting the text of a record's time, quickly: seconds are cached. It knows no file and no
option.
"""

from datetime import UTC, datetime
from typing import NamedTuple

SECOND_NS = 10**9
EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1

TEXT_BYTES = len("2026-11-23T02:04:06.123456789Z")
"""Length of the time of a record."""

_SECONDS_LIMIT = 4096
_seconds: dict[bytes, int] = {}


class Span(NamedTuple):
    """A stretch of time; both ends belong to it. Nanoseconds since 1970."""

    begin_ns: int = EARLIEST_NS
    end_ns: int = LATEST_NS

    def has(self, time_ns: int) -> bool:
        """Return True if a time is within."""
        return self.begin_ns <= time_ns <= self.end_ns

    def meets(self, begin_ns: int, end_ns: int) -> bool:
        """Return True if another stretch overlaps this one."""
        return begin_ns <= self.end_ns and end_ns >= self.begin_ns

    @property
    def is_all(self) -> bool:
        """True if it has no bound."""
        return self.begin_ns == EARLIEST_NS and self.end_ns == LATEST_NS


ALWAYS = Span()


def read_time(text: bytes) -> int:
    """Return the time of a record, such as b"2026-11-23T02:04:06.123456789Z".

    Other spellings of RFC 3339 are read too. Raises ValueError, also for a time that does not fit
    into 64 bits of nanoseconds: before 1678 or after 2261.
    """
    second = text[:19]
    known = _seconds.get(second)
    if known is not None and len(text) == TEXT_BYTES and text[19:20] == b"." and text[29:] == b"Z":
        fraction = text[20:29]
        if fraction.isdigit():
            return known + int(fraction)
    return _read_slowly(text)


def _read_slowly(text: bytes) -> int:
    whole, dot, rest = text.decode("ascii").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    moment = datetime.fromisoformat(whole + rest[len(digits) :] if dot else whole)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    ns = int(moment.replace(microsecond=0).timestamp()) * SECOND_NS
    if not EARLIEST_NS + SECOND_NS < ns < LATEST_NS - SECOND_NS:
        raise ValueError(f"{text!r} is out of range")
    if not dot:
        ns += moment.microsecond * 1000
    elif digits:
        ns += int(digits[:9].ljust(9, "0"))
    if rest[len(digits) :] == "Z" and len(whole) == 19:
        if len(_seconds) >= _SECONDS_LIMIT:
            _seconds.clear()
        _seconds[text[:19]] = ns - ns % SECOND_NS
    return ns


def show_time(time_ns: int) -> str:
    """Return a time as text, as in records. `time_ns` must be within 64 bits."""
    second, fraction = divmod(time_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
