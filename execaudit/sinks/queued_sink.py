# SPDX-License-Identifier: Apache-2.0
"""What all sinks have in common: the batch, the queue behind it, the pace of trying again.

Owns what becomes of records that cannot be written now. Events wait where the trouble is of the
kind that passes soon, up to the bound of the queue, and are counted as lost otherwise. Records of
the daemon itself (`lost`, `start`, `config`, …) are few and carry counts: they always wait, in a
reserve of their own. How something is written, and what a failure means, each sink says.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from execaudit.formats.event_key import event_key, is_event
from execaudit.sinks.backlog import Backlog
from execaudit.sinks.clock import Clock
from execaudit.sinks.losses import Counters, Losses
from execaudit.sinks.notices import NOTICE, WARNING, Notices
from execaudit.sinks.selection import Selection
from execaudit.wire.event import Event

if TYPE_CHECKING:
    from execaudit.sinks.sink import Encoder, Sink

RESERVE_BYTES = 256 << 10
_STALL_S = 1.0


class Trouble(NamedTuple):
    """Why nothing more can be written now, and how to go on.

    Attributes:
        reason: of the losses (docs/record.md), where events are lost for it.
        pause_s: before the first try; each pause is twice the one before.
        longest_pause_s: at most.
        waits: whether events wait in the queue; they are lost otherwise.
        text: for the log; empty where it is everyday, or the log has it.

    """

    reason: str
    pause_s: float
    longest_pause_s: float
    waits: bool = False
    text: str = ""


class QueuedSink(ABC):
    """A sink with a queue. While `_trouble` is None, nothing waits and each batch goes through.

    `label` names it in texts, `queue_bytes` bounds what events may take that wait.
    """

    name: str
    close_s = 5.0  # what `close` takes at most, and a second where nothing moves

    def __init__(
        self,
        label: str,
        queue_bytes: int,
        encoder: "Encoder",
        selection: Selection | None,
        clock: Clock | None,
    ) -> None:
        self.encoder = encoder
        self.selection = selection
        self.batch: list[bytes] = []
        self.counters = Counters()
        self.notices = Notices()
        self._clock = clock or Clock()
        self.losses = Losses(self.counters, self._clock.boot_ns)
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
        elif self._is_failing or self.losses.is_open:
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
        self._count_queue()

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
        self._count_queue()

    def _count_queue(self) -> None:
        self.counters.queue_depth = len(self._queue) + (self._partial is not None)
        self.counters.queue_bytes = self._queue.bytes

    @property
    def undelivered(self) -> int:
        """Entries that were taken and are neither written nor reported as lost."""
        return self.counters.queue_depth + self.losses.unreported

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
        self._count_queue()
        if trouble is not None:
            self._pause(trouble, now_s)
            return
        self._trouble = self._retry_s = None
        if is_proven:
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
        """Do what is due at `now_s`; return when to call again."""
        if self._retry_s is not None and now_s >= self._retry_s:
            self._try_again(now_s)
        return self._retry_s

    # -- settings, succession, end --------------------------------------------------------------

    @property
    def last_record(self) -> dict[str, Any] | None:
        """The last record that the run before left there, None where that is not known."""
        return None

    def fits(self, _settings: Any) -> bool:
        """Return True if it can go on under other settings."""
        return True

    def configure(self, _settings: Any, encoder: "Encoder", selection: Selection | None) -> None:
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
        self._count_queue()
        if self._queue and self._trouble is None:
            self._try_again(self._clock.steady_s())

    def close(self, successor: "Sink[Any] | None" = None) -> None:
        """Deliver what waits, for `close_s` at most; count the rest as lost, or hand it on."""
        self.flush()
        self._drain()
        self._close()
        lost = self.counters.lost
        self._lose_waiting("closed")
        own = [entry for entries in self._queue.take_all() for entry in entries]
        self._count_queue()
        if successor is None or successor.encoder.format != self.encoder.format:
            if own:
                self.losses.count("closed", len(own))
            own = []
        if self.counters.lost > lost:
            count = self.counters.lost - lost
            self.notices.add(
                WARNING, f"{count} records were lost: {self._label} does not take them"
            )
        if successor is not None:
            successor.take_over(self.counters, own)
        self.losses.end()

    def _drain(self) -> None:
        now_s = self._clock.steady_s()
        end_s, stall_s = now_s + self.close_s, now_s + _STALL_S
        while depth := self.counters.queue_depth:
            self._try_again(now_s)
            if self.counters.queue_depth < depth:
                stall_s = now_s + _STALL_S
            left_s = min(end_s, stall_s) - now_s
            if not self.counters.queue_depth or left_s <= 0 or not self._wait_writable(left_s):
                return
            now_s = self._clock.steady_s()
