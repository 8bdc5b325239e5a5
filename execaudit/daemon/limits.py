# SPDX-License-Identifier: Apache-2.0
"""Limits: token buckets per user and per unit, and one summary of what exceeds them.

Owns the buckets, and what happens to a record over a limit: it is dropped, or its arguments are
cut. It reads no clock: callers pass the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from execaudit.records.cut_middle import cut_middle
from execaudit.records.record import strings_of
from execaudit.wire import record
from execaudit.wire.blocks import join_strings
from execaudit.wire.event import Event, Gap

_BUCKETS = 4096
_ALWAYS_BYTES = 512  # of arguments and of variables, which every record keeps
_REASON = "limit"

Key = int | str


class Rate(NamedTuple):
    """`per_second` on average, `burst` at once."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Events of one key over its limit: how many, bytes cut of them (0: dropped), and when."""

    key: Key
    count: int
    cut_bytes: int
    first_ns: int
    last_ns: int


class Bucket:
    """The tokens of a key, and what exceeded them: `count` events between two times."""

    __slots__ = ("at_ns", "count", "cut_bytes", "first_ns", "key", "last_ns", "tokens")

    def __init__(self, key: Key, tokens: float, at_ns: int) -> None:
        self.key = key
        self.tokens = tokens
        self.at_ns = at_ns
        self.count = self.cut_bytes = self.first_ns = self.last_ns = 0

    def suppress(self, now_ns: int, cut_bytes: int = 0) -> None:
        """Count an event that was dropped, or cut by so many bytes."""
        self.first_ns = self.first_ns or now_ns
        self.last_ns = now_ns
        self.count += 1
        self.cut_bytes += cut_bytes


class Limit:
    """One bucket for each key. Their number is bounded; a forgotten one starts full again."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[Key, Bucket] = {}
        self._forgotten: list[Bucket] = []
        self.unreported = 0  # events suppressed since the last take_suppressed

    def allows(self, key: Key, now_ns: int) -> bool:
        """Take a token for an event; return False, and count it as suppressed, if there is none."""
        bucket = self.fill(key, now_ns)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return True
        bucket.suppress(now_ns)
        self.unreported += 1
        return False

    def fill(self, key: Key, now_ns: int) -> Bucket:
        """Return the bucket of a key, refilled for the time since its last use."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _BUCKETS:
                oldest = self._buckets.pop(next(iter(self._buckets)))
                self._forgotten += [oldest] if oldest.count else []
            bucket = self._buckets[key] = Bucket(key, self._rate.burst, now_ns)
        elapsed_s = max(0, now_ns - bucket.at_ns) / 1e9
        bucket.tokens = min(self._rate.burst, bucket.tokens + elapsed_s * self._rate.per_second)
        bucket.at_ns = max(now_ns, bucket.at_ns)
        return bucket

    def take_suppressed(self) -> list[Suppressed]:
        """Return what was suppressed since the last call."""
        buckets = [*self._forgotten, *self._buckets.values()]
        self._forgotten = []
        self.unreported = 0
        suppressed: list[Suppressed] = []
        for each in buckets:
            if each.count:
                suppressed.append(
                    Suppressed(each.key, each.count, each.cut_bytes, each.first_ns, each.last_ns)
                )
                each.count = each.cut_bytes = each.first_ns = 0
        return suppressed


class Limits:
    """The limits that are configured.

    Attributes:
        by_field: limits of records by "uid" and by "unit".
        volumes: limits of bytes of arguments and variables, by "auid" and, without a login, by
            "uid"; empty for none.

    """

    def __init__(
        self, by_field: Mapping[str, Limit], volumes: Mapping[str, Limit] | None = None
    ) -> None:
        self.by_field = by_field
        self.volumes = volumes or {}

    @property
    def has_unreported(self) -> bool:
        """True if events were suppressed since the last summary."""
        limits = (*self.by_field.values(), *self.volumes.values())
        return any(limit.unreported for limit in limits)

    def allow(self, event: Event, now_ns: int) -> bool:
        """Take a token for an event from each limit; return False if one has none left."""
        for field, limit in self.by_field.items():
            key = _uid_of(event) if field == "uid" else event.place.fields.get(field)
            if key is not None and not limit.allows(key, now_ns):
                return False
        return True

    def bound(self, event: Event, now_ns: int) -> None:
        """Cut arguments and variables of an event whose user has used up its volume."""
        size = len(event.argv or b"") + len(event.env or b"")
        if size <= _ALWAYS_BYTES or not self.volumes:
            return
        # A user who logged in stays the same through sudo, su and user namespaces with many ids.
        login = event.place.fields.get("auid")
        limit = self.volumes["uid" if login is None else "auid"]
        bucket = limit.fill(event.place.uid if login is None else login, now_ns)
        if bucket.tokens >= size:
            bucket.tokens -= size
            return
        cut_bytes = _cut_argv(event) + _cut_env(event)
        bucket.suppress(now_ns, cut_bytes)
        limit.unreported += 1


def _cut_argv(event: Event) -> int:
    block = event.argv
    if block is None or len(block) <= _ALWAYS_BYTES:
        return 0
    cut = cut_middle(block, event.argv_gaps, _ALWAYS_BYTES, _REASON)
    event.argv = join_strings(cut.strings)
    event.argv_gaps = tuple(cut.gaps)
    event.redacted_argv = cut.move(event.redacted_argv)
    event.is_plain = False
    return len(block) - len(event.argv)


def _cut_env(event: Event) -> int:
    """Remove the longest variables: a long one must not push out the others."""
    block = event.env
    if block is None or len(block) <= _ALWAYS_BYTES:
        return 0
    strings = strings_of(block)
    room = _ALWAYS_BYTES
    kept: list[int] = []
    for index in sorted(range(len(strings)), key=lambda each: len(strings[each])):
        room -= len(strings[index]) + 1
        if room < 0:
            break
        kept.append(index)
    kept.sort()
    event.env = join_strings(strings[index] for index in kept)
    missing = len(block) - len(event.env)
    event.env_gaps = (*event.env_gaps, Gap(len(kept) - 1, missing, _REASON))
    event.redacted_env = tuple(kept.index(each) for each in event.redacted_env if each in kept)
    event.is_plain = False
    return missing


def _uid_of(event: Event) -> int | None:
    return None if event.place.flags & record.FLAG_BAD_IDS else event.place.uid
