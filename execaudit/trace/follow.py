# SPDX-License-Identifier: Apache-2.0
"""The loop of `execaudit trace`, from ring buffer to standard output, live or from a recording.

Owns waiting, signals and the end. While nothing happens nothing wakes up: the wait for the first
event has no limit; then a short pause lets a batch gather.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from execaudit.errors import ExecauditError
from execaudit.kernel.capture import Capture
from execaudit.kernel.ring import Ring
from execaudit.records.accounting import Accounting
from execaudit.records.host import Host
from execaudit.records.lost import Lost, lost_fields
from execaudit.records.place import PlaceDescriber
from execaudit.records.recording import Recorder, open_recording, read_steps
from execaudit.records.text import FieldDict
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event

_GATHER_S = 0.05
_SETTLE_S = 1.0
_FILLED = 4  # a quarter of the ring: from there on the kernel side wakes at once

# Once asked to stop: how often to look if standard output is being read, and after how many looks
# without success the rest is dropped.
_STALL_S = 1.0
_STALLS = 3

Write = Callable[[memoryview], int]
Keep = Callable[[Event], bool]


class _ReaderGone(Exception):  # noqa: N818 - not an error: `execaudit trace | head`
    """The reader closed standard output, or does not read it while we are asked to stop."""


class Lines(Protocol):
    """Makes lines of events and of other records."""

    def encode(self, event: Event) -> bytes:
        """Return the line of an exec or exit."""

    def encode_fields(self, fields: FieldDict) -> bytes:
        """Return the line of another record."""

    def follow_host(self) -> None:
        """Forget what was made with another clock or users of the host."""


@dataclass(slots=True)
class Counts:
    """How many execs and exits were shown, and how many filters dropped."""

    shown: int = 0
    filtered: int = 0


class Output:
    """Decodes, accounts for, filters, encodes and prints every event.

    `write` takes bytes and returns how many it took, as write(2) does. `keep` decides about execs
    and exits; None keeps all.

    Attributes:
        counts: what was shown and filtered.
        recorder: records what was printed, None without a recording.
        is_writing: a write is in progress.
        written: how many bytes were written.

    """

    def __init__(
        self,
        host: Host,
        env_names: tuple[bytes, ...],
        write: Write,
        lines: Lines,
        keep: Keep | None = None,
        *,
        measures_durations: bool = False,
    ) -> None:
        self.counts = Counts()
        self.recorder: Recorder | None = None
        self.accounting = Accounting(measures_durations=measures_durations)
        self.is_writing = False
        self.written = 0
        self._host = host
        self._describe = PlaceDescriber(host)
        self._decoder = Decoder(env_names, self._describe)
        self._followed = (host.wall_offset_ns, host.names_version)
        self._write = write
        self._lines = lines
        self._keep = keep

    def batch(self, buf: bytes, offsets: list[int]) -> None:
        """Print a batch of raw records."""
        self._follow_host()
        keep, lines, counts = self._keep, self._lines, self.counts
        out: list[bytes] = []
        for event in self.accounting.admit(self._decoder.decode(buf, offsets)):
            if isinstance(event, Lost):
                out.append(lines.encode_fields(lost_fields(event, self._host)))
            elif keep is None or keep(event):
                counts.shown += 1
                out.append(lines.encode(event))
            else:
                counts.filtered += 1
        self._print(b"".join(out))
        if self.recorder:
            self.recorder.batch(buf, offsets)

    def settle(self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int) -> None:
        """Print the losses that no later record shows."""
        self._follow_host()
        losses = self.accounting.settle(slots, misses, now_ns)
        fields = [lost_fields(lost, self._host) for lost in losses]
        self._print(b"".join(map(self._lines.encode_fields, fields)))
        if self.recorder:
            self.recorder.settle(slots, misses, now_ns)

    def _follow_host(self) -> None:
        host = self._host
        host.follow()
        # In a replay the steps of the recording change the host.
        current = (host.wall_offset_ns, host.names_version)
        if current != self._followed:
            self._followed = current
            self._describe.follow_host()
            self._decoder.forget_places()
            self._lines.follow_host()

    def _print(self, data: bytes) -> None:
        if not data:
            return
        self.is_writing = True
        view = memoryview(data)
        try:
            while view:
                count = self._write(view)
                self.written += count
                view = view[count:]
        except BrokenPipeError as error:
            raise _ReaderGone from error
        except OSError as error:
            raise ExecauditError(f"Failed to write standard output: {error.strerror}") from error
        finally:
            self.is_writing = False


class _Signals:
    """Turns SIGINT and SIGTERM into a readable descriptor, and not into exceptions.

    With one exception: a write to a pipe that nobody reads would never end. It is given up when
    nothing was read for some time after the signal, or when a second signal comes.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._is_stopping = False
        self._written = -1
        self._stalls = 0
        self.fd, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        if self._is_stopping:
            self._give_up()
        self._is_stopping = True
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, _STALL_S, _STALL_S)

    def _look(self, *_: object) -> None:
        is_moving = not self._output.is_writing or self._output.written != self._written
        self._stalls = 0 if is_moving else self._stalls + 1
        self._written = self._output.written
        if self._stalls >= _STALLS:
            self._give_up()

    def _give_up(self) -> None:
        if self._output.is_writing:
            raise _ReaderGone("nobody reads standard output: the last records are missing there")

    def close(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.set_wakeup_fd(-1)
        os.close(self._write)
        os.close(self.fd)


def follow(capture: Capture, output: Output) -> None:
    """Attach, and print events until SIGINT, SIGTERM or the reader's end; then drain and settle.

    Raises ExecauditError.
    """
    ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
    signals = _Signals(output)
    poll = select.epoll()
    try:
        poll.register(signals.fd, select.EPOLLIN)
        poll.register(ring.fd, select.EPOLLIN | select.EPOLLET)
        capture.attach()
        _announce(capture)
        capture.close_trials()
        _loop(capture, ring, poll, signals.fd, output)
        capture.detach()
        _settle(capture, ring, output)
    except _ReaderGone as gone:
        if gone.args:
            print(f"execaudit: {gone}", file=sys.stderr)
        _silence_stdout()
    finally:
        poll.close()
        signals.close()
        ring.close()


def _announce(capture: Capture) -> None:
    hook = capture.failure_hook
    failures = f"failed execs by {hook.name}, which {hook.cost}" if hook else "no failed execs (-x)"
    print(
        f"execaudit: tracing, engine {capture.engine} ({capture.reason}), {failures}",
        file=sys.stderr,
        flush=True,
    )


def _loop(capture: Capture, ring: Ring, poll: select.epoll, signal_fd: int, output: Output) -> None:
    settle_at: float | None = None
    while True:
        timeout = None if settle_at is None else max(0.0, settle_at - time.monotonic())
        pending = ring.pending()
        ready = poll.poll(0 if pending else timeout)
        if ready or pending:
            # Let a batch gather. A ring that fills up ends the pause; one that is full already does
            # not. The first event after a quiet time is not delayed: it may be the only one.
            is_urgent = settle_at is None or ring.pending() >= ring.size // _FILLED
            ready += poll.poll(0 if is_urgent else _GATHER_S)
            _drain(ring, output)
            if settle_at is None:
                settle_at = time.monotonic() + _SETTLE_S
        if any(fd == signal_fd for fd, _ in ready):
            return
        if settle_at is not None and time.monotonic() >= settle_at:
            _settle(capture, ring, output)
            capture.follow_modules()
            settle_at = None


def _drain(ring: Ring, output: Output) -> None:
    """Print what is in the ring now. Reading on to its end might have none in a storm."""
    left = ring.pending()
    while left > 0:
        buf, offsets = ring.read()
        if not buf:
            return
        left -= len(buf)
        output.batch(buf, offsets)


def _settle(capture: Capture, ring: Ring, output: Output) -> None:
    # In this order: whatever the counters count has then come out of the ring, or never will.
    slots, misses = capture.slots(), capture.misses()
    _drain(ring, output)
    output.settle(slots, misses, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def _silence_stdout() -> None:
    """Keep the interpreter from complaining about the closed pipe when it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def replay(path: str, make_output: Callable[[Host], Output]) -> Output:
    """Run a recording through the same steps; return the output. Raises ExecauditError.

    `make_output` gets the host on which it was made.
    """
    host, file = open_recording(path)
    output = make_output(host)
    with file:
        try:
            for step, arguments in read_steps(host, file, path):
                getattr(output, step)(*arguments)
        except _ReaderGone:
            _silence_stdout()
    return output
