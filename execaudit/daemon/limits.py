# SPDX-License-Identifier: Apache-2.0
"""Rate limits: token buckets per user and per unit, and one summary instead of what went over.

Owns the buckets. It reads no clock: times are given.
"""

from typing import NamedTuple

from execaudit.wire import record
from execaudit.wire.event import Event

_BUCKETS = 4096


class Rate(NamedTuple):
    """`per_second` events on average, `burst` at once."""

    per_second: float
    burst: int


class Bucket:
    """What a key may still spend, and what it could not: `count` between two times."""

    __slots__ = ("at_ns", "count", "first_ns", "key", "last_ns", "tokens")

    def __init__(self, key: int | str, tokens: float, at_ns: int) -> None:
        self.key = key
        self.tokens = tokens
        self.at_ns = at_ns
        self.count = self.first_ns = self.last_ns = 0


class Limit:
    """One bucket for each key. The buckets are bounded; a forgotten one starts full."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[int | str, Bucket] = {}
        self._forgotten: list[Bucket] = []
        self.unreported = 0  # events suppressed since the last take_suppressed

    def allows(self, key: int | str, now_ns: int) -> bool:
        """Take a token for an event at `now_ns`; without one the event counts as suppressed."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _BUCKETS:
                oldest = self._buckets.pop(next(iter(self._buckets)))
                self._forgotten += [oldest] if oldest.count else []
            bucket = self._buckets[key] = Bucket(key, self._rate.burst, now_ns)
        elapsed_s = max(0, now_ns - bucket.at_ns) / 1e9
        bucket.tokens = min(self._rate.burst, bucket.tokens + elapsed_s * self._rate.per_second)
        bucket.at_ns = max(now_ns, bucket.at_ns)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return True
        bucket.first_ns = bucket.first_ns or now_ns
        bucket.last_ns = now_ns
        bucket.count += 1
        self.unreported += 1
        return False

    def take_suppressed(self) -> list[tuple[int | str, int, int, int]]:
        """Return (key, count, first_ns, last_ns) of what was suppressed since the last call."""
        buckets = [*self._forgotten, *self._buckets.values()]
        self._forgotten = []
        self.unreported = 0
        suppressed: list[tuple[int | str, int, int, int]] = []
        for bucket in buckets:
            if bucket.count:
                suppressed.append((bucket.key, bucket.count, bucket.first_ns, bucket.last_ns))
                bucket.count = bucket.first_ns = 0
        return suppressed


class Limits:
    """The limits that are configured: `by_field` "uid" and "unit" of records."""

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
