# SPDX-License-Identifier: Apache-2.0
"""The sink that writes to the systemd journal.

Owns what the answers of its socket mean. journald may be slow, stopped, restarting or gone: entries
then wait in the queue, and only what exceeds its bound is lost.
"""

from typing import Any

from execaudit.config.schema import Journal
from execaudit.formats.event_key import event_key
from execaudit.sinks.clock import Clock
from execaudit.sinks.journal_socket import SOCKET_PATH, JournalSocket, Sent
from execaudit.sinks.notices import WARNING
from execaudit.sinks.sink import Encoder, Selection, Sink, Trouble

_RECONNECT_S = 0.1
# A socket that is full becomes writable with each single entry that journald takes: waiting for
# that would cost a turn of the loop per entry. A timer sends many at once.
_BUSY = Trouble("overflow", 0.002, 0.1, waits=True)
# Another journald is there already; or it is there and yet refuses.
_RECONNECTED = Trouble("overflow", 0.002, 1.0, waits=True)


class JournalSink(Sink):
    """Sends entries to journald. Never fails to open: a journal that is not there yet may come."""

    name = "journal"

    def __init__(
        self,
        settings: Journal,
        encoder: Encoder,
        selection: Selection | None = None,
        clock: Clock | None = None,
        socket_path: str = SOCKET_PATH,
    ) -> None:
        super().__init__("the journal", settings.queue_bytes, encoder, selection, clock)
        self._path = socket_path
        self._socket = JournalSocket(self._path)
        if not self._socket.connect():
            self._pause(self._gone(), self._clock.steady_s())

    def configure(self, settings: Journal, encoder: Encoder, selection: Selection | None) -> None:
        """Go on under settings that fit."""
        super().configure(settings, encoder, selection)
        self._queue_bytes = settings.queue_bytes

    def _gone(self) -> Trouble:
        error = self._socket.error
        reason = error.strerror if error else "?"
        text = f"Failed to reach the journal at '{self._path}': {reason}, keeping records in memory"
        return Trouble("overflow", _RECONNECT_S, 1.0, waits=True, text=text)

    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        done = 0
        while True:
            sent, outcome = self._socket.send_many(entries[done:] if done else entries)
            self.counters.written += sent
            self.counters.bytes += sum(map(len, entries[done : done + sent]))
            done += sent
            if outcome is Sent.YES:
                return done, None
            if outcome is Sent.BUSY:
                return done, _BUSY
            if outcome is Sent.GONE:
                return done, _RECONNECTED if self._socket.connect() else self._gone()
            self._leave(entries[done])
            done += 1

    def _leave(self, entry: bytes) -> None:
        """Count an entry as lost that journald can never take."""
        reason = self._socket.error
        self.notices.add(WARNING, f"Failed to send an entry to the journal: {reason}, leaving it")
        key = event_key(entry)
        self.losses.count("too_large", 1, key, key)

    def _reopen(self) -> Trouble | None:
        if self._socket.is_connected or self._socket.connect():
            return None
        return self._gone()

    def _wait_writable(self, seconds: float) -> bool:
        return self._pause_s <= _RECONNECT_S and self._socket.wait_writable(seconds)

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows beside the counters."""
        return {**super().status(), "is_connected": self._socket.is_connected}

    def _close(self) -> None:
        self._socket.close()
