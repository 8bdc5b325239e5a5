# SPDX-License-Identifier: Apache-2.0
"""When programs were started, for `duration_ns` of their exit records.

Owns the start times of programs that run, in bounds: the oldest are forgotten. Times are of
CLOCK_BOOTTIME, in nanoseconds.
"""

from collections import OrderedDict

from execaudit.wire.event import Event

_EXECS_LIMIT = 65536


class Durations:
    """By pid and start of a process: which of its execs was the last, and when it was.

    Either is packed into one integer: half the memory of pairs. A plain dict would search through
    all the places that have become free in front, each time it gives up its oldest.
    """

    def __init__(self) -> None:
        self._began: OrderedDict[int, int] = OrderedDict()

    def follow(self, event: Event) -> None:
        """Note the exec of a program, or set `duration_ns` of its end.

        A second exec ends the first image without an exit.
        """
        key = event.start_ns << 32 | event.pid
        if event.type == "exec":
            if not event.error:
                if len(self._began) >= _EXECS_LIMIT:
                    self._began.popitem(last=False)
                self._began[key] = event.time_ns << 32 | event.exec_count
            return
        began = self._began.get(key)
        if began is not None and began & 0xFFFFFFFF == event.exec_count:
            del self._began[key]
            event.duration_ns = event.time_ns - (began >> 32)
