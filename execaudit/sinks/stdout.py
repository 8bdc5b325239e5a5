# SPDX-License-Identifier: Apache-2.0
"""The sink that prints JSON lines on standard output, for containers and pipes.

Owns writing without ever waiting for the reader, and the queue behind it. The descriptor is shared
with whoever started us, so its mode is left alone: pipes and terminals are opened anew for
ourselves, sockets take a flag with each call, regular files never make anyone wait.
"""

import contextlib
import errno
import os
import select
import socket
import stat
from collections import deque
from itertools import islice
from typing import Any

from execaudit.sinks.accounting import (
    JSON_FORM,
    NOTICE,
    WARNING,
    Counters,
    Form,
    Losses,
    Notices,
)
from execaudit.sinks.clock import Clock

_QUEUE_BYTES = 8 << 20
_AT_ONCE = 256  # lines
_BUSY_S = 0.01
_BUSY_LIMIT_S = 0.1
_GONE_S = 1.0
_CLOSE_S = 1.0


class _Stream:
    """A descriptor written to without waiting, whatever it is of."""

    def __init__(self, fd: int) -> None:
        mode = os.fstat(fd).st_mode
        self._limit: int | None = None
        self._socket: socket.socket | None = None
        self.fd = -1
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
            self.fd = self._socket.fileno()
        elif stat.S_ISREG(mode):
            self.fd = os.dup(fd)  # opened anew it would begin at the file's start
        else:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            try:
                self.fd = os.open(f"/proc/self/fd/{fd}", flags)
            except OSError:  # another user's pipe, no /proc
                self.fd = os.dup(fd)
                # pipe(7): a pipe that is ready takes this much without waiting.
                self._limit = select.PIPE_BUF

    def write(self, data: memoryview) -> int:
        """Write what goes at once; how much. Raises BlockingIOError, BrokenPipeError, OSError."""
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if self._limit is None:
            return os.write(self.fd, data)
        if not self.poll(0):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return os.write(self.fd, data[: self._limit])

    def poll(self, seconds: float) -> int:
        """Wait until something can be written or nobody reads any more; the events there are."""
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        ready = poll.poll(seconds * 1000)
        return ready[0][1] if ready else 0

    def close(self) -> None:
        """Close our own descriptor."""
        with contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.close()
            else:
                os.close(self.fd)


class StdoutSink:
    """Prints lines to a descriptor, standard output unless told otherwise."""

    name = "stdout"

    def __init__(
        self,
        fd: int = 1,
        queue_bytes: int = _QUEUE_BYTES,
        clock: Clock | None = None,
        form: Form = JSON_FORM,
    ) -> None:
        self.counters = Counters()
        self._clock = clock or Clock()
        self._queue_bytes = queue_bytes
        self.notices = Notices()
        self.losses = Losses(self.counters, form, self._clock.boot_ns)
        self._queue: deque[bytes] = deque()
        self._at = 0  # bytes of the first line that are out already
        self._stream = _Stream(fd)
        self._retry_s: float | None = None
        self._delay_s = 0.0
        self._is_gone = False

    def configure(self, form: Form) -> None:
        """Go on with lines of another form."""
        self.losses.form = form

    def write(self, lines: list[bytes]) -> None:
        """Print lines, or queue them where the reader does not keep up."""
        room = self._queue_bytes - self.counters.queue_bytes
        for at, line in enumerate(lines):
            room -= len(line)
            if room < 0:
                self._lose(lines[at:], "overflow")
                lines = lines[:at]
                break
        if self._is_gone and lines:
            self._lose(lines, "reader_gone")
            lines = []
        self._queue.extend(lines)
        self.counters.queue_bytes += sum(map(len, lines))
        self.counters.queue_depth = len(self._queue)
        if self._retry_s is None:
            self._drain(self._clock.steady_s())

    def _lose(self, lines: list[bytes], reason: str) -> None:
        if not self.losses.is_open and reason == "overflow":
            self.notices.add(
                WARNING, "Standard output is not being read: dropping records until it is"
            )
        self.losses.lose(lines, reason)

    def _drain(self, now_s: float) -> None:
        self._retry_s = None
        try:
            while self._queue:
                data = b"".join(islice(self._queue, _AT_ONCE))
                self._advance(self._stream.write(memoryview(data)[self._at :]))
                self._delay_s = 0.0
        except BlockingIOError:
            self._delay_s = min(max(self._delay_s * 2, _BUSY_S), _BUSY_LIMIT_S)
            self._retry_s = now_s + self._delay_s
        except OSError as error:
            self._lose_reader(error, now_s)
        else:
            self._recover(now_s)

    def _advance(self, written: int) -> None:
        """Take `written` bytes off the queue. Of the last line a part may be left."""
        counters = self.counters
        counters.bytes += written
        self._at += written
        while self._queue and self._at >= len(self._queue[0]):
            size = len(self._queue.popleft())
            self._at -= size
            counters.queue_bytes -= size
            counters.written += 1
        counters.queue_depth = len(self._queue)

    def _lose_reader(self, error: OSError, now_s: float) -> None:
        if not self._is_gone:
            self.notices.add(
                WARNING, f"Failed to write standard output: {error.strerror}, dropping records"
            )
        self._is_gone = True
        # All of it, the line half written first: the next reader must begin with a whole one.
        lines = list(self._queue)
        self._queue.clear()
        self._at = self.counters.queue_bytes = self.counters.queue_depth = 0
        self.losses.lose(lines, "reader_gone")
        self._retry_s = now_s + _GONE_S

    def _recover(self, now_s: float) -> None:
        if self.losses.has_kept:
            kept = self.losses.take_kept()
            self._queue.extend(kept)
            self.counters.queue_bytes += sum(map(len, kept))
            self._drain(now_s)
            return
        missed = self.losses.end_incident()
        if missed or self._is_gone:
            self.notices.add(
                NOTICE, f"Standard output is read again; {missed} records were lost meanwhile"
            )
        self._is_gone = False

    def on_timer(self, now_s: float) -> float | None:
        """Write what waits, if it is time to; when to call again."""
        if self._retry_s is not None and now_s >= self._retry_s:
            if self._is_gone and self._stream.poll(0) != select.POLLOUT:
                self._retry_s = now_s + _GONE_S
            else:
                self._drain(now_s)
        return self._retry_s

    def status(self) -> dict[str, Any]:
        """What `execaudit status` shows beside the counters."""
        return {"is_waiting": self._retry_s is not None, "is_gone": self._is_gone}

    def close(self) -> None:
        """Write what waits, for a second at most; what then remains is lost, and counted."""
        end_s = self._clock.steady_s() + _CLOSE_S
        while self._queue and not self._is_gone and (now_s := self._clock.steady_s()) < end_s:
            self._drain(now_s)
            if self._queue:
                self._stream.poll(end_s - now_s)
        if self._queue:
            self.losses.lose(list(self._queue), "closed")
            self.notices.add(
                WARNING, f"{len(self._queue)} records were lost: standard output is not being read"
            )
            self._queue.clear()
            self.counters.queue_depth = self.counters.queue_bytes = 0
        self._stream.close()
