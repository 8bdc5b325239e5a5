# SPDX-License-Identifier: Apache-2.0
"""The sink that prints lines on standard output, for containers and pipes.

Owns writing without ever waiting for the reader. The descriptor is shared with the process that
started us, so O_NONBLOCK is not set on it: pipes and terminals are opened a second time, sockets
take a flag with each call, regular files never block.
"""

import contextlib
import errno
import os
import select
import socket
import stat
from typing import Any

from execaudit.sinks.clock import Clock
from execaudit.sinks.sink import Encoder, Selection, Sink, Trouble

_QUEUE_BYTES = 8 << 20
_LINES_AT_ONCE = 256
_BUSY = Trouble("overflow", 0.01, 0.1, waits=True)


class _Stream:
    """A descriptor of any kind, written to without waiting."""

    def __init__(self, fd: int) -> None:
        mode = os.fstat(fd).st_mode
        self._limit: int | None = None
        self._socket: socket.socket | None = None
        self.fd = -1
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
            self.fd = self._socket.fileno()
        elif stat.S_ISREG(mode):
            self.fd = os.dup(fd)  # a second open would write at the start of the file
        else:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            try:
                self.fd = os.open(f"/proc/self/fd/{fd}", flags)
            except OSError:  # another user's pipe, no /proc
                self.fd = os.dup(fd)
                # pipe(7): a pipe that is ready takes this much without waiting.
                self._limit = select.PIPE_BUF

    def write(self, data: memoryview) -> int:
        """Write what fits now; return how many bytes. Raises OSError: BlockingIOError for none."""
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if self._limit is None:
            return os.write(self.fd, data)
        if not self.poll(0):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return os.write(self.fd, data[: self._limit])

    def poll(self, seconds: float) -> int:
        """Wait until something can be written or the reader is gone; return the events found."""
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        ready = poll.poll(seconds * 1000)
        return ready[0][1] if ready else 0

    def close(self) -> None:
        """Close the duplicate."""
        with contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.close()
            else:
                os.close(self.fd)


class StdoutSink(Sink):
    """Prints lines. Once the reader has gone, they are lost until there is another."""

    name = "stdout"
    close_s = 1.0

    def __init__(
        self,
        encoder: Encoder,
        selection: Selection | None = None,
        clock: Clock | None = None,
        *,
        fd: int = 1,
        queue_bytes: int = _QUEUE_BYTES,
    ) -> None:
        super().__init__("standard output", queue_bytes, encoder, selection, clock)
        self._stream = _Stream(fd)

    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        done = 0
        try:
            while done < len(entries) or self._partial:
                lines = entries[done : done + _LINES_AT_ONCE]
                line, begin = self._partial or (b"", 0)
                written = self._stream.write(memoryview(b"".join([line[begin:], *lines])))
                done += self._count_written(lines, written)
        except BlockingIOError:
            return done, _BUSY
        except OSError as error:
            # All that waits is lost, with the half-written line: the next reader must begin with a
            # whole one.
            return done, self._gone(f"Failed to write standard output: {error.strerror}")
        return done, None

    def _count_written(self, lines: list[bytes], written: int) -> int:
        """Count `written` bytes of `_partial` and the lines; return how many lines they reach."""
        counters = self.counters
        counters.bytes += written
        self._pause_s = 0.0  # it moves
        if self._partial is not None:
            line, begin = self._partial
            if begin + written < len(line):
                self._partial = line, begin + written
                return 0
            written -= len(line) - begin
            counters.written += 1
            self._partial = None
        for reached, line in enumerate(lines):
            if not written:
                return reached
            if written < len(line):
                self._partial = line, written
                return reached + 1
            written -= len(line)
            counters.written += 1
        return len(lines)

    @property
    def _is_gone(self) -> bool:
        return self._trouble is not None and not self._trouble.waits

    def _gone(self, text: str = "") -> Trouble:
        return Trouble("reader_gone", 1.0, 1.0, text=f"{text}, dropping records" if text else "")

    def _reopen(self) -> Trouble | None:
        if self._is_gone and self._stream.poll(0) != select.POLLOUT:
            return self._gone()
        return None

    def _wait_writable(self, seconds: float) -> bool:
        if self._is_gone:
            return False
        self._stream.poll(seconds)
        return True

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows beside the counters."""
        return {**super().status(), "is_gone": self._is_gone}

    def _close(self) -> None:
        self._stream.close()
