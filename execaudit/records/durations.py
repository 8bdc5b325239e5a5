# SPDX-License-Identifier: Apache-2.0
"""When programs were started, for `duration_ns` of their exit records.

Owns the start times of programs that run, in bounds: the oldest are forgotten. Times are of
CLOCK_BOOTTIME, in nanoseconds.
"""

from collections import OrderedDict

_EXECS_KEPT = 65536


class Durations:
    """By pid and start of a process: which of its execs was the last, and when it was.

    Either is packed into one integer: half the memory of pairs. A plain dict would search through
    all the places that have become free in front, each time it gives up its oldest.
    """

    def __init__(self) -> None:
        self._began: OrderedDict[int, int] = OrderedDict()

    def begin(self, pid: int, start_ns: int, exec_count: int, time_ns: int) -> None:
        """A program was started. A second exec ends the first image without an exit."""
        if len(self._began) >= _EXECS_KEPT:
            self._began.popitem(last=False)
        self._began[start_ns << 32 | pid] = time_ns << 32 | exec_count

    def of(self, pid: int, start_ns: int, exec_count: int, time_ns: int) -> int | None:
        """How long a program that ended has run, None where its start was not seen."""
        began = self._began.get(start_ns << 32 | pid)
        if began is None or began & 0xFFFFFFFF != exec_count:
            return None
        return time_ns - (began >> 32)

    def forget(self, pid: int, start_ns: int) -> None:
        """Its end has been told."""
        self._began.pop(start_ns << 32 | pid, None)
