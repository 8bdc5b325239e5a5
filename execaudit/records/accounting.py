# SPDX-License-Identifier: Apache-2.0
"""Accounting: every event the kernel side numbered has come, or is reported as lost.

Owns the sequence numbers of all streams, the counts, and how long programs ran. A stream is the
events of one hook on one processor, numbered from 1; its key is processor << 3 | hook. It decodes
nothing and writes nothing.
"""

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from execaudit.records.lost import Lost
from execaudit.wire.event import Event

_COUNTERS = struct.Struct("@5Q").unpack_from
_EXECS_LIMIT = 65536


class SlotCounters(NamedTuple):
    """What the kernel side counted for one stream (struct slot)."""

    seq: int
    lost: int
    lost_pending: int
    lost_first_ns: int
    lost_last_ns: int


class Standing(NamedTuple):
    """Where one stream stands: its key, the newest event known, how many were lost."""

    key: int
    seq: int
    time_ns: int
    lost: int


class Duplicates(Protocol):
    """Events that another process was done with."""

    def covers(self, key: int, seq: int, *, is_record: bool) -> bool:
        """Return True for an event that comes a second time."""


@dataclass(slots=True)
class Counts:
    """What went through. `seen` = admitted + `lost`.

    `undecodable` ones are among the `lost` when settled, but for chunks, whose record has a gap.
    """

    seen: int = 0
    lost: int = 0
    undecodable: int = 0


@dataclass(slots=True)
class _Stream:
    """The newest event that is known, and how many were lost."""

    seq: int = 0
    time_ns: int = 0
    lost: int = 0


class Accounting:
    """Accounts for the events of one kernel side after the other.

    Attributes:
        counts: of all kernel sides.
        duplicates: events to leave out, None where no process was there before.

    """

    def __init__(self, *, measures_durations: bool = False) -> None:
        self.counts = Counts()
        self.duplicates: Duplicates | None = None
        self._streams: dict[int, _Stream] = {}
        self._durations = _Durations() if measures_durations else None
        self._misses: dict[int, int] = {}
        self._since_ns = 0  # the first event, then the last time that misses were read
        self._unreported = 0  # undecodable events in no `lost` record so far
        self._unnumbered = 0  # of these, those that will be missed by their sequence

    def admit(self, events: Iterable[Event]) -> Iterator[Event | Lost]:
        """Yield the events that are to be recorded, and in front of each what is missing there."""
        streams, counts = self._streams, self.counts
        for event in events:
            stream = streams.get(event.cpu << 3 | event.hook)
            if stream is None or event.seq != stream.seq + 1 or event.type == "damaged":
                yield from self._admit_unusual(event)
                continue
            stream.seq = event.seq
            stream.time_ns = event.time_ns
            counts.seen += 1
            if self._durations is not None:
                self._durations.follow(event)
            yield event

    def _admit_unusual(self, event: Event) -> Iterator[Event | Lost]:
        """Admit what is new, damaged, out of order, or comes behind a gap."""
        if not event.seq:  # no sound header: nobody knows where it belongs
            self.counts.undecodable += 1
            self._unreported += 1
            self._unnumbered += 1
            return
        key = event.cpu << 3 | event.hook
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream()
            self._since_ns = self._since_ns or event.time_ns
        elif self.duplicates is not None and self.duplicates.covers(key, event.seq, is_record=True):
            return
        missing = event.seq - stream.seq - 1
        before_ns, stream.time_ns = stream.time_ns, event.time_ns
        stream.seq = max(event.seq, stream.seq)
        if missing > 0:
            yield self._count_gap(event, stream, missing, before_ns)
        if event.type == "damaged":
            self.counts.undecodable += 1
            self._unreported += 1
            return
        self.counts.seen += 1
        if self._durations is not None:
            self._durations.follow(event)
        yield event

    def _count_gap(self, event: Event, stream: _Stream, missing: int, before_ns: int) -> Lost:
        first_ns = min(max(before_ns, event.lost_first_ns) or event.time_ns, event.time_ns)
        reason = "ring"
        if self._unnumbered >= missing:
            reason = "undecodable"
            self._unnumbered -= missing
            self._unreported -= missing
        else:
            stream.lost += missing
        return self.lose(reason, missing, first_ns, event.time_ns, event.hook, event.cpu)

    def uncount(self) -> None:
        """Take back the event admitted last: it is one of our own."""
        self.counts.seen -= 1

    def lose(
        self, reason: str, count: int, first_ns: int, last_ns: int,
        hook: int | None = None, cpu: int | None = None,
    ) -> Lost:  # fmt: skip
        """Account for events that did not come, of one stream or of any."""
        self.counts.seen += count
        self.counts.lost += count
        return Lost(reason, hook, cpu, count, first_ns, last_ns)

    # -- the kernel's own counts --------------------------------------------------------------

    def settle(self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int) -> list[Lost]:
        """Account for losses behind the last record of each stream.

        `slots` are the values of the map "slots" (struct slot) by hook and CPU, read *before* the
        ring was drained for the last time; `misses` the runs the kernel skipped, by hook.
        """
        losses = [
            lost
            for hook, cpu, counters in _read_slots(slots)
            if (lost := self._settle_stream(hook, cpu, counters, now_ns)) is not None
        ]
        since_ns = min(self._since_ns or now_ns, now_ns)
        self._since_ns = now_ns
        for hook, count in misses.items():
            more = count - self._misses.get(hook, 0)
            if more > 0:
                self._misses[hook] = count
                losses.append(self.lose("recursion", more, since_ns, now_ns, hook))
        if self._unreported:
            losses.append(self.lose("undecodable", self._unreported, since_ns, now_ns))
            self._unreported = self._unnumbered = 0
        return losses

    def _settle_stream(
        self, hook: int, cpu: int, counters: SlotCounters, now_ns: int
    ) -> Lost | None:
        """Return the loss at the end of a stream.

        Not by sequence number: an event that has one may be on its way into the ring.
        """
        key = cpu << 3 | hook
        stream = self._streams.get(key)
        more = counters.lost - (stream.lost if stream else 0)
        if more <= 0:
            return None
        if stream is None:
            stream = self._streams[key] = _Stream()
        stream.lost = counters.lost
        stream.seq += more
        begin_ns = max(stream.time_ns, counters.lost_first_ns) or now_ns
        stream.time_ns = max(begin_ns, counters.lost_last_ns or now_ns)
        return self.lose("ring", more, begin_ns, stream.time_ns, hook, cpu)

    def has_all(self, slots: list[list[bytes]]) -> bool:
        """Return True if every number that was taken has come, or is known to be lost."""
        return not self._missing(slots)

    def _missing(self, slots: list[list[bytes]]) -> list[Lost]:
        """Return the losses: what the kernel numbered and did not come; `last_ns` of each is 0."""
        missing: list[Lost] = []
        for hook, cpu, counters in _read_slots(slots):
            stream = self._streams.get(cpu << 3 | hook) or _Stream()
            if counters.seq > stream.seq:
                count = counters.seq - stream.seq
                missing.append(Lost("ring", hook, cpu, count, stream.time_ns, 0))
        return missing

    def close(self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int) -> list[Lost]:
        """Settle for good: nothing more comes from this kernel side, and another may follow.

        Every number that was taken and did not come is lost, whatever the kernel says.
        """
        losses = self.settle(slots, misses, now_ns)
        for lost in self._missing(slots):
            first_ns = min(lost.first_ns or now_ns, now_ns)
            losses.append(self.lose("ring", lost.count, first_ns, now_ns, lost.hook, lost.cpu))
        self._streams.clear()
        self._misses, self.duplicates = {}, None
        return losses

    # -- one process after the other ----------------------------------------------------------

    @property
    def misses(self) -> dict[int, int]:
        """Runs that the kernel skipped, by hook, as far as they are accounted for."""
        return self._misses

    def newest(self, key: int) -> int:
        """Return the sequence number of the newest event of a stream that is accounted for."""
        stream = self._streams.get(key)
        return stream.seq if stream is not None else 0

    def standing(self) -> list[Standing]:
        """Return where each stream stands, for `resume`."""
        return [Standing(key, s.seq, s.time_ns, s.lost) for key, s in self._streams.items()]

    def last_seen_ns(self) -> dict[int, int]:
        """Return when the newest event of each hook happened."""
        seen_ns: dict[int, int] = {}
        for key, stream in self._streams.items():
            seen_ns[key & 7] = max(seen_ns.get(key & 7, 0), stream.time_ns)
        return seen_ns

    def resume(
        self,
        streams: Iterable[tuple[int, int, int, int]],
        misses: dict[int, int],
        duplicates: Duplicates,
    ) -> None:
        """Continue where another process ended, with the same kernel side: see `Standing`."""
        for key, seq, time_ns, lost in streams:
            self._streams[key] = _Stream(seq, time_ns, lost)
        self._misses = dict(misses)
        self.duplicates = duplicates
        self._since_ns = max((s.time_ns for s in self._streams.values()), default=0)


class _Durations:
    """When programs were started, by pid and start of the process, and which of its execs it was.

    Either is packed into one integer: half the memory of pairs. The oldest are forgotten; a plain
    dict would search through all the places that have become free in front, each time it does.
    """

    def __init__(self) -> None:
        self._began: OrderedDict[int, int] = OrderedDict()

    def follow(self, event: Event) -> None:
        """Note the exec of a program, or set `duration_ns` of its end.

        A second exec ends the first image without an exit.
        """
        key = event.start_ns << 32 | event.pid
        if event.type == "exec":
            if not event.error:
                if len(self._began) >= _EXECS_LIMIT:
                    self._began.popitem(last=False)
                self._began[key] = event.time_ns << 32 | event.exec_count
            return
        began = self._began.get(key)
        if began is not None and began & 0xFFFFFFFF == event.exec_count:
            del self._began[key]
            event.duration_ns = event.time_ns - (began >> 32)


def _read_slots(slots: list[list[bytes]]) -> Iterator[tuple[int, int, SlotCounters]]:
    """Yield hook, processor and counters (the beginning of a struct slot) of each stream."""
    for hook, per_cpu in enumerate(slots):
        for cpu, raw in enumerate(per_cpu):
            yield hook, cpu, SlotCounters(*_COUNTERS(raw))
