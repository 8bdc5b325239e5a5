# SPDX-License-Identifier: Apache-2.0
"""The kernel's own count of the soak's execs, which shares nothing with execaudit.

Owns what is counted: the successes of control groups but those of "/proc/self/exe", by which
daemons check that they see execs and which they do not record. It must not know records.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.counting import TracepointCount
from tests.machine.container import cgroup_root

CHECKED = "/proc/self/exe"
_EVENT = "sched/sched_process_exec"
_QUIET_S = 0.004


@contextlib.contextmanager
def own_group() -> Iterator[Path]:
    """Be, with all that is started meanwhile, in a control group of our own; gives its path."""
    mine = os.fsdecode(Path("/proc/self/cgroup").read_bytes())
    (before,) = (line[3:] for line in mine.splitlines() if line.startswith("0::"))
    group = cgroup_root() / f"execaudit-soak-{secrets.token_hex(4)}.work"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text("0")
        yield group
    finally:
        (cgroup_root() / before.lstrip("/") / "cgroup.procs").write_text("0")
        (group / "cgroup.kill").write_text("1")
        while "populated 1" in (group / "cgroup.events").read_text():
            time.sleep(_QUIET_S)
        group.rmdir()


class KernelCount:
    """Counts the execs of groups from now on. A context manager, which closes the counters."""

    def __init__(self, groups: Sequence[Path]) -> None:
        self._stack = ExitStack()
        with ExitStack() as stack:
            enter = stack.enter_context
            self._execs = [
                enter(TracepointCount(_EVENT, f'filename != "{CHECKED}"', group=group))
                for group in groups
            ]
            self._all = enter(TracepointCount(_EVENT))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stack.close()

    def read(self) -> int:
        """Return how many there were."""
        return sum(each.read() for each in self._execs)

    def everything(self) -> int:
        """Return how many there were on the whole machine, checks of daemons included."""
        return self._all.read()

    def others(self) -> int:
        """Return how many there were beside: of other groups, and checks of daemons."""
        return self.everything() - self.read()

    def boundary(self, patience_s: float) -> tuple[int, int]:
        """Return the count, and the wall clock in ns at a moment without an exec around it.

        Records are counted by their time, which differs from ours by what the clocks differ: the
        moment is in the middle of some milliseconds during which the count stood still. Where
        there are none for so long, it is any moment, and the count is off by a few.
        """
        give_up_s = time.monotonic() + patience_s
        while True:
            before, began_ns = self.read(), time.time_ns()
            time.sleep(_QUIET_S)
            if self.read() == before or time.monotonic() > give_up_s:
                return before, (began_ns + time.time_ns()) // 2
