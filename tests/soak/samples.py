# SPDX-License-Identifier: Apache-2.0
"""One line of figures a minute: what both daemons hold, and what was counted so far.

Owns the figures, and what becomes of an exec between the kernel's count and the logs.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from tests.soak.audit_count import AuditCount
from tests.soak.kernel_count import KernelCount
from tests.soak.place import Daemon, Place

PATIENCE_S = 60.0
_LAG_LIMIT_S = 60.0
_LOOK_S = 0.01


@dataclasses.dataclass(slots=True)
class Figures:
    """Of one daemon.

    Attributes:
        recorded: execs in its log, each once.
        missing: execs that the kernel counted and the log does not have.
        lost: how many the daemon says are lost.
        repeated: execs that are there a second time.
        table_bytes: what its baseline takes, None where it has none.

    """

    pid: int = 0
    resident_kib: int = 0
    anonymous_kib: int = 0
    descriptors: int = 0
    threads: int = 0
    lag_ms: float = 0.0
    recorded: int = 0
    missing: int = 0
    lost: int = 0
    repeated: int = 0
    broken: int = 0
    queue_bytes: int = 0
    ring_high_water_bytes: int = 0
    table_bytes: int | None = None
    cpu_s: float = 0.0


@dataclasses.dataclass(slots=True)
class Sample:
    """A line.

    Attributes:
        execs: the kernel's count since the beginning.
        others: what is no part of it: execs of other groups, and checks of daemons.
        unaudited: of both together, how many auditd did not log; None where it does not run.
        audit_lost: how many records of any kind the kernel could not pass on to auditd.

    """

    minute: float
    execs: int
    others: int
    main: Figures
    steady: Figures
    unaudited: int | None = None
    audit_lost: int = 0

    def line(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(dataclasses.asdict(self)) + "\n"


class Sampler:
    """Takes samples of the daemons of a place."""

    def __init__(self, place: Place, kernel: KernelCount, audit: AuditCount | None) -> None:
        self._place = place
        self._kernel = kernel
        self._audit = audit
        self._unaudited = 0
        self._unaudited = self._count_unaudited() or 0
        count, moment_ns = kernel.boundary(PATIENCE_S)
        self._lags()  # until it stands in the logs, so does all before
        self._first = [count, *(daemon.log.count_until(moment_ns) for daemon in place.daemons)]
        self._lost = [daemon.log.missing() for daemon in place.daemons]
        self._others = kernel.others()
        self._began_s = time.monotonic()

    def take(self, patience_s: float = 5.0) -> Sample:
        """Count up to now."""
        place = self._place
        count, moment_ns = self._kernel.boundary(patience_s)
        lags_ms = self._lags()
        minute = (time.monotonic() - self._began_s) / 60
        others = self._kernel.others() - self._others
        sample = Sample(round(minute, 2), count - self._first[0], others, Figures(), Figures())
        sample.unaudited = self._count_unaudited()
        sample.audit_lost = self._audit.lost() if self._audit else 0
        for number, figures in enumerate((sample.main, sample.steady)):
            daemon = place.daemons[number]
            figures.recorded = daemon.log.count_until(moment_ns) - self._first[1 + number]
            figures.missing = sample.execs - figures.recorded
            figures.lost = daemon.log.missing() - self._lost[number]
            figures.repeated = daemon.log.repeated
            figures.broken = len(daemon.log.broken)
            figures.lag_ms = lags_ms[number]
            _add_status(figures, daemon)
            _add_process(figures, place.container.path(f"/proc/{daemon.pid}"))
        return sample

    def _count_unaudited(self) -> int | None:
        """Count, auditd's first: what is executed between the two counts as not logged."""
        if self._audit is None:
            return None
        audited = self._audit.read()
        return self._kernel.everything() - audited - self._unaudited

    def _lags(self) -> list[float]:
        """Return how long an exec takes until it stands in each log, in milliseconds."""
        logs = [daemon.log for daemon in self._place.daemons]
        word = f"lag-of-soak-{time.monotonic_ns()}"
        for log in logs:
            log.poll()
            log.await_word(word)
        began_s = time.monotonic()
        self._place.container.run("/bin/true", word)
        lags_ms = [_LAG_LIMIT_S * 1000] * len(logs)
        waiting = set(range(len(logs)))
        while waiting and time.monotonic() < began_s + _LAG_LIMIT_S:
            for number in sorted(waiting):
                logs[number].poll()
                if logs[number].has_come:
                    lags_ms[number] = round((time.monotonic() - began_s) * 1000, 1)
                    waiting.remove(number)
            time.sleep(_LOOK_S)
        return lags_ms


def _add_status(figures: Figures, daemon: Daemon) -> None:
    status: dict[str, Any] = daemon.status()
    if status:
        figures.cpu_s = status["process"]["cpu_s"]
        figures.queue_bytes = sum(sink["queue_bytes"] for sink in status["sinks"].values())
        figures.ring_high_water_bytes = status["ring"]["high_water_bytes"]
        figures.table_bytes = status.get("baseline", {}).get("table_bytes")


def _add_process(figures: Figures, proc: Path) -> None:
    """Read what the kernel says of the process. It may have ended a moment ago."""
    try:
        text = (proc / "status").read_text()
        figures.descriptors = len(list((proc / "fd").iterdir()))
    except OSError:
        return
    values = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    figures.pid = int(values["Pid"])
    figures.resident_kib = int(values["VmRSS"].split()[0])
    figures.anonymous_kib = int(values["RssAnon"].split()[0])
    figures.threads = int(values["Threads"])
