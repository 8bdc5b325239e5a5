# SPDX-License-Identifier: Apache-2.0
"""Execs of the daemon's own, which show that execs are seen, and are never recorded.

Owns how they are made and how they are told from all others. Which are wanted, and what it means
when one does not come, is the business of `health`.

Why real ones: a run of the program by bpf(2) (BPF_PROG_TEST_RUN) shows that the program works, not
that the kernel calls it; counters that stand still are those of an idle host as well. The program
executed is the interpreter that runs us, asked for its version: 1.2 ms of CPU, and the one
program that a unit with NoExecPaths= must let us execute anyway. A failed exec needs no process:
execve("") fails before it touches anything, and costs 8 µs.
"""

import contextlib
import os
import select
import struct

from execaudit.wire import record

_SELF = "/proc/self/exe"
_WAIT_MS = 2000
_HEAD = struct.Struct(record.HEAD.format).unpack_from
_IMAGE = struct.Struct("@IIQII").unpack_from  # pid, tid, start_ns, exec_count, nspid
_IMAGE_AT = record.EXEC.offset("pid")
_START_AT, _PID_AT = record.EXIT.offset("start_ns"), record.EXIT.offset("pid")


class Proof:
    """Makes execs, and knows their events.

    Attributes:
        is_out: some may be in the ring or on their way there.
        found: hooks (index in record.HOOKS) whose events have come out of the ring.

    """

    def __init__(self) -> None:
        self.is_out = False
        self.found: set[int] = set()
        self._word = b""
        self._child = 0
        self._image: tuple[int, int] | None = None  # pid of the initial namespace, start_ns

    def begin(self) -> None:
        """Forget what was before. Nobody knows the word by which the next ones are told."""
        self.is_out = True
        self.found = set()
        self._word = os.urandom(16).hex().encode()
        self._child = 0
        self._image = None

    def fail(self, call: str) -> None:
        """Have an "execve" or "execveat" fail."""
        if call == "execve":
            with contextlib.suppress(OSError):
                os.execve("", [self._word], {})  # noqa: S606 - there is no such program
            return
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                os.execve(fd, [self._word], {})  # noqa: S606 - a device can not be executed
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

    def owns(self, buf: bytes, at: int) -> bool:
        """Whether the event at `at` is one of these."""
        if len(buf) - at < record.EXIT_BYTES:
            return False
        size, kind, _, hook, *_ = _HEAD(buf, at)
        if kind == record.KIND_EXIT:
            (start_ns,) = struct.unpack_from("@Q", buf, at + _START_AT)
            (pid,) = struct.unpack_from("@I", buf, at + _PID_AT)
            is_own = (pid, start_ns) == self._image
        elif kind in (record.KIND_EXEC, record.KIND_FAILURE) and size >= record.EXEC_BYTES:
            if self._word not in buf[at : at + size]:
                return False
            pid, _, start_ns, _, nspid = _IMAGE(buf, at + _IMAGE_AT)
            # Whoever read the word in the meantime can not have the process.
            is_own = kind == record.KIND_FAILURE or nspid == self._child
            if is_own and kind == record.KIND_EXEC:
                self._image = pid, start_ns
        else:
            return False
        if is_own:
            self.found.add(hook)
        return is_own
