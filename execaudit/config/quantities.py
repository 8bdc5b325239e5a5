# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - the methods are documented by Kind
"""Configuration values that are numbers: counts, sizes, durations and rates.

Owns their spelling, "64K" or "5m", and their ranges. Like the kinds of config.values, whose
protocol these follow, they know no key and no file.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from execaudit.config.values import Kind, mistake

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
MINUTE, HOUR, DAY = 60, 3600, 86400
_SIZE_UNITS = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}
_SIZE = re.compile(r"([0-9]{1,18})([KMGT]?)", re.IGNORECASE)
_TIME_UNITS = {"ms": 0.001, "s": 1, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SHOWN_TIME_UNITS = ("d", "h", "m", "s", "ms")
_TIME = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([a-z]*)")
_RATE = re.compile(r"([0-9]{1,9})/(s|m|h)(?: burst ([0-9]{1,9}))?")
_BYTE_RATE = re.compile(r"([0-9]{1,18}[KMGT]?)/(s|m|h)(?: burst ([0-9]{1,18}[KMGT]?))?")
_PER_S = {"s": 1, "m": MINUTE, "h": HOUR}
_MAX_RATE = 1_000_000
_MAX_SECONDS = 1e12


@dataclass(frozen=True, slots=True)
class Count(Kind):
    """A number in a range; 0 where `zero` says what it means."""

    low: float
    high: float
    zero: str = ""

    what: ClassVar[str] = "a number"

    @staticmethod
    def parse(value: object) -> Any:
        """Return the number that a value is spelled for; None where it is no such number."""
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @staticmethod
    def spell(number: Any) -> str:
        """Return a number as users write it."""
        return str(number)

    @property
    def expected(self) -> str:
        text = f"{self.what} from {self.spell(self.low)} to {self.spell(self.high)}"
        return f"{text}, or 0 ({self.zero})" if self.zero else text

    def read(self, value: object) -> Any:
        number = self.parse(value)
        if number is not None and (self.low <= number <= self.high or (self.zero and not number)):
            return number
        raise mistake(value, self.expected)


class Size(Count):
    """Bytes: 65536, "65536", "64K", "10M", "2G" or "1T" (powers of 1024)."""

    what = "a size"

    @staticmethod
    def parse(value: object) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        return int(match[1]) * _SIZE_UNITS[match[2].upper()] if match else None

    @staticmethod
    def spell(number: int) -> str:
        for unit in "TGMK":
            if number and not number % _SIZE_UNITS[unit]:
                return f"{number // _SIZE_UNITS[unit]}{unit}"
        return str(number)

    def show(self, value: int) -> str:
        return f'"{self.spell(value)}"' if value else "0"


class PowerOfTwo(Size):
    """Bytes; only powers of two are allowed."""

    what = "a power of two"

    def read(self, value: object) -> Any:
        number = super().read(value)
        if number.bit_count() > 1:
            raise mistake(value, self.expected)
        return number


class Duration(Count):
    """Seconds: 10, 0.5, "10", "500ms", "10s", "5m", "1h", "1d" or "2w"."""

    what = "a duration"

    @staticmethod
    def parse(value: object) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return round(float(value), 9) if 0 <= value < _MAX_SECONDS else None
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        if not match or match[2] not in {"", *_TIME_UNITS}:
            return None
        return round(float(match[1]) * _TIME_UNITS[match[2] or "s"], 9)

    @staticmethod
    def spell(number: float) -> str:
        for unit in _SHOWN_TIME_UNITS:
            count = round(number / _TIME_UNITS[unit], 6)
            if count >= 1 and count.is_integer():
                return f"{int(count)}{unit}"
        return f"{number}s"

    def show(self, value: float) -> str:
        return f'"{self.spell(value)}"' if value else "0"


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `count` in `per_s` seconds, and up to `burst` at once."""

    count: int
    per_s: int
    burst: int


@dataclass(frozen=True, slots=True)
class RateLimit(Kind):
    """A rate such as "100/s burst 1000", or "" for none."""

    expected = (
        f'a rate such as "100/s", "600/m" or "100/s burst 1000" (up to {_MAX_RATE}), or "" (none)'
    )

    def read(self, value: object) -> Rate | None:
        if value == "":
            return None
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match:
            count = int(match[1])
            burst = int(match[3]) if match[3] else count
            if 1 <= count <= _MAX_RATE and 1 <= burst <= _MAX_RATE:
                return Rate(count, _PER_S[match[2]], burst)
        raise mistake(value, self.expected)

    def show(self, value: Rate | None) -> str:
        if value is None:
            return '""'
        unit = next(unit for unit, per_s in _PER_S.items() if per_s == value.per_s)
        burst = "" if value.burst == value.count else f" burst {value.burst}"
        return f'"{value.count}/{unit}{burst}"'


@dataclass(frozen=True, slots=True)
class ByteRateLimit(Kind):
    """Bytes such as "256K/m burst 64M", or "" for no limit."""

    expected = 'bytes such as "256K/m", "1M/s" or "256K/m burst 64M" (up to 1T), or "" (none)'

    def read(self, value: object) -> Rate | None:
        if value == "":
            return None
        match = _BYTE_RATE.fullmatch(value) if isinstance(value, str) else None
        if match:
            count = Size.parse(match[1]) or 0
            burst = Size.parse(match[3]) or 0 if match[3] else count
            if 1 <= count <= TIB and 1 <= burst <= TIB:
                return Rate(count, _PER_S[match[2]], burst)
        raise mistake(value, self.expected)

    def show(self, value: Rate | None) -> str:
        if value is None:
            return '""'
        unit = next(unit for unit, per_s in _PER_S.items() if per_s == value.per_s)
        burst = "" if value.burst == value.count else f" burst {Size.spell(value.burst)}"
        return f'"{Size.spell(value.count)}/{unit}{burst}"'
