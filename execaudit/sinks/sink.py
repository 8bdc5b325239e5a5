# SPDX-License-Identifier: Apache-2.0
"""What file, journal and standard output have in common: batch, queue, the pace of trying again.

Owns what becomes of records that cannot be written now. Events wait where the trouble is of the
kind that passes soon, up to the bound of the queue, and are counted as lost otherwise. Records of
the daemon itself (`lost`, `start`, `config`, …) are few and carry counts: they always wait, in a
reserve of their own. How something is written, and what a failure means, each sink says.
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
        """The format's name. Entries of one format can go to any sink that has it."""

    def encode(self, event: Event, /) -> bytes:
        """Return the entry of an exec or exit."""

    def encode_fields(self, fields: dict[str, Any], /) -> bytes:
        """Return the entry of a record of the daemon itself."""


class Selection(NamedTuple):
    """Which events a sink takes, by what rules gave them. `min_severity` "": any, also none."""

    labels: frozenset[str] = frozenset()
    min_severity: str = ""

    def takes(self, labels: tuple[str, ...], severity: str) -> bool:
        """Return True if an event with these is selected."""
        if self.labels and self.labels.isdisjoint(labels):
            return False
        if not self.min_severity:
            return True
        return bool(severity) and SEVERITIES.index(severity) >= SEVERITIES.index(self.min_severity)


class Trouble(NamedTuple):
    """Why nothing more can be written now, and how to go on."""

    reason: str  # of the losses (docs/service-records.md), where events are lost for it
    pause_s: float  # before the first try; each pause is twice the one before
    longest_pause_s: float
    waits: bool = False  # events wait in the queue; they are lost otherwise
    text: str = ""  # for the log; empty where it is everyday, or the log has it


class Sink(ABC):
    """Takes records and delivers them; what it cannot deliver it counts and reports.

    Nothing but `close` ever waits for a disk, a journal or a reader. While `_trouble` is None,
    nothing waits and each batch goes through.

    Attributes:
        name: as the section of the configuration is named.
        close_s: what `close` takes at most, and a second where nothing moves.
        selection: which events it takes, None for all.
        losses: incidents, to be taken and recorded once they have ended.
        notices: what it has to say in the log, to be taken.
        last_record: the last that the run before left there; None where that is not known.

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
        """`label` names it in texts, `queue_bytes` bounds what events may take that wait."""
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
        self._is_failing = False  # the log says that records cannot be written, or should soon
        self._missed = 0  # since then, in incidents that have ended

    # -- to be written for each sink ------------------------------------------------------------

    @abstractmethod
    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        """Write entries; return how many are done with, and what keeps the others.

        It counts what is written. An entry written in part goes into `_partial` and is done with.
        """

    @abstractmethod
    def _reopen(self) -> Trouble | None:
        """Look whether writing is worth a try; return what is in the way."""

    @abstractmethod
    def _wait_writable(self, seconds: float) -> bool:
        """Wait so long at most until more can be written; False where waiting is pointless."""

    @abstractmethod
    def _close(self) -> None:
        """Close what it writes to."""

    # -- the batch ------------------------------------------------------------------------------

    def selects(self, event: Event) -> bool:
        """Return True if it takes the event; count it otherwise."""
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
        """Have entries wait as far as they may; count the others as lost."""
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
        """Count all events that wait as lost. Of an entry written in part nothing is kept."""
        queue, self._queue = self._queue, Backlog()
        partial, self._partial = self._partial, None
        if partial is not None:
            self._lose([partial[0]], reason)
        for entries in queue.take_all():
            self._lose(entries, reason)

    @property
    def queue_depth(self) -> int:
        """Entries that wait."""
        return len(self._queue) + (self._partial is not None)

    @property
    def queue_bytes(self) -> int:
        """Memory that they take."""
        return self._queue.bytes

    @property
    def undelivered(self) -> int:
        """Entries that were taken and are neither written nor reported as lost."""
        return self.queue_depth + self.losses.unreported

    # -- trouble and its end --------------------------------------------------------------------

    def _pause(self, trouble: Trouble, now_s: float) -> None:
        """Write nothing for a while."""
        before, self._trouble = self._trouble, trouble
        self._pause_s = min(max(2 * self._pause_s, trouble.pause_s), trouble.longest_pause_s)
        self._retry_s = now_s + self._pause_s
        if trouble.text and not self._is_failing:
            self.notices.add(WARNING, trouble.text)
        self._is_failing |= bool(trouble.text) or not trouble.waits
        if not trouble.waits and (before is None or before.waits):
            self._lose_waiting(trouble.reason)

    def _try_again(self, now_s: float) -> None:
        """Write what waits, if that can be done now."""
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
            # The proof will be the record of what was lost, which the daemon writes now. Should
            # that fail, it waits here, and is what is tried next time.
            self._missed += self.losses.end()

    def _recover(self) -> None:
        """Note that everything is written."""
        missed, self._missed = self._missed + self.losses.end(), 0
        if missed or self._is_failing:
            self.notices.add(
                NOTICE, f"Writing to {self._label} again; {missed} records were lost meanwhile"
            )
        self._is_failing = False
        self._pause_s = 0.0

    def on_timer(self, now_s: float) -> float | None:
        """Do what is due at `now_s` of CLOCK_MONOTONIC; return when to call again, None: never."""
        if self._retry_s is not None and now_s >= self._retry_s:
            self._try_again(now_s)
        return self._retry_s

    # -- settings, succession, end --------------------------------------------------------------

    def fits(self, _settings: Any) -> bool:
        """Return True if it can go on under other settings."""
        return True

    def configure(self, _settings: Any, encoder: Encoder, selection: Selection | None) -> None:
        """Go on under settings that fit, with all that waits and was counted."""
        self.encoder, self.selection = encoder, selection

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows beside the counters."""
        return {"is_waiting": self._trouble is not None}

    def rotate(self) -> None:  # noqa: B027 - most have no files
        """Begin another file, where there are files."""

    def take_over(self, counters: Counters, entries: list[bytes]) -> None:
        """Go on with the counts of a closed sink, and write what waited there."""
        self.counters.add(counters)
        self._keep_own(entries, "closed")
        if self._queue and self._trouble is None:
            self._try_again(self._clock.steady_s())

    def close(self, successor: "Sink | None" = None) -> None:
        """Deliver what waits, for `close_s` at most; count the rest as lost.

        A successor goes on with the counts. Where it has the same format, it also gets the
        records of the daemon itself that wait. What was lost can be taken from this sink.
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
