# SPDX-License-Identifier: Apache-2.0
"""Runs `execaudit trace` as a user would and reads the records it prints.

Owns the tracer's process and its pipes. One thread: whoever waits for something also reads, so that
the tracer never stands still because nobody reads. It must not judge records.
"""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.integration.launching import Child, launch
from tests.integration.requirements import CHECKOUT, DEADLINE_S, PYTHON, give_up
from tests.integration.shapes import see_some

Record = dict[str, Any]
Result = TypeVar("Result")

_READY = re.compile(r"^execaudit: tracing\b.*", re.MULTILINE)
_SUMMARY = re.compile(r"execaudit: (\d+) seen, (\d+) shown, (\d+) dropped by filter, (\d+) lost")
_FAILURE_HOOKS = ("fexit", "kretprobe", "sys_exit", "tracepoint")
# Exit status: the kernel lacks something, no permission.
_CANNOT_TRACE = (3, 4)
_SENTINEL_AGAIN_S = 2.0
# For tests that are not about loss: other programs of a busy machine must not push records out.
ROOMY_RING = ("--ring-bytes", "64M")


@dataclass(frozen=True)
class Summary:
    """The tracer's last line."""

    seen: int
    shown: int
    dropped: int
    lost: int


class Tracer:
    """One `execaudit trace` process. A context manager: leaving it kills what is left."""

    def __init__(
        self, engine: str, tiny: Path, *options: str, failed: bool = True, exits: bool = True
    ) -> None:
        switches = [*(["-x"] if failed else []), *(["--exits"] if exits else [])]
        self._tiny = str(tiny)
        self._line_rest = b""
        self._stderr = b""
        self.records: list[Record] = []
        self.output = bytearray()
        self.keep_output = False
        self.process = subprocess.Popen(
            [
                *[PYTHON, "-m", "execaudit", "trace", "--json", "--engine", engine],
                *switches,
                *options,
            ],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._selector = selectors.DefaultSelector()
        assert self.process.stdout
        assert self.process.stderr
        for pipe, taker in ((self.process.stdout, self._take), (self.process.stderr, self._hear)):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, taker)

    def __enter__(self) -> "Tracer":
        self.wait_until(lambda: bool(self.ready_line) or self.process.poll() is not None)
        if self.process.poll() is not None:
            self._give_up()
        return self

    def __exit__(self, *_: object) -> None:
        see_some(self.records)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
        self._selector.close()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    @property
    def stderr(self) -> str:
        return self._stderr.decode(errors="replace")

    @property
    def ready_line(self) -> str:
        """The line that says which engine and failure hook were taken; empty before it."""
        match = _READY.search(self.stderr)
        return match[0] if match else ""

    @property
    def failure_hook(self) -> str:
        """fexit, kretprobe, tracepoint or sys_exit, as the tracer named it."""
        return next(name for name in _FAILURE_HOOKS if name in self.ready_line)

    @property
    def sees_compat_failures(self) -> bool:
        """Tell whether failed 32-bit execs can be seen: they pass no tracepoint of their own."""
        return self.failure_hook != "tracepoint"

    def during(self, action: Callable[[], Result]) -> tuple[Result, list[Record]]:
        """Run `action`. Returns its result and every record of the time it took.

        Records from before and after are not among them: an exec of the test's own is waited for
        on both sides, and the ring keeps the order.
        """
        self.settle()
        self.records.clear()
        result = action()
        self.settle()
        see_some(self.records)
        return result, self.records[:]

    def settle(self) -> None:
        """Wait until every event that has happened has been read.

        The exec that is waited for may itself be lost in a flood, so it is repeated.
        """
        mark = ""
        seen = 0

        def is_seen() -> bool:
            nonlocal seen
            fresh, seen = self.records[seen:], len(self.records)
            return any(mark in r.get("argv", ()) for r in fresh)

        patience_s = _SENTINEL_AGAIN_S
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            # The last one counts: those before it are events, too.
            mark = f"sentinel-{uuid.uuid4()}"
            launch([self._tiny, mark]).wait()
            if self._read_until(is_seen, min(time.monotonic() + patience_s, deadline)):
                return
            patience_s *= 2
        raise AssertionError(f"no record of the test's own exec; stderr: {self.stderr}")

    def run(self, argv: Sequence[str | bytes], **options: Any) -> Child:
        """Launch a program (see :func:`launch`) and read records until it has ended."""
        child = launch(argv, **options)
        try:
            self.wait_for(child)
        finally:
            child.kill()
        return child

    def wait_for(self, child: Child) -> int:
        """Read records until the child has ended; returns its status."""
        if child.is_reaped:
            return child.wait()
        self._selector.register(child.pidfd, selectors.EVENT_READ, None)
        ended = False

        def has_ended() -> bool:
            nonlocal ended
            ended = ended or _is_readable(child.pidfd)
            return ended

        try:
            self.wait_until(has_ended)
        finally:
            self._selector.unregister(child.pidfd)
        return child.wait()

    def wait_until(
        self, condition: Callable[[], bool], deadline_s: float = DEADLINE_S, *, reads: bool = True
    ) -> None:
        """Read records until `condition` holds, or only wait for it, where nobody is to read."""
        deadline = time.monotonic() + deadline_s
        while not reads and time.monotonic() < deadline:
            if condition():
                return
        if not self._read_until(condition, time.monotonic() + deadline_s):
            raise AssertionError(f"deadline passed; stderr: {self.stderr}")

    def pause(self) -> None:
        """Stop the tracer's process for a while."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop_reading(self) -> None:
        """Close the reading end of the tracer's standard output."""
        if self.process.stdout:
            self._selector.unregister(self.process.stdout)
            self.process.stdout.close()

    def stop(self, number: signal.Signals = signal.SIGINT) -> Summary:
        """End the tracer as Ctrl-C does. Returns its summary, once every record has been read."""
        self.process.send_signal(number)
        self.wait_until(lambda: not self._selector.get_map())
        status = self.process.wait()
        assert status == 0, f"exit status {status}; stderr: {self.stderr}"
        assert not self._line_rest, "the last line has no end"
        found = _SUMMARY.findall(self.stderr)
        assert len(found) == 1, self.stderr
        return Summary(*map(int, found[0]))

    def _give_up(self) -> None:
        with contextlib.suppress(AssertionError):
            self.wait_until(lambda: not self._selector.get_map(), 5)
        status = self.process.returncode
        if status in _CANNOT_TRACE:
            give_up(f"execaudit cannot trace: {self.stderr}")
        raise AssertionError(f"execaudit ended with {status}: {self.stderr}")

    def _read_until(self, condition: Callable[[], bool], deadline: float) -> bool:
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0 or not self._selector.get_map():
                return False
            for key, _ in self._selector.select(left):
                if key.data:
                    key.data(key)
        return True

    def _take(self, key: selectors.SelectorKey) -> None:
        data = self._read(key)
        if self.keep_output:
            self.output += data
        *lines, self._line_rest = (self._line_rest + data).split(b"\n")
        self.records += map(json.loads, lines)

    def _hear(self, key: selectors.SelectorKey) -> None:
        self._stderr += self._read(key)

    def _read(self, key: selectors.SelectorKey) -> bytes:
        data = os.read(key.fd, 1 << 20)
        if not data:
            self._selector.unregister(key.fileobj)
        return data


def execs_of(records: Sequence[Record], pid: int) -> list[Record]:
    """Pick the exec records of one process, failed ones included, in order."""
    return [r for r in records if r["type"] == "exec" and r["pid"] == pid]


def exits_of(records: Sequence[Record], pid: int) -> list[Record]:
    """Pick the exit records of one process."""
    return [r for r in records if r["type"] == "exit" and r["pid"] == pid]


def _is_readable(fd: int) -> bool:
    with selectors.PollSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(0))
