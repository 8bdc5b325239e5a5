# SPDX-License-Identifier: Apache-2.0
"""When programs were started, for `duration_ns` of their exit records.

Owns the start times of programs that run, in bounds: the oldest are forgotten. Times are of
CLOCK_BOOTTIME, in nanoseconds.
"""

_EXECS_KEPT = 65536


class Durations:
    """By pid and start of a process: which of its execs was the last, and when it was."""

    def __init__(self) -> None:
        self._began: dict[tuple[int, int], tuple[int, int]] = {}

    def begin(self, pid: int, start_ns: int, exec_count: int, time_ns: int) -> None:
        """A program was started. A second exec ends the first image without an exit."""
        if len(self._began) >= _EXECS_KEPT:
            del self._began[next(iter(self._began))]
        self._began[pid, start_ns] = (exec_count, time_ns)

    def of(self, pid: int, start_ns: int, exec_count: int, time_ns: int) -> int | None:
        """How long a program that ended has run, None where its start was not seen."""
        began = self._began.get((pid, start_ns))
        return time_ns - began[1] if began is not None and began[0] == exec_count else None

    def forget(self, pid: int, start_ns: int) -> None:
        """Its end has been told."""
        self._began.pop((pid, start_ns), None)
