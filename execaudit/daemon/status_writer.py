# SPDX-License-Identifier: Apache-2.0
"""The state of the daemon for others: the status file, the metrics file, the manager's STATUS=.

Owns their content and when they are written again. The metrics are made from the numbers of the
status; there is no network port.
"""

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

from execaudit.daemon.flow import Flow
from execaudit.daemon.log import log
from execaudit.daemon.priority import is_realtime
from execaudit.daemon.selfcheck.tracing_check import SelfCheck
from execaudit.daemon.systemd import notify
from execaudit.errors import ExecauditError, failed_call
from execaudit.replace_file import replace_file
from execaudit.sinks.notices import WARNING

Status = dict[str, Any]

_COUNTERS = {
    *("seen", "dropped", "limited", "collapsed", "lost", "undecodable"),
    *("written", "bytes", "deselected", "hits", "count", "repairs", "checks"),
}
"""Last words of the names of counters; all other numbers are gauges."""
_GAUGES = (
    *("queue_bytes", "size_bytes", "water_bytes", "resident_bytes", "file_bytes", "room_bytes"),
    "table_bytes",
)


class StatusWriter:
    """Writes the state of a flow. `reload` is the result of the last reload."""

    def __init__(self, flow: Flow, selfcheck: SelfCheck) -> None:
        self.reload: Status = {}
        self._flow = flow
        self._selfcheck = selfcheck
        self._started_s = self._written_s = self._rated_s = time.monotonic()
        self._written: object = None  # the counts when it was last written
        self._is_news = True  # they have changed since
        self._rated_seen = 0
        self._per_s = 0.0

    @property
    def due_s(self) -> float:
        """When it may be written again, in seconds of CLOCK_MONOTONIC."""
        return self._written_s + self._flow.setup.config.status.interval

    @property
    def has_news(self) -> bool:
        """True if its content has changed: never on an idle host."""
        self._is_news = self._is_news or self._written != self._counted()
        return self._is_news

    def _counted(self) -> object:
        counts = self._flow.accounting.counts
        states = [
            (sink.counters.written, sink.counters.lost, sink.queue_depth)
            for sink in self._flow.sinks
        ]
        return counts.seen, counts.lost, states

    def write(self) -> None:
        """Write the status file and the metrics file, and notify the manager."""
        config = self._flow.setup.config.status
        self._written_s = time.monotonic()
        counted = self._counted()
        # Once more after the last event: the rate falls then.
        self._is_news = counted != self._written
        self._written = counted
        try:
            current = self._status()
            if config.path:
                _write_file(config.path, json.dumps(current) + "\n", 0o640)
            if config.metrics:
                _write_file(config.metrics, metrics_text(current), 0o644)
        except ExecauditError as error:
            log(WARNING, str(error))
        except OSError as error:
            log(WARNING, f"{failed_call('measure this daemon', error)}, keeping the old status")
        notify(self.line())

    def line(self) -> str:
        """Return the assignment of STATUS= for the manager."""
        totals = self._flow.totals()
        text = f"{totals['seen']} seen, {totals['dropped']} dropped by rule, {totals['lost']} lost"
        if self._flow.setup.config_error:
            text += "; the configuration has mistakes, the last one without is in force"
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
            "events_per_second": self._rate(totals["seen"], now_s),
            "engine": capture.engine,
            "failure_hook": capture.failure_hook.name if capture.failure_hook else "",
            "failure_hook_error": capture.failure_hook_error,
            "ring": {
                "size_bytes": capture.settings.ring_bytes,
                "high_water_bytes": flow.high_water,
            },
            **self._selfcheck.status(),
            "config_hash": flow.setup.loaded.config_hash,
            "config_error": flow.setup.config_error,
            "events": totals,
            "sinks": _sink_states(flow),
            "rules": _rule_states(flow),
            **({"baseline": flow.setup.baseline.status()} if flow.setup.baseline else {}),
            "reload": self.reload,
            "process": _own_usage(),
        }

    def _rate(self, seen: int, now_s: float) -> float:
        """Return the events per second since the last look, a second ago or longer."""
        if now_s - self._rated_s >= 1:
            self._per_s = round((seen - self._rated_seen) / (now_s - self._rated_s), 1)
            self._rated_seen, self._rated_s = seen, now_s
        return self._per_s


def _sink_states(flow: Flow) -> Status:
    """Return counters and state of each sink by its name."""
    return {
        sink.name: {
            "written": sink.counters.written,
            "bytes": sink.counters.bytes,
            "lost": sink.counters.lost,
            "deselected": sink.counters.deselected,
            "queue_depth": sink.queue_depth,
            "queue_bytes": sink.queue_bytes,
            **sink.status(),
        }
        for sink in flow.sinks
    }


def _rule_states(flow: Flow) -> Status:
    """Return the hits of each rule since it was first read, and those in the kernel."""
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


def _own_usage() -> Status:
    """Return the age, CPU seconds and resident bytes of this process, and its priority."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return {
        "age_s": round(age_s, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "is_realtime": is_realtime(),
        "resident_bytes": pages * resource.getpagesize(),
    }


def _write_file(path: str, text: str, mode: int) -> None:
    try:
        replace_file(path, text.encode(), mode=mode, is_synced=False)
    except OSError as error:
        raise failed_call(f"write '{path}'", error) from error


def metrics_text(status: Status) -> str:
    """Return every number of the status in Prometheus text format, lines of a metric together."""
    metrics: dict[str, list[str]] = {}
    _add_metrics(metrics, "execaudit", status, "")
    lines: list[str] = []
    for name, samples in metrics.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {name} {kind}", *samples]
    return "".join(f"{line}\n" for line in lines)


def _add_metrics(metrics: dict[str, list[str]], name: str, value: Any, label: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("sinks", "rules") and isinstance(inner, dict):
                for of, counters in inner.items():
                    own = f'{{{key[:-1]}="{_escape(str(of))}"}}'
                    _add_metrics(metrics, f"{name}_{key[:-1]}", counters, own)
            else:
                _add_metrics(metrics, f"{name}_{key}", inner, label)
    elif isinstance(value, (bool, int, float)):
        unit = f"{name.removesuffix('_s')}_seconds" if name.endswith("_s") else name
        is_growing = name.endswith("_cpu_s") or name.rsplit("_", 1)[-1] in _COUNTERS
        full = f"{unit}_total" if is_growing and not name.endswith(_GAUGES) else unit
        metrics.setdefault(full, []).append(f"{full}{label} {value + 0}")


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
