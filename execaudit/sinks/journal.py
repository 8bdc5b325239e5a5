# SPDX-License-Identifier: Apache-2.0
"""The sink that writes to the systemd journal.

Owns the connection, and what the answers of its socket mean. journald may be slow, stopped,
restarting or gone: entries then wait in the queue, and only what exceeds its bound is lost.

An entry too large for a datagram goes as a sealed memfd in an empty one (systemd's "Native Journal
Protocol"). python-systemd's sendv is not used for those: it keeps the interpreter lock while it
waits for journald, so that not even a thread of its own would keep a stopped journald from stopping
everything (measured with version 235).
"""

import contextlib
import enum
import errno
import fcntl
import os
import select
import socket
from array import array
from typing import Any

from execaudit.config.schema import Journal
from execaudit.formats.event_key import event_key
from execaudit.sinks.clock import Clock
from execaudit.sinks.compression import write_all
from execaudit.sinks.notices import WARNING
from execaudit.sinks.sink import Encoder, Selection, Sink, Trouble

SOCKET_PATH = "/run/systemd/journal/socket"
# As libsystemd asks for; the kernel grants net.core.wmem_max. The default of 208 KiB holds some
# seventy entries and makes each entry above it go as a memory file.
_BUFFER_BYTES = 8 << 20
# No datagram can be so large; or the kernel finds no memory for one in few enough pieces, and on a
# machine whose memory is fragmented never will.
_TOO_LARGE = {errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM}
_BUSY = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_RECONNECT_S = 0.1
# A socket that is full becomes writable with each single entry that journald takes: waiting for
# that would cost a turn of the loop per entry. A timer sends many at once.
_SLOW = Trouble("overflow", 0.002, 0.1, waits=True)
# Another journald is there already; or it is there and yet refuses.
_RECONNECTED = Trouble("overflow", 0.002, 1.0, waits=True)


class _Sent(enum.Enum):
    """What became of an entry."""

    YES = enum.auto()
    BUSY = enum.auto()  # journald has as much as it can take; try again later
    GONE = enum.auto()  # nobody is there; connect again
    REFUSED = enum.auto()  # this one will never go


class _Connection:
    """One datagram per entry, sent without ever waiting. `error`: why the last did not go."""

    def __init__(self, path: str) -> None:
        self.error: OSError | None = None
        self._path = path
        self._socket: socket.socket | None = None
        self._sealed: tuple[bytes, int] | None = None  # an entry and its memory file

    @property
    def is_connected(self) -> bool:
        """True if there is somebody to send to, as far as is known."""
        return self._socket is not None

    def connect(self) -> bool:
        """Connect again; return False, with `error`, where nobody is there."""
        self.disconnect()
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            fresh.connect(self._path)
        except OSError as error:
            fresh.close()
            self.error = error
            return False
        self._socket = fresh
        return True

    def disconnect(self) -> None:
        """Close the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def send_many(self, entries: list[bytes]) -> tuple[int, _Sent]:
        """Send entries in order; how many went, and what became of the one that did not."""
        if self._socket is None:
            return 0, _Sent.GONE
        send = self._socket.send
        sent = 0
        while True:
            try:
                for entry in entries[sent:] if sent else entries:
                    send(entry)
                    sent += 1
            except OSError as error:
                outcome = self._judge(error, entries[sent])
                if outcome is not _Sent.YES:
                    return sent, outcome
                sent += 1
            else:
                return sent, _Sent.YES

    def _judge(self, error: OSError, entry: bytes) -> _Sent:
        if error.errno in _TOO_LARGE:
            return self._send_sealed(entry)
        self.error = error
        return _Sent.BUSY if error.errno in _BUSY else _Sent.GONE

    def _send_sealed(self, entry: bytes) -> _Sent:
        """Send an entry as a descriptor of a memory file that nobody can change any more."""
        if self._socket is None:
            return _Sent.GONE
        try:
            fd = self._seal(entry)
        except OSError as error:
            self.error = error
            return _Sent.REFUSED
        try:
            self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [fd]))])
        except OSError as error:
            self.error = error
            if error.errno in _BUSY:
                return _Sent.BUSY
            # Descriptors may be refused where datagrams are not: too many in flight, a filter.
            is_refused = error.errno in (errno.ETOOMANYREFS, errno.EPERM, errno.EACCES)
            return _Sent.REFUSED if is_refused else _Sent.GONE
        self._drop_sealed()
        return _Sent.YES

    def _seal(self, entry: bytes) -> int:
        if self._sealed is not None:
            if self._sealed[0] is entry:
                return self._sealed[1]
            self._drop_sealed()
        fd = os.memfd_create("execaudit-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            write_all(fd, entry)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        except BaseException:
            os.close(fd)
            raise
        self._sealed = (entry, fd)
        return fd

    def _drop_sealed(self) -> None:
        if self._sealed is not None:
            with contextlib.suppress(OSError):
                os.close(self._sealed[1])
            self._sealed = None

    def wait_writable(self, seconds: float) -> bool:
        """Wait so long at most until more can be sent; False where nobody is there."""
        if self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        poll.poll(seconds * 1000)
        return True

    def close(self) -> None:
        """Close connection and memory file."""
        self._drop_sealed()
        self.disconnect()


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
        self._socket = _Connection(self._path)
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
            if outcome is _Sent.YES:
                return done, None
            if outcome is _Sent.BUSY:
                return done, _SLOW
            if outcome is _Sent.GONE:
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
