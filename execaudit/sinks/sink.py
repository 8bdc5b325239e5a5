# SPDX-License-Identifier: Apache-2.0
"""What file, journal and standard output have in common: batch, queue, pace of retries.

Owns what becomes of records that cannot be written now. If the trouble passes soon, events wait, up
to the bound of the queue; otherwise they are counted as lost. Records of the daemon itself (`lost`,
`start`, `config`, …) are few and carry counts: they always wait, in a reserve of their own. Each
sink defines how it writes, and what a failure means.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Protocol

from execaudit.config.values import SEVERITIES
from execaudit.formats.event_key import event_key, is_event
from execaudit.sinks.backlog import Backlog
from execaudit.sinks.clock import Clock
from execaudit.sinks.losses import Counters, Losses
from execaudit.sinks.notices import NOTICE, WARNING, Notices
from execaudit.wire.event import Event

RESERVE_BYTES = 256 << 10
_STALL_S = 1.0


class Encoder(Protocol):
    """Makes the entries of one format: lines with their newline, or entries of the journal."""

    @property
    def format(self) -> str:
        """The name of the format. An entry suits every sink that has its format."""

    def encode(self, event: Event, /) -> bytes:
        """Return the entry of an exec or exit."""

    def encode_fields(self, fields: dict[str, Any], /) -> bytes:
        """Return the entry of a record of the daemon itself."""


class Selection(NamedTuple):
    """Which events a sink takes, by labels and severity. `min_severity` "": any, or none at all."""

    labels: frozenset[str] = frozenset()
    min_severity: str = ""

    def takes(self, labels: tuple[str, ...], severity: str) -> bool:
        """Return True if an event with these labels and severity is selected."""
        if self.labels and self.labels.isdisjoint(labels):
            return False
        if not self.min_severity:
            return True
        return bool(severity) and SEVERITIES.index(severity) >= SEVERITIES.index(self.min_severity)


class Trouble(NamedTuple):
    """Why nothing more can be written now, and how to go on."""

    reason: str  # of the losses (docs/service-records.md), where events are lost for it
    pause_s: float  # before the first retry; each pause is twice the previous one
    longest_pause_s: float
    waits: bool = False  # events wait in the queue; they are lost otherwise
    text: str = ""  # for the log; empty if it is normal, or logged already


class Sink(ABC):
    """Takes records and delivers them; counts and reports those that it cannot deliver.

    Only `close` waits for a disk, a journal or a reader. While `_trouble` is None, the queue is
    empty and each batch is written at once.

    Attributes:
        name: of the sink and of its section in the configuration.
        close_s: the longest that `close` takes; without progress it ends after a second.
        selection: which events it takes, None for all.
        losses: incidents; the daemon takes and records them once they have ended.
        notices: messages for the log; the daemon takes them.
        last_record: the last record of the previous run; None where that is not known.

    """

    name: str
    close_s = 5.0

    def __init__(
        self,
        label: str,
        queue_bytes: int,
        encoder: Encoder,
        selection: Selection | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`label` names it in messages; `queue_bytes` bounds the memory of events that wait."""
        self.encoder = encoder
        self.selection = selection
        self.batch: list[bytes] = []
        self.counters = Counters()
        self.notices = Notices()
        self._clock = clock or Clock()
        self.losses = Losses(self.counters, self._clock.boot_ns)
        self.last_record: dict[str, Any] | None = None
        self._label = label
        self._queue_bytes = queue_bytes
        self._queue = Backlog()
        self._partial: tuple[bytes, int] | None = None  # an entry, how much of it is written
        self._trouble: Trouble | None = None
        self._retry_s: float | None = None  # None: nothing is in the way
        self._pause_s = 0.0
        self._is_failing = False  # records cannot be written, and the log says or will say so
        self._missed = 0  # lost since then, in incidents that have ended

    # -- each sink implements these ------------------------------------------------------------

    @abstractmethod
    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        """Write entries; return how many are done, and why the others are not.

        Count what is written. An entry written in part goes into `_partial` and counts as done.
        """

    @abstractmethod
    def _reopen(self) -> Trouble | None:
        """Prepare for a retry; return what prevents one, None for nothing."""

    @abstractmethod
    def _wait_writable(self, seconds: float) -> bool:
        """Wait at most so many seconds until more can be written; False if that is pointless."""

    @abstractmethod
    def _close(self) -> None:
        """Close what it writes to."""

    # -- the batch ------------------------------------------------------------------------------

    def selects(self, event: Event) -> bool:
        """Return True if the sink takes the event; count it as deselected otherwise."""
        selection = self.selection
        if selection is None or selection.takes(event.labels, event.severity):
            return True
        self.counters.deselected += 1
        return False

    def add(self, event: Event) -> None:
        """Take an event into the batch."""
        self.batch.append(self.encoder.encode(event))

    def add_fields(self, fields: dict[str, Any]) -> None:
        """Take a record of the daemon itself into the batch."""
        self.batch.append(self.encoder.encode_fields(fields))

    def flush(self) -> None:
        """Write the batch; keep or count what cannot be written now."""
        batch = self.batch
        if not batch:
            return
        self.batch = []
        now_s = self._clock.steady_s()
        if self._retry_s is not None and now_s >= self._retry_s:
            self._try_again(now_s)
        if self._trouble is not None:
            self._keep(batch, self._trouble)
            return
        done, trouble = self._write(batch)
        if trouble is not None:
            self._pause(trouble, now_s)
            self._keep(batch[done:], trouble)
            return
        self.losses.note_written()
        if self._is_failing or self.losses.is_open:
            self._recover()

    # -- the queue ------------------------------------------------------------------------------

    def _keep(self, entries: list[bytes], trouble: Trouble) -> None:
        """Queue entries as far as the trouble and the bound permit; count the others as lost."""
        kept = self._queue.add(entries, self._queue_bytes) if trouble.waits else 0
        if kept < len(entries):
            if trouble.waits and not self.losses.is_open:
                self._is_failing = True
                self.notices.add(
                    WARNING,
                    f"Failed to write to {self._label}: it takes no records and {len(self._queue)}"
                    " wait for it, dropping new ones until it does",
                )
            self._lose(entries[kept:], "overflow" if trouble.waits else trouble.reason)

    def _lose(self, entries: list[bytes], reason: str) -> None:
        """Count events as lost; keep the daemon's own records, up to their reserve."""
        events = [entry for entry in entries if is_event(entry)]
        if len(events) != len(entries):
            self._keep_own([entry for entry in entries if not is_event(entry)], reason)
        if events:
            self.losses.count(reason, len(events), event_key(events[0]), event_key(events[-1]))

    def _keep_own(self, entries: list[bytes], reason: str) -> None:
        kept = self._queue.add(entries, self._queue_bytes + RESERVE_BYTES)
        if kept < len(entries):
            self.losses.count(reason, len(entries) - kept)

    def _lose_waiting(self, reason: str) -> None:
        """Count all events that wait as lost, also one that is written in part."""
        queue, self._queue = self._queue, Backlog()
        partial, self._partial = self._partial, None
        if partial is not None:
            self._lose([partial[0]], reason)
        for entries in queue.take_all():
            self._lose(entries, reason)

    @property
    def queue_depth(self) -> int:
        """How many entries wait."""
        return len(self._queue) + (self._partial is not None)

    @property
    def queue_bytes(self) -> int:
        """The memory that they take."""
        return self._queue.bytes

    @property
    def undelivered(self) -> int:
        """Entries that were taken and are neither written nor reported as lost."""
        return self.queue_depth + self.losses.unreported

    # -- trouble and its end --------------------------------------------------------------------

    def _pause(self, trouble: Trouble, now_s: float) -> None:
        """Write nothing until the next retry."""
        before, self._trouble = self._trouble, trouble
        self._pause_s = min(max(2 * self._pause_s, trouble.pause_s), trouble.longest_pause_s)
        self._retry_s = now_s + self._pause_s
        if trouble.text and not self._is_failing:
            self.notices.add(WARNING, trouble.text)
        self._is_failing |= bool(trouble.text) or not trouble.waits
        if not trouble.waits and (before is None or before.waits):
            self._lose_waiting(trouble.reason)

    def _try_again(self, now_s: float) -> None:
        """Write the entries that wait, if that works now."""
        trouble = self._reopen()
        is_proven = False
        while trouble is None and (self._queue or self._partial):
            entries = self._queue.head()
            done, trouble = self._write(entries)
            self._queue.drop(done)
            if done:
                self._pause_s = 0.0  # it moves
            is_proven = trouble is None
        if trouble is not None:
            self._pause(trouble, now_s)
            return
        self._trouble = self._retry_s = None
        if is_proven:
            self.losses.note_written()
            self._recover()
        else:
            # The next write is the proof: the daemon now writes the record of what was lost. If
            # that fails, the record waits here, and the next retry writes it.
            self._missed += self.losses.end()

    def _recover(self) -> None:
        """End the trouble, as everything is written; log how much was lost."""
        missed, self._missed = self._missed + self.losses.end(), 0
        if missed or self._is_failing:
            self.notices.add(
                NOTICE, f"Writing to {self._label} again; {missed} records were lost meanwhile"
            )
        self._is_failing = False
        self._pause_s = 0.0

    def on_timer(self, now_s: float) -> float | None:
        """Retry if due at `now_s` (CLOCK_MONOTONIC); return when to call again, None: never."""
        if self._retry_s is not None and now_s >= self._retry_s:
            self._try_again(now_s)
        return self._retry_s

    # -- settings, succession, end --------------------------------------------------------------

    def fits(self, _settings: Any) -> bool:
        """Return True if the sink can go on under other settings."""
        return True

    def configure(self, _settings: Any, encoder: Encoder, selection: Selection | None) -> None:
        """Go on under settings that fit; keep the queue and the counters."""
        self.encoder, self.selection = encoder, selection

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows beside the counters."""
        return {"is_waiting": self._trouble is not None}

    def rotate(self) -> None:  # noqa: B027 - most have no files
        """Begin another file, if the sink writes files."""

    def take_over(self, counters: Counters, entries: list[bytes]) -> None:
        """Add the counts of a closed sink, and write the entries that waited there."""
        self.counters.add(counters)
        self._keep_own(entries, "closed")
        if self._queue and self._trouble is None:
            self._try_again(self._clock.steady_s())

    def close(self, successor: "Sink | None" = None) -> None:
        """Deliver what waits, for `close_s` at most; count the rest as lost, and close.

        A successor adds the counts. If it has the same format, it also gets the records of the
        daemon itself that wait. The incidents of this sink can still be taken.
        """
        self.flush()
        self._drain()
        self._close()
        lost = self.counters.lost
        self._lose_waiting("closed")
        own = [entry for entries in self._queue.take_all() for entry in entries]
        if successor is None or successor.encoder.format != self.encoder.format:
            if own:
                self.losses.count("closed", len(own))
                self.losses.give_back()
            own = []
        if self.counters.lost > lost:
            count = self.counters.lost - lost
            self.notices.add(
                WARNING, f"{count} records were lost: {self._label} does not take them"
            )
        if successor is not None:
            successor.take_over(self.counters, own)
            self.losses.hand_over()
        self.losses.end()

    def _drain(self) -> None:
        now_s = self._clock.steady_s()
        end_s, stall_s = now_s + self.close_s, now_s + _STALL_S
        while depth := self.queue_depth:
            self._try_again(now_s)
            if self.queue_depth < depth:
                stall_s = now_s + _STALL_S
            left_s = min(end_s, stall_s) - now_s
            if not self.queue_depth or left_s <= 0 or not self._wait_writable(left_s):
                return
            now_s = self._clock.steady_s()
