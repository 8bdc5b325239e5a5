# SPDX-License-Identifier: Apache-2.0
"""The canary: execs of the daemon's own, which show that execs are seen. They are never recorded.

Owns how they are made and how their events are recognized. `tracing_check` decides which are
made, and what follows if one is not seen.

Why real execs: running the program with bpf(2) (BPF_PROG_TEST_RUN) shows that it works, not that
the kernel calls it; and counters do not move on an idle host either. The program executed is our
interpreter, asked for its version: that costs 1.2 ms of CPU, and a unit with NoExecPaths= must let
us execute it anyway. A failed exec needs no process: execve("") fails before it changes anything,
and costs 8 µs.
"""

import contextlib
import os
import select
import signal

from execaudit.wire.event import Event

_SELF = "/proc/self/exe"
_WAIT_MS = 2000


def _waits_for(child: int) -> bool:
    """Wait for the end of a child; return False if it takes too long. Raises OSError."""
    fd = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(_WAIT_MS))
    finally:
        os.close(fd)


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
        """Forget earlier execs; choose a new secret word, which marks the next ones."""
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
        try:
            is_over = _waits_for(self._child)
        except OSError:  # no descriptor is left to wait with
            is_over = False
        if not is_over:
            os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)

    def owns(self, event: Event) -> bool:
        """Return True if an event is of one of these execs."""
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
