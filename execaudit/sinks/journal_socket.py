# SPDX-License-Identifier: Apache-2.0
"""The connection to journald: one datagram per entry, sent without ever waiting.

Owns the socket and the memory files for entries too large for a datagram. python-systemd's sendv
is not used for those: it keeps the interpreter lock while it waits for journald, so that not even a
thread of its own would keep a stopped journald from stopping everything (measured with version
235). What is sent is the same: a sealed memfd in an empty datagram (systemd's "Native Journal
Protocol").
"""

import contextlib
import enum
import errno
import fcntl
import os
import socket
from array import array

from execaudit.sinks.compression import write_all

SOCKET_PATH = "/run/systemd/journal/socket"
# As libsystemd asks for; the kernel grants net.core.wmem_max. The default of 208 KiB holds some
# seventy entries and makes each entry above it go as a memory file.
_BUFFER_BYTES = 8 << 20
# No datagram can be so large; or the kernel finds no memory for one in few enough pieces, and on a
# machine whose memory is fragmented never will.
_TOO_LARGE = {errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM}
_BUSY = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class Sent(enum.Enum):
    """What became of an entry."""

    YES = enum.auto()
    BUSY = enum.auto()  # journald has as much as it can take; try again later
    GONE = enum.auto()  # nobody is there; connect again
    REFUSED = enum.auto()  # this one will never go


class JournalSocket:
    """A connection to the journal. `error` is why the last entry did not go."""

    def __init__(self, path: str = SOCKET_PATH) -> None:
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

    def send_many(self, entries: list[bytes]) -> tuple[int, Sent]:
        """Send entries in order; how many went, and what became of the one that did not."""
        if self._socket is None:
            return 0, Sent.GONE
        send = self._socket.send
        sent = 0
        while True:
            try:
                for entry in entries[sent:] if sent else entries:
                    send(entry)
                    sent += 1
            except OSError as error:
                outcome = self._judge(error, entries[sent])
                if outcome is not Sent.YES:
                    return sent, outcome
                sent += 1
            else:
                return sent, Sent.YES

    def _judge(self, error: OSError, entry: bytes) -> Sent:
        if error.errno in _TOO_LARGE:
            return self._send_sealed(entry)
        self.error = error
        return Sent.BUSY if error.errno in _BUSY else Sent.GONE

    def _send_sealed(self, entry: bytes) -> Sent:
        """Send an entry as a descriptor of a memory file that nobody can change any more."""
        if self._socket is None:
            return Sent.GONE
        try:
            fd = self._seal(entry)
        except OSError as error:
            self.error = error
            return Sent.REFUSED
        try:
            self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [fd]))])
        except OSError as error:
            self.error = error
            if error.errno in _BUSY:
                return Sent.BUSY
            # Descriptors may be refused where datagrams are not: too many in flight, a filter.
            is_refused = error.errno in (errno.ETOOMANYREFS, errno.EPERM, errno.EACCES)
            return Sent.REFUSED if is_refused else Sent.GONE
        self._drop_sealed()
        return Sent.YES

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

    def fileno(self) -> int | None:
        """The socket's descriptor, None while there is none."""
        return self._socket.fileno() if self._socket else None

    def close(self) -> None:
        """Close connection and memory file."""
        self._drop_sealed()
        self.disconnect()
