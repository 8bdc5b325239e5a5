# SPDX-License-Identifier: Apache-2.0
"""Standard output of whatever kind, read or not."""

import contextlib
import fcntl
import os
import pty
import socket
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from execaudit.sinks.stdout import StdoutSink
from tests.clocks import FakeClock
from tests.lines import line, lines
from tests.sinks import FinishedEntries, write

Make = Callable[..., StdoutSink]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(clock: FakeClock) -> Iterator[Make]:
    """Makes sinks, and closes them without waiting for readers."""
    sinks: list[StdoutSink] = []

    def make(fd: int, queue_bytes: int = 8 << 20) -> StdoutSink:
        sinks.append(StdoutSink(FinishedEntries(), clock=clock, fd=fd, queue_bytes=queue_bytes))
        return sinks[-1]

    yield make
    for sink in sinks:
        sink.close_s = 0.0
        sink.close()


class Ends:
    """A pair of descriptors: what the sink writes to and what reads it."""

    def __init__(self, kind: str) -> None:
        if kind == "pipe":
            self.read_fd, self.write_fd = os.pipe()
        elif kind == "pty":
            self.read_fd, self.write_fd = pty.openpty()
            tty.setraw(self.write_fd)
        else:
            pair = socket.socketpair()
            self.read_fd, self.write_fd = (one.detach() for one in pair)
        self.flags = fcntl.fcntl(self.write_fd, fcntl.F_GETFL)
        os.set_blocking(self.read_fd, False)

    def read(self) -> bytes:
        """All there is to read now."""
        data = b""
        try:
            while part := os.read(self.read_fd, 1 << 20):
                data += part
        except BlockingIOError:
            pass
        return data

    def close(self) -> None:
        for fd in (self.read_fd, self.write_fd):
            with contextlib.suppress(OSError):
                os.close(fd)


@pytest.fixture(params=["pipe", "pty", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    ends = Ends(request.param)
    yield ends
    ends.close()


@pytest.fixture
def pipe() -> Iterator[Ends]:
    ends = Ends("pipe")
    yield ends
    ends.close()


def wake(sink: StdoutSink, clock: FakeClock) -> None:
    """Go to the next deadline."""
    deadline = sink.on_timer(clock.now_s)
    if deadline is not None:
        clock.now_s = deadline
        sink.on_timer(clock.now_s)


def test_lines_come_out_and_the_shared_descriptor_stays_blocking(ends: Ends, make: Make) -> None:
    sink = make(ends.write_fd)
    write(sink, lines(1, 3))

    assert ends.read() == b"".join(lines(1, 3))
    assert (sink.counters.written, sink.queue_bytes) == (3, 0)
    assert fcntl.fcntl(ends.write_fd, fcntl.F_GETFL) == ends.flags
    assert sink.on_timer(0.0) is None


def test_reader_that_does_not_read_is_not_waited_for_and_gets_all_later(
    ends: Ends, make: Make, clock: FakeClock
) -> None:
    sink = make(ends.write_fd)
    expected = b""
    for first in range(1, 8000, 100):
        batch = lines(first, 100, "x" * (first % 300))
        write(sink, batch)
        expected += b"".join(batch)
    assert sink.queue_depth > 100

    data = b""
    while sink.queue_depth:
        data += ends.read()
        wake(sink, clock)
    data += ends.read()

    assert data == expected
    assert (sink.counters.written, sink.counters.lost) == (8000, 0)
    assert (sink.counters.bytes, sink.queue_bytes) == (len(expected), 0)


def test_queue_has_a_bound_and_whole_lines_beyond_it_are_counted(
    pipe: Ends, make: Make, clock: FakeClock
) -> None:
    sink = make(pipe.write_fd, 100_000)
    many = [line(seq, os.urandom(99).hex()) for seq in range(1, 5001)]
    for begin in range(0, 5000, 10):
        write(sink, many[begin : begin + 10])
        assert sink.queue_bytes <= 100_000
    told = line(9000, kind="lost")
    write(sink, [told])
    wake(sink, clock)
    assert sink.losses.take() == []

    data = b""
    while sink.on_timer(clock.now_s) is not None:
        data += pipe.read()
        wake(sink, clock)
    data += pipe.read()

    counters = sink.counters
    assert data == b"".join(many[: counters.written - 1]) + told
    assert counters.written - 1 + counters.lost == 5000
    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("overflow", counters.lost)
    assert "takes no records" in str(sink.notices.take())


def test_reader_that_goes_away_is_noticed_and_everything_counted(
    ends: Ends, make: Make, clock: FakeClock
) -> None:
    sink = make(ends.write_fd)
    write(sink, lines(1, 2))
    os.close(ends.read_fd)
    for seq in range(3, 10):
        write(sink, [line(seq)])
        wake(sink, clock)

    assert sink.counters.written == 2
    assert sink.counters.lost == 7
    assert len(sink.notices.take()) == 1
    assert sink.losses.take() == []


def test_next_reader_of_a_named_pipe_begins_with_a_whole_line(
    tmp_path: Path, make: Make, clock: FakeClock
) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    sink = make(writing)
    write(sink, lines(1, 2000, "x" * 100))
    os.read(first, 100_001)
    os.close(first)
    wake(sink, clock)
    assert sink.queue_depth == 0

    second = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    clock.advance(1)
    sink.on_timer(clock.now_s)
    write(sink, [line(3000)])

    assert os.read(second, 1 << 20) == line(3000)
    assert sink.counters.written + sink.counters.lost == 2001
    (incident,) = sink.losses.take()
    assert incident.reason == "reader_gone"
    for fd in (second, writing):
        os.close(fd)


def test_regular_file_is_written_at_its_position(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before\n")
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    write(make(fd), lines(1, 2))
    os.close(fd)

    assert path.read_bytes() == b"before\n" + b"".join(lines(1, 2))


def test_pipe_that_cannot_be_opened_again_is_not_waited_for_either(
    pipe: Ends, make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's pipe, as containers have it; here without /proc."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    sink = make(pipe.write_fd)
    write(sink, lines(1, 3000, "x" * 1000))
    assert sink.queue_depth

    data = b""
    while sink.queue_depth:
        data += pipe.read()
        wake(sink, clock)
    data += pipe.read()

    assert data == b"".join(lines(1, 3000, "x" * 1000))
    os.close(pipe.read_fd)
    write(sink, [line(1)])
    assert sink.counters.lost == 1


def test_full_device_is_counted(make: Make) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    sink = make(fd)
    write(sink, lines(1, 3))
    os.close(fd)

    assert (sink.counters.written, sink.counters.lost) == (0, 3)
    assert "No space left" in str(sink.notices.take())


def test_closing_waits_a_second_for_the_reader_then_counts(pipe: Ends) -> None:
    sink = StdoutSink(FinishedEntries(), fd=pipe.write_fd)
    write(sink, lines(1, 3000, "x" * 100))
    waiting = sink.queue_depth
    sink.close()

    assert sink.counters.lost == waiting
    assert sink.counters.written == 3000 - waiting
