# SPDX-License-Identifier: Apache-2.0
"""The sink that writes to the systemd journal.

Owns the queue behind the socket, its bound, and the pace of trying again. journald may be slow,
stopped, restarting or gone: entries then wait here, and only what does not fit is lost, counted.
Whatever happens, no call of the sink waits for journald (but `close`, for some seconds).
"""

import select
from dataclasses import dataclass
from typing import Any

from execaudit.records.journal import JOURNAL_FORM
from execaudit.sinks.accounting import NOTICE, WARNING, Counters, Losses, Notices
from execaudit.sinks.backlog import Backlog
from execaudit.sinks.clock import Clock
from execaudit.sinks.journal_socket import SOCKET_PATH, JournalSocket, Sent

# While journald takes entries, only slowly: its queue holds some tens to hundreds of them.
_BUSY_S = 0.002
_BUSY_LIMIT_S = 0.1
_RECONNECT_S = 0.1
_RECONNECT_LIMIT_S = 1.0
_CLOSE_S = 5.0
_CLOSE_STALL_S = 1.0


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """The section [journal] of the configuration."""

    queue_bytes: int = 16 << 20
    socket_path: str = SOCKET_PATH


class JournalSink:
    """Sends entries, made by `journal` or `encode_journal`."""

    name = "journal"

    def __init__(self, settings: JournalSettings, clock: Clock | None = None) -> None:
        """Never fails: a journal that is not there yet may come."""
        self.counters = Counters()
        self._settings = settings
        self._clock = clock or Clock()
        self.notices = Notices()
        self.losses = Losses(self.counters, JOURNAL_FORM, self._clock.boot_ns)
        self._queue = Backlog()
        self._socket = JournalSocket(settings.socket_path)
        self._retry_s: float | None = None
        self._delay_s = 0.0
        self._was_gone = False
        if not self._socket.connect():
            self._tell_gone()
            self._retry_s = self._clock.steady_s() + _RECONNECT_S

    def configure(self, settings: JournalSettings) -> None:
        """Go on under other settings; the socket stays the same."""
        self._settings = settings

    def write(self, lines: list[bytes]) -> None:
        """Send entries, or queue them where journald does not take them now."""
        sent = 0
        if not self._queue and self._retry_s is None:
            sent, outcome = self._send(lines)
            if sent == len(lines):
                return
            self._wait(outcome, self._clock.steady_s())
        self._enqueue(lines[sent:] if sent else lines)

    def _send(self, entries: list[bytes]) -> tuple[int, Sent]:
        """Send; how many are done with. An entry that journald can never take is lost."""
        done = 0
        while True:
            sent, outcome = self._socket.send_many(entries[done:] if done else entries)
            counters = self.counters
            counters.written += sent
            counters.bytes += sum(map(len, entries[done : done + sent]))
            done += sent
            if outcome is not Sent.REFUSED:
                return done, outcome
            self.notices.add(
                WARNING, f"Failed to send an entry to the journal: {self._socket.error}, leaving it"
            )
            self.losses.lose([entries[done]], "too_large")
            done += 1

    def _enqueue(self, entries: list[bytes]) -> None:
        taken = self._queue.add(entries, self._settings.queue_bytes)
        self._count_queue()
        if taken < len(entries):
            self._overflow(entries[taken:])

    def _count_queue(self) -> None:
        self.counters.queue_depth, self.counters.queue_bytes = len(self._queue), self._queue.bytes

    def _overflow(self, entries: list[bytes]) -> None:
        if not self.losses.is_open:
            self.notices.add(
                WARNING,
                f"The journal takes no entries and {self.counters.queue_depth} wait for it:"
                " dropping records for the journal until it does",
            )
        self.losses.lose(entries, "overflow")

    def _wait(self, outcome: Sent, now_s: float) -> None:
        """Set when to try again, after the outcome of the last try."""
        if outcome is Sent.BUSY:
            self._delay_s = min(max(self._delay_s * 2, _BUSY_S), _BUSY_LIMIT_S)
        elif self._socket.connect():
            # A new journald is there already; or it is there and yet refuses.
            self._delay_s = min(max(self._delay_s * 2, _BUSY_S), _RECONNECT_LIMIT_S)
        else:
            self._tell_gone()
            self._delay_s = min(max(self._delay_s * 2, _RECONNECT_S), _RECONNECT_LIMIT_S)
        self._retry_s = now_s + self._delay_s

    def _tell_gone(self) -> None:
        if not self._was_gone:
            error = self._socket.error
            self.notices.add(
                WARNING,
                f"Failed to reach the journal at '{self._settings.socket_path}':"
                f" {error.strerror if error else '?'}, keeping records in memory",
            )
        self._was_gone = True

    def on_timer(self, now_s: float) -> float | None:
        """Send what waits, if it is time to; when to call again. None: nothing waits.

        A socket that is full becomes writable with each single entry that journald takes: waiting
        for that would cost a turn of the loop per entry. A timer sends many at once.
        """
        if self._retry_s is not None and now_s >= self._retry_s:
            self._retry_s = None
            if self._socket.is_connected or self._socket.connect():
                self._drain(now_s)
            else:
                self._wait(Sent.GONE, now_s)
        return self._retry_s

    def _drain(self, now_s: float) -> None:
        while self._queue:
            entries = self._queue.head()
            done, outcome = self._send(entries)
            self._queue.drop(done)
            self._count_queue()
            if done != len(entries):
                if done:
                    self._delay_s = 0.0  # it moves
                self._wait(outcome, now_s)
                return
        self._recover()

    def _recover(self) -> None:
        """The queue is empty: journald keeps up."""
        self._delay_s = 0.0
        if self.losses.has_kept:
            kept = self.losses.take_kept()
            sent, outcome = self._send(kept)
            if sent != len(kept):
                self._enqueue(kept[sent:])
                self._wait(outcome, self._clock.steady_s())
                return
        missed = self.losses.end_incident()
        if missed or self._was_gone:
            self.notices.add(
                NOTICE, f"The journal takes entries again; {missed} were lost meanwhile"
            )
        self._was_gone = False

    def status(self) -> dict[str, Any]:
        """What `execaudit status` shows beside the counters."""
        return {"is_connected": self._socket.is_connected, "is_waiting": self._retry_s is not None}

    def close(self) -> None:
        """Send what waits, as long as journald takes it, for some seconds; the rest is lost."""
        clock = self._clock
        now_s = clock.steady_s()
        end_s, stall_s = now_s + _CLOSE_S, now_s + _CLOSE_STALL_S
        self._enqueue(self.losses.take_kept())
        while self._queue and (now_s := clock.steady_s()) < min(end_s, stall_s):
            if self._retry_s is not None and self._delay_s >= _RECONNECT_S:
                break  # nobody there
            before = len(self._queue)
            self._retry_s = now_s
            self.on_timer(now_s)
            if len(self._queue) < before:
                stall_s = now_s + _CLOSE_STALL_S
            fd = self._socket.fileno()
            if self._queue and fd is not None:
                poll = select.poll()
                poll.register(fd, select.POLLOUT)
                poll.poll((min(end_s, stall_s) - now_s) * 1000)
        if self._queue:
            self.notices.add(
                WARNING, f"{len(self._queue)} records were lost: the journal does not take them"
            )
        for entries in self._queue.take_all():
            self.losses.lose(entries, "closed")
        self._count_queue()
        self._socket.close()
