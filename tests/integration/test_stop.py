# SPDX-License-Identifier: Apache-2.0
"""Being told to stop: everything is printed, unless nobody reads it."""

import fcntl
import os
import signal
import struct
import termios
from pathlib import Path

import pytest

from tests.integration.launching import launch
from tests.integration.requirements import DEADLINE_S
from tests.integration.tracing import ROOMY_RING, Tracer

EXECS = 2000
# A pipe is a ring of pages, the last of which need not be full.
PAGE = 4096


def fill_pipe(tracer: Tracer, programs: Path) -> None:
    """Make more records than the pipe holds, and wait until the tracer cannot write on."""
    storm = launch([str(programs / "storm"), str(EXECS), "vfork", str(programs / "tiny")])
    assert storm.wait() == 0
    assert tracer.process.stdout
    fd = tracer.process.stdout.fileno()
    capacity = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    tracer.wait_until(lambda: pending(fd) > capacity - PAGE, reads=False)


def pending(fd: int) -> int:
    """Bytes in a pipe."""
    return int(struct.unpack("=i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_while_the_pipe_is_full_prints_everything(
    engine: str, programs: Path, number: signal.Signals
) -> None:
    with Tracer(engine, programs / "tiny", *ROOMY_RING) as tracer:
        tracer.settle()
        fill_pipe(tracer, programs)
        summary = tracer.stop(number)
        tiny = str(programs / "tiny")
        storm = [r for r in tracer.records if r.get("filename") == tiny and ":" in r["argv"][1]]
    assert len(storm) == EXECS
    assert summary.lost == 0
    assert summary.shown == len(tracer.records)


def test_stop_while_nobody_reads_ends_and_says_so(engine: str, programs: Path) -> None:
    with Tracer(engine, programs / "tiny", *ROOMY_RING) as tracer:
        tracer.settle()
        fill_pipe(tracer, programs)
        tracer.process.send_signal(signal.SIGINT)
        assert tracer.process.wait(DEADLINE_S) == 0
        assert tracer.process.stderr
        said = (tracer.process.stderr.read() or b"").decode()
    assert "nobody reads standard output" in said
    assert "lost" in said.splitlines()[-1]


def keep_to_one_processor() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def test_stop_in_a_storm_does_not_wait_for_its_end(engine: str, programs: Path) -> None:
    with Tracer(engine, programs / "tiny") as tracer:
        # Where storms leave no processor alone, the kernel itself takes up to a minute to detach.
        argv = [str(programs / "storm"), "1000000000", "vfork", str(programs / "tiny")]
        endless = launch(argv, setup=keep_to_one_processor)
        try:
            tracer.wait_until(lambda: len(tracer.records) > EXECS)
            tracer.stop()
            assert endless.is_running
        finally:
            endless.kill()


def test_reader_that_goes_away_ends_the_tracer(engine: str, programs: Path) -> None:
    with Tracer(engine, programs / "tiny", *ROOMY_RING) as tracer:
        tracer.settle()
        tracer.stop_reading()
        storm = launch([str(programs / "storm"), "100", "vfork", str(programs / "tiny")])
        assert storm.wait() == 0
        assert tracer.process.wait(DEADLINE_S) == 0
        assert tracer.process.stderr
        said = (tracer.process.stderr.read() or b"").decode()
    assert "Traceback" not in said
