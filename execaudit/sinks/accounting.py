# SPDX-License-Identifier: Apache-2.0
"""What a sink could not deliver: counted by reason, marked with the first and last record missed.

Owns counters, incidents and the records that must survive an outage. An incident begins with the
first entry lost and ends when its sink works again; only then may it be told of, because only then
will the telling arrive. Records other than of execs and exits (`lost`, `start`, `config`, …) are
few and carry counts of their own: they are kept, in bounds, until the sink takes them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

_KEPT_BYTES = 256 << 10
_TEXTS_KEPT = 64
WARNING = 4
NOTICE = 5
"""Priorities of notices, as syslog(3) numbers them."""

Notice = tuple[int, str]
"""(priority, text) for the log of the daemon. Never holds arguments of traced programs."""


class Mark(NamedTuple):
    """Which record, by what records of all schemas and forms begin with."""

    time: str
    cpu: int
    hook: str
    seq: int


@dataclass(frozen=True, slots=True)
class Incident:
    """Entries lost for one reason between two times at which the sink worked."""

    reason: str
    count: int
    first_ns: int  # CLOCK_BOOTTIME of the sink's first and last failure
    last_ns: int
    first: Mark | None  # the first and last record missed; None where it had no such mark
    last: Mark | None


@dataclass(slots=True)
class Counters:
    """What went through a sink. All but the queue only ever grow."""

    written: int = 0
    bytes: int = 0
    lost: int = 0
    queue_depth: int = 0
    queue_bytes: int = 0

    def add(self, more: "Counters") -> None:
        """Add what went through another sink."""
        self.written += more.written
        self.bytes += more.bytes
        self.lost += more.lost


class Form(NamedTuple):
    """How to recognise an entry of some form without taking it apart."""

    is_event: Callable[[bytes], bool]
    mark: Callable[[bytes], Mark | None]


_JSON_EVENT = re.compile(rb'\{"time":"[^"]*","type":"ex(?:ec|it)"').match
_JSON_MARK = re.compile(
    rb'\{"time":"([^"]*)","type":"[a-z]+",.*?(?:"hook":"([^"]*)",)?"cpu":(\d+),"seq":(\d+)[,}]'
).match


def _json_mark(line: bytes) -> Mark | None:
    found = _JSON_MARK(line)
    if found is None:
        return None
    when, hook, cpu, seq = found.groups()
    return Mark(when.decode(), int(cpu), (hook or b"exec").decode(), int(seq))


JSON_FORM = Form(lambda line: _JSON_EVENT(line) is not None, _json_mark)
"""Lines of the native schema (docs/record.md)."""


class Losses:
    """The losses of one sink: adds up, keeps what must not be lost, and tells of it when it may."""

    def __init__(self, counters: Counters, form: Form, boot_ns: Callable[[], int]) -> None:
        self.form = form
        self._counters = counters
        self._boot_ns = boot_ns
        self._open: dict[str, Incident] = {}
        self._closed: list[Incident] = []
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether something was lost since the sink last worked."""
        return bool(self._open)

    @property
    def has_kept(self) -> bool:
        """Whether records wait to be written first when the sink works again."""
        return bool(self._kept)

    @property
    def undelivered(self) -> int:
        """Entries that the sink took and neither wrote nor has told of as lost."""
        untold = sum(one.count for one in (*self._open.values(), *self._closed))
        return self._counters.queue_depth + untold

    def lose(self, entries: list[bytes], reason: str) -> None:
        """Account for entries that the sink gives up. Those worth it are kept instead."""
        form = self.form
        is_event = form.is_event
        events = [entry for entry in entries if is_event(entry)]
        if len(events) != len(entries):
            self._keep([entry for entry in entries if not is_event(entry)], reason)
        if events:
            self.count(reason, len(events), form.mark(events[0]), form.mark(events[-1]))

    def count(self, reason: str, count: int, first: Mark | None, last: Mark | None) -> None:
        """Account for `count` entries lost."""
        now_ns = self._boot_ns()
        before = self._open.get(reason) or Incident(reason, 0, now_ns, now_ns, first, last)
        self._open[reason] = replace(
            before,
            count=before.count + count,
            last_ns=now_ns,
            first=before.first or first,
            last=last or before.last,
        )
        self._counters.lost += count

    def _keep(self, entries: list[bytes], reason: str) -> None:
        for at, entry in enumerate(entries):
            if self._kept_bytes + len(entry) > _KEPT_BYTES:
                self.count(reason, len(entries) - at, None, None)
                return
            self._kept.append(entry)
            self._kept_bytes += len(entry)

    def take_kept(self) -> list[bytes]:
        """The records that waited, oldest first."""
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        return kept

    def end_incident(self) -> int:
        """Say that the sink works again; returns how many entries were lost meanwhile."""
        missed = sum(incident.count for incident in self._open.values())
        self._closed += self._open.values()
        self._open.clear()
        return missed

    def hand_over(self, heir: "Losses | None") -> None:
        """Let another sink, if there is one, go on in the place of this one, which is closed.

        It gets the counts and the records that were kept. What this one lost is there to be taken.
        """
        kept = self.take_kept()
        if kept and (heir is None or heir.form is not self.form):
            self.count("closed", len(kept), None, None)
            kept = []
        if heir is not None:
            heir.inherit(self._counters, kept)
        self.end_incident()

    def inherit(self, counters: Counters, kept: list[bytes]) -> None:
        """Go on from the counts of another sink, with the records that it kept."""
        self._counters.add(counters)
        self._keep(kept, "closed")

    def take(self) -> list[Incident]:
        """Incidents that have ended since the last call."""
        closed, self._closed = self._closed, []
        return closed


class Notices:
    """Texts for the daemon's log. A text that repeats before it was taken is counted, not kept."""

    def __init__(self) -> None:
        self._texts: dict[Notice, int] = {}

    def add(self, priority: int, text: str) -> None:
        """Add a text; safe from any thread."""
        notice = (priority, text)
        if notice in self._texts or len(self._texts) < _TEXTS_KEPT:
            self._texts[notice] = self._texts.get(notice, 0) + 1

    def take(self) -> list[Notice]:
        """The texts since the last call."""
        texts, self._texts = self._texts, {}
        return [
            (priority, text if times == 1 else f"{text} ({times} times)")
            for (priority, text), times in texts.items()
        ]
