# SPDX-License-Identifier: Apache-2.0
"""Starts ground-truth programs in any surroundings and collects what they say they are.

A child is forked from the test, put where the test wants it by a function of the test's, and then
calls exec. Two descriptors go with it (programs/self.h): /proc of the test, so that it can look at
itself from a chroot or another namespace, and a file for its answer. It must not know the tracer.
"""

import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from tests.integration.truth import Truth, parse_truth

PROC_FD = 100
OUTPUT_FD = 101
_CLOCK_TRIES = 5
ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LANG": "C"}

Argument = str | bytes


class Variables:
    """An environment in a given order, in which a name may come twice, as execve takes it."""

    def __init__(self, *pairs: tuple[bytes, bytes]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, name: bytes) -> bytes:
        return dict(self._pairs)[name]

    def keys(self) -> list[bytes]:
        return [name for name, _ in self._pairs]

    def values(self) -> list[bytes]:
        return [value for _, value in self._pairs]


Environment = Mapping[str, str] | Mapping[bytes, bytes] | Variables


class Child:
    """A process started by :func:`launch`: its pid, and its answer once it has ended."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.answer = b""
        self._output = output
        self._status: int | None = None

    def wait(self) -> int:
        """Reap the child. Returns its exit status, or minus the signal that killed it."""
        if self._status is None:
            self._status = os.waitpid(self.pid, 0)[1]
            self.answer = os.pread(self._output, os.fstat(self._output).st_size, 0)
            os.close(self._output)
            os.close(self.pidfd)
        return os.waitstatus_to_exitcode(self._status)

    def kill(self) -> None:
        """Make sure that nothing of the child is left."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    @property
    def is_running(self) -> bool:
        return not self.is_reaped and not select.select([self.pidfd], [], [], 0)[0]

    @property
    def is_reaped(self) -> bool:
        return self._status is not None

    @property
    def has_dumped_core(self) -> bool:
        self.wait()
        return self._status is not None and os.WCOREDUMP(self._status)

    @property
    def truth(self) -> Truth:
        """What the child said it is. Raises where it said nothing."""
        status = self.wait()
        assert self.answer, f"the program gave no answer and ended with {status}"
        return parse_truth(self.answer)


def launch(
    argv: Sequence[Argument],
    *,
    file: Argument | Path | None = None,
    env: Environment = ENVIRONMENT,
    setup: Callable[[], None] | None = None,
    may_fail: bool = False,
) -> Child:
    """Start a child that calls `setup`, then execs `file` (by default argv[0]) with `argv`, `env`.

    Where the exec may fail, the child then ends with status 125 and without complaint.
    The child has no standard input, and the test's standard output and error.
    """
    output = os.memfd_create("answer")
    file = file if file is not None else argv[0]
    if not setup and not may_fail:
        return Child(_spawn(argv, file, env, output), output)
    pid = os.fork()
    if pid == 0:
        _become(argv, file, env, setup, output, may_fail)
    return Child(pid, output)


def _spawn(argv: Sequence[Argument], file: Argument | Path, env: Environment, output: int) -> int:
    """Do the same without a copy of the test, which can be large."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, PROC_FD, "/proc", os.O_PATH | os.O_DIRECTORY, 0),
        (os.POSIX_SPAWN_DUP2, output, OUTPUT_FD),
    ]
    return os.posix_spawn(file, list(argv), env, file_actions=actions)  # type: ignore[arg-type]


def _become(
    argv: Sequence[Argument],
    file: Argument | Path,
    env: Environment,
    setup: Callable[[], None] | None,
    output: int,
    may_fail: bool,
) -> NoReturn:
    # Whatever happens, the copy of the test must not go on.
    try:
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(os.open("/proc", os.O_PATH | os.O_DIRECTORY), PROC_FD)
        os.dup2(output, OUTPUT_FD)
        if setup:
            setup()
        try:
            os.execve(file, list(argv), env)  # type: ignore[arg-type]  # noqa: S606
        except OSError:
            if may_fail:
                os._exit(125)
            raise
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(126)


def boot_time_offset_ns() -> int:
    """Tell how far the wall clock is ahead of the boot-time clock.

    Others may run between two reads of a clock: the quickest of a few tries counts.
    """
    read = time.clock_gettime_ns
    tries = []
    for _ in range(_CLOCK_TRIES):
        before, wall = read(time.CLOCK_BOOTTIME), read(time.CLOCK_REALTIME)
        after = read(time.CLOCK_BOOTTIME)
        tries.append((after - before, wall - (before + after) // 2))
    return min(tries)[1]


def own_comm() -> str:
    """Return the name of the test's process, which a child has until it calls exec."""
    return Path(f"/proc/{os.getpid()}/comm").read_text().removesuffix("\n")
