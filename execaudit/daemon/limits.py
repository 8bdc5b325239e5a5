# SPDX-License-Identifier: Apache-2.0
"""Rate limits: token buckets per user and per unit, and one summary instead of what went over.

Owns the buckets. It reads no clock: times are given.
"""

from dataclasses import dataclass

from execaudit.wire import record
from execaudit.wire.event import Event

_BUCKETS = 4096


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` events on average, `burst` at once."""

    per_second: float
    burst: int


@dataclass(slots=True)
class _Bucket:
    """What a key may still spend, and what it could not."""

    tokens: float
    at_ns: int
    suppressed: int = 0
    first_ns: int = 0
    last_ns: int = 0


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What one key lost to its limit since the last summary."""

    key: int | str
    count: int
    first_ns: int
    last_ns: int


class Limit:
    """One bucket for each key. The buckets are bounded; a forgotten one starts full."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[int | str, _Bucket] = {}
        self._forgotten: list[Suppressed] = []
        self.unreported = 0  # events suppressed since the last take_suppressed

    def allows(self, key: int | str, now_ns: int) -> bool:
        """Take a token for an event at `now_ns`; without one the event counts as suppressed."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._add(key, now_ns)
        elapsed_s = max(0, now_ns - bucket.at_ns) / 1e9
        bucket.tokens = min(self._rate.burst, bucket.tokens + elapsed_s * self._rate.per_second)
        bucket.at_ns = max(now_ns, bucket.at_ns)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return True
        bucket.first_ns = bucket.first_ns or now_ns
        bucket.last_ns = now_ns
        bucket.suppressed += 1
        self.unreported += 1
        return False

    def _add(self, key: int | str, now_ns: int) -> _Bucket:
        if len(self._buckets) >= _BUCKETS:
            oldest = next(iter(self._buckets))
            self._forgotten += _summary(oldest, self._buckets.pop(oldest))
        bucket = self._buckets[key] = _Bucket(self._rate.burst, now_ns)
        return bucket

    def take_suppressed(self) -> list[Suppressed]:
        """Return what was suppressed since the last call, by key."""
        out, self._forgotten = self._forgotten, []
        self.unreported = 0
        for key, bucket in self._buckets.items():
            out += _summary(key, bucket)
            bucket.suppressed = bucket.first_ns = 0
        return out


def _summary(key: int | str, bucket: _Bucket) -> list[Suppressed]:
    if not bucket.suppressed:
        return []
    return [Suppressed(key, bucket.suppressed, bucket.first_ns, bucket.last_ns)]


class Limits:
    """The limits that are configured, by the field of records that they count by.

    Attributes:
        by_field: "uid" and "unit".

    """

    def __init__(self, by_field: dict[str, Limit]) -> None:
        self.by_field = by_field

    @property
    def has_unreported(self) -> bool:
        """True where events were suppressed since the last summary."""
        return any(limit.unreported for limit in self.by_field.values())

    def allow(self, event: Event, now_ns: int) -> bool:
        """Take a token for an event from each limit; False where one has none left."""
        for field, limit in self.by_field.items():
            key = _uid_of(event) if field == "uid" else event.place.fields.get(field)
            if key is not None and not limit.allows(key, now_ns):
                return False
        return True


def _uid_of(event: Event) -> int | None:
    return None if event.place.flags & record.FLAG_BAD_IDS else event.place.uid
