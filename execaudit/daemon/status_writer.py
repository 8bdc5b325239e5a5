# SPDX-License-Identifier: Apache-2.0
"""What the daemon says of itself: the status file, the metrics file, the manager's STATUS=.

Owns when they have to be written again, and what is in them. Their form is that of `status`.
"""

import os
import time

from execaudit.daemon.flow import Flow
from execaudit.daemon.log import log
from execaudit.daemon.notify import notify
from execaudit.daemon.selfcheck.tracing_check import SelfCheck
from execaudit.daemon.status import (
    Status,
    metrics_text,
    own_usage,
    replace_file,
    write_status,
)
from execaudit.errors import ExecauditError
from execaudit.sinks.notices import WARNING


class StatusWriter:
    """Writes the state of a flow.

    Attributes:
        reload: what the last reload came to.

    """

    def __init__(self, flow: Flow, selfcheck: SelfCheck) -> None:
        self.reload: Status = {}
        self._flow = flow
        self._selfcheck = selfcheck
        self._started_s = time.monotonic()
        self._written_s = self._started_s
        self._written: object = None  # what had been counted when it was last written
        self._is_news = True  # that had changed
        self._rate = _Rate(self._started_s)

    @property
    def due_s(self) -> float:
        """When it may be written again, by the monotonic clock."""
        return self._written_s + self._flow.setup.config.status.interval

    @property
    def has_news(self) -> bool:
        """True where it would say something else now: never on an idle host."""
        return self._is_news or self._written != self._counted()

    def _counted(self) -> object:
        counts = self._flow.accounting.counts
        sinks = [sink.counters for sink in self._flow.sinks]
        states = [(each.written, each.lost, each.queue_depth) for each in sinks]
        return counts.seen, counts.lost, states

    def write(self) -> None:
        """Write all of it."""
        config = self._flow.setup.config.status
        current = self._status()
        self._written_s = time.monotonic()
        counted = self._counted()
        # Once more afterwards: the rate changes without an event.
        self._is_news = counted != self._written
        self._written = counted
        try:
            if config.path:
                write_status(config.path, current)
            if config.metrics:
                replace_file(config.metrics, metrics_text(current).encode(), 0o644)
        except ExecauditError as error:
            log(WARNING, str(error))
        notify(self.line())

    def line(self) -> str:
        """Return the assignment of STATUS= for the manager."""
        totals = self._flow.totals()
        text = f"{totals['seen']} seen, {totals['dropped']} dropped by rule, {totals['lost']} lost"
        result = self.reload.get("result", "ok")
        if result != "ok":
            text += f"; last reload failed: {result.splitlines()[0]}"
        return f"STATUS={text}"

    def _status(self) -> Status:
        flow = self._flow
        capture = flow.capture
        now_s = time.monotonic()
        totals = flow.totals()
        return {
            "pid": os.getpid(),
            "uptime_s": round(now_s - self._started_s, 1),
            "events_per_second": self._rate.update(totals["seen"], now_s),
            "engine": capture.engine,
            "failure_hook": capture.failure_hook.name if capture.failure_hook else "",
            "failure_hook_error": capture.failure_hook_error,
            "ring": {
                "size_bytes": capture.settings.ring_bytes,
                "high_water_bytes": flow.high_water,
            },
            **self._selfcheck.status(),
            "config_hash": flow.setup.loaded.config_hash,
            "events": totals,
            "sinks": _sink_states(flow),
            "rules": _rule_states(flow),
            "reload": self.reload,
            "process": own_usage(),
        }


def _sink_states(flow: Flow) -> Status:
    """Return counters and state of each sink by its name."""
    states: Status = {}
    for sink in flow.sinks:
        counters = sink.counters
        states[sink.name] = {
            "written": counters.written,
            "bytes": counters.bytes,
            "lost": counters.lost,
            "deselected": counters.deselected,
            "queue_depth": counters.queue_depth,
            "queue_bytes": counters.queue_bytes,
            **sink.status(),
        }
    return states


def _rule_states(flow: Flow) -> Status:
    """Return hits of each rule since it was first read, in the kernel and here."""
    rules = flow.setup.rules
    if rules is None:
        return {}
    in_kernel = flow.capture.rule_hits()
    states: Status = {}
    for index, rule in enumerate(rules.rules):
        file, line, _ = rule.place
        kernel = rules.kernel_hits[index] + in_kernel.get(index, 0)
        states[rule.name or f"{file}:{line}"] = {
            "hits": rules.hits[index] + kernel,
            "kernel_hits": kernel,
        }
    return states


class _Rate:
    """Events per second between two looks, a second apart at least."""

    def __init__(self, now_s: float) -> None:
        self._seen = 0
        self._at_s = now_s
        self._per_s = 0.0

    def update(self, seen: int, now_s: float) -> float:
        """Return the rate, given how many were seen until now; the last one within a second."""
        if now_s - self._at_s >= 1:
            self._per_s = round((seen - self._seen) / (now_s - self._at_s), 1)
            self._seen, self._at_s = seen, now_s
        return self._per_s
