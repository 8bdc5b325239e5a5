# SPDX-License-Identifier: Apache-2.0
"""Reads times as users write them, in the forms of systemd.time(7).

Owns absolute times (`2026-11-28 10:00`, RFC 3339, `@SECONDS`), words (`now`, `today`, `yesterday`,
`tomorrow`) and relative ones (`-2h`, `+5min`, `2h ago`, `2h left`). Times without a zone are local.
"""

import re
import time
from datetime import UTC, datetime, timedelta, tzinfo

from execaudit.errors import InvalidArgument
from execaudit.store.times import EARLIEST_NS, LATEST_NS, SECOND_NS

_UNITS_US = {
    1: "us usec µs μs",
    1000: "ms msec",
    1_000_000: "s sec second seconds",
    60_000_000: "m min minute minutes",
    3600_000_000: "h hr hour hours",
    86400_000_000: "d day days",
    7 * 86400_000_000: "w week weeks",
    2629800_000_000: "M month months",  # 30.44 days, as systemd.time(7) counts
    31557600_000_000: "y year years",
}
_UNIT_US = {name: us for us, names in _UNITS_US.items() for name in names.split()}
_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµμ]*)")
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", re.IGNORECASE)
_DATE = re.compile(r"(?:(\d{4})|(\d{2}))-(\d{1,2})-(\d{1,2})")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_OFFSET = re.compile(r"(Z|UTC|[+-]\d{2}:?\d{2})$")
_WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def read_duration_ns(text: str) -> int:
    """Return the nanoseconds of "2h", "1h 30min" or "90". Raises ValueError."""
    total_us, at = 0.0, 0
    if not text.strip():
        raise ValueError(text)
    while at < len(text.rstrip()):
        found = _AMOUNT.match(text, at)
        if not found or (found[2] and found[2] not in _UNIT_US):
            raise ValueError(text)
        total_us += float(found[1]) * _UNIT_US[found[2] or "s"]
        at = found.end()
    return int(total_us) * 1000


def read_moment(text: str, now_ns: int | None = None) -> int:
    """Return the time of a text, in nanoseconds since 1970. Raises InvalidArgument."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    stripped = text.strip()
    try:
        if not stripped:
            raise ValueError(text)  # noqa: TRY301
        moment = _relative(stripped, now_ns)
        if moment is None:
            moment = _absolute(stripped, now_ns)
        if not EARLIEST_NS < moment < LATEST_NS:
            raise ValueError(text)  # noqa: TRY301 - no record has a time so far away
    except (ValueError, OverflowError, KeyError) as error:  # KeyError: no such zone
        raise InvalidArgument(
            f"Failed to use time {text!a}: expected one such as '2026-11-28 10:00', yesterday,"
            " -2h or '2h ago' (systemd.time(7))"
        ) from error
    return moment


def _relative(text: str, now_ns: int) -> int | None:
    if text == "now":
        return now_ns
    if text.startswith("-") and not _DATE.match(text):
        return now_ns - read_duration_ns(text[1:])
    if text.startswith("+"):
        return now_ns + read_duration_ns(text[1:])
    if text.endswith(" ago"):
        return now_ns - read_duration_ns(text.removesuffix(" ago"))
    if text.endswith(" left"):
        return now_ns + read_duration_ns(text.removesuffix(" left"))
    return None


def _absolute(text: str, now_ns: int) -> int:
    if text.startswith("@"):
        whole, _, fraction = text[1:].partition(".")
        return int(whole) * SECOND_NS + int(fraction[:9].ljust(9, "0") or 0)
    zone, text = _split_zone(text)
    now = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    text = _WEEKDAY.sub("", text, count=1).strip()
    day = datetime(now.year, now.month, now.day)  # noqa: DTZ001 - the zone comes last
    date = _DATE.match(text)
    if text in _WORDS:
        day, text = day + timedelta(days=_WORDS[text]), ""
    elif date:
        year = int(date[1]) if date[1] else 2000 + int(date[2])
        day = datetime(year, int(date[3]), int(date[4]))  # noqa: DTZ001
        rest = text[date.end() :]
        text = rest.lstrip("Tt ")
        if rest and not text:
            raise ValueError(rest)
    nanoseconds = 0
    if text:
        clock = _TIME.fullmatch(text)
        if not clock:
            raise ValueError(text)
        day = day.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0))
        nanoseconds = int((clock[4] or "").ljust(9, "0"))
    return int(day.replace(tzinfo=zone).timestamp()) * SECOND_NS + nanoseconds


def _split_zone(text: str) -> tuple[tzinfo | None, str]:
    found = _OFFSET.search(text)
    if found and (":" in text[: found.start()] or found[1] == "UTC"):
        rest = text[: found.start()].rstrip()
        if found[1] in ("Z", "UTC"):
            return UTC, rest
        return datetime.fromisoformat(f"2000-01-01T00:00:00{found[1]}").tzinfo, rest
    head, _, name = text.rpartition(" ")
    if head and "/" in name:
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - it takes long to load

        return ZoneInfo(name), head
    return None, text
