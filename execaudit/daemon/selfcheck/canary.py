# SPDX-License-Identifier: Apache-2.0
"""The canary: execs of the daemon's own, which show that execs are seen, and are never recorded.

Owns how they are made and how their events are recognized. `tracing_check` decides which are
made, and what follows when one is not seen.

Why real ones: a run of the program by bpf(2) (BPF_PROG_TEST_RUN) shows that the program works, not
that the kernel calls it; counters stand still on an idle host as well. The program
executed is the interpreter that runs us, asked for its version: 1.2 ms of CPU, and the one
program that a unit with NoExecPaths= must let us execute anyway. A failed exec needs no process:
execve("") fails before it touches anything, and costs 8 µs.
"""

import contextlib
import os
import select

from execaudit.wire.event import Event

_SELF = "/proc/self/exe"
_WAIT_MS = 2000


class Canary:
    """Makes execs, and recognizes their events.

    Attributes:
        is_pending: some may be in the ring or on their way there.
        found: hooks (index in record.HOOKS) whose events have come out of the ring.

    """

    def __init__(self) -> None:
        self.is_pending = False
        self.found: set[int] = set()
        self._word = b""
        self._child = 0
        self._process: tuple[int, int] | None = None  # pid of the initial namespace, start_ns

    def begin(self) -> None:
        """Forget those before. Nobody else knows the word by which the next are recognized."""
        self.is_pending = True
        self.found = set()
        self._word = os.urandom(16).hex().encode()
        self._child = 0
        self._process = None

    def fail(self, call: str) -> None:
        """Make an "execve" or "execveat" that fails."""
        if call == "execve":
            with contextlib.suppress(OSError):
                os.execve("", [self._word], {})  # noqa: S606 - there is no such program
            return
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                os.execve(fd, [self._word], {})  # noqa: S606 - a device cannot be executed
        finally:
            os.close(fd)

    def succeed(self) -> None:
        """Execute a program and wait for its end. Raises OSError where that is not allowed."""
        flags = os.O_WRONLY
        quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, flags, 0) for fd in (1, 2)]
        argv = ["execaudit", "-V", self._word.decode()]
        self._child = os.posix_spawn(_SELF, argv, {}, file_actions=quiet)
        fd = os.pidfd_open(self._child)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if not poll.poll(_WAIT_MS):
                os.kill(self._child, 9)
        finally:
            os.close(fd)
            os.waitpid(self._child, 0)

    def owns(self, event: Event) -> bool:
        """Return True if an event is one of these."""
        if not self.is_pending:
            return False
        if event.type == "exit":
            is_own = (event.pid, event.start_ns) == self._process
        elif event.type == "exec" and event.argv is not None and self._word in event.argv:
            # Whoever has read the word in the meantime cannot have the process.
            is_own = event.error != 0 or event.nspid == self._child
            if is_own and not event.error:
                self._process = event.pid, event.start_ns
        else:
            return False
        if is_own:
            self.found.add(event.hook)
        return is_own
