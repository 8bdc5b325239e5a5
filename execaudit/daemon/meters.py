# SPDX-License-Identifier: Apache-2.0
"""What the daemon has counted, gathered for the stop record and the status.

Owns the sums: which counter of which part stands under which name. It writes nothing.
"""

from execaudit.daemon.build import Parts
from execaudit.daemon.stage import StageCounts
from execaudit.daemon.status import Status
from execaudit.kernel.capture import Capture
from execaudit.records.fields import FieldDict
from execaudit.records.streams import Counts


def totals(counts: Counts, stage: StageCounts, dropped: int) -> FieldDict:
    """Counts since the start, through all reloads.

    `dropped` is what the kernel dropped.
    Exec and exit records are `seen` less all others; `undecodable` ones are among the `lost`.
    """
    return {
        "seen": counts.seen + dropped,
        "dropped": stage.dropped + dropped,
        "limited": stage.limited,
        "collapsed": stage.collapsed,
        "lost": counts.lost,
        "undecodable": counts.undecodable,
    }


class Rate:
    """Events per second between two looks, a second apart at least."""

    def __init__(self, now_s: float) -> None:
        self._seen = 0
        self._at_s = now_s
        self._per_s = 0.0

    def update(self, seen: int, now_s: float) -> float:
        """The rate, given how many were seen until now; the last one if that was just now."""
        if now_s - self._at_s >= 1:
            self._per_s = round((seen - self._seen) / (now_s - self._at_s), 1)
            self._seen, self._at_s = seen, now_s
        return self._per_s


def capture_state(capture: Capture, high_water: int) -> Status:
    """The kernel side: how it was loaded, and its ring."""
    return {
        "engine": capture.engine,
        "failure_hook": capture.failure_hook.name if capture.failure_hook else "",
        "failure_hook_error": capture.failure_hook_error,
        "ring": {"size_bytes": capture.settings.ring_bytes, "high_water_bytes": high_water},
    }


def sink_states(parts: Parts) -> Status:
    """Counters and state of each sink by its name."""
    states: Status = {}
    for outlet, sink in zip(parts.stage.outlets, parts.sinks, strict=True):
        counters = sink.counters
        states[sink.name] = {
            "written": counters.written,
            "bytes": counters.bytes,
            "lost": counters.lost,
            "deselected": outlet.deselected,
            "queue_depth": counters.queue_depth,
            "queue_bytes": counters.queue_bytes,
            **sink.status(),
        }
    return states


def rule_states(parts: Parts, capture: Capture) -> Status:
    """Hits of each rule since it was first read, in the kernel and here, through all reloads."""
    if parts.rules is None:
        return {}
    in_kernel = capture.rule_hits()
    states: Status = {}
    for index, rule in enumerate(parts.rules.rules):
        file, line, _ = rule.place
        name = rule.name or f"{file}:{line}"
        kernel = parts.rules.kernel_hits[index] + in_kernel.get(index, 0)
        states[name] = {"hits": parts.rules.hits[index] + kernel, "kernel_hits": kernel}
    return states
