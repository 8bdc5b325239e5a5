# SPDX-License-Identifier: Apache-2.0
"""From samples to figures: medians, spreads, ratios within a round, and their JSON.

Owns the arithmetic. Measures nothing, reads no files, and leaves the layout to `tables`.
"""

from __future__ import annotations

import dataclasses
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BASELINE = "none"


@dataclass(frozen=True, slots=True)
class StormSample:
    """One storm under one tracer. CPU times are per exec in the tracer's view, foreign ones too."""

    round: int
    workload: str
    tracer: str
    wall_us: float
    storm_cpu_us: float
    tracer_cpu_us: float
    helper_cpu_us: float  # journald's or kauditd's
    bpf_us: float | None  # from a storm with the kernel's statistics on; None: not known
    expected: int
    delivered: int
    cut: int  # delivered without all arguments
    foreign: int
    others_cpus: float  # processors that other programs kept busy meanwhile
    bytes_per_exec: float


@dataclass(frozen=True, slots=True)
class Idle:
    """Per second while nothing is asked of a tracer; `forks` by whoever else."""

    wakeups: float
    forks: float


@dataclass(frozen=True, slots=True)
class SessionSample:
    """One run of a tracer from its start to its end. Times are from the start of the process."""

    round: int
    tracer: str
    ready_ms: float  # when the first exec that was seen took place
    delivered_ms: float  # when it stood in the output
    resident_kib: int
    peak_kib: int
    said_lost: int | None
    idle: Idle | None


@dataclass(frozen=True, slots=True)
class AbsorbedSample:
    """A burst while a tracer was stopped: what its buffers held, and what it said was lost."""

    tracer: str
    expected: int
    delivered: int
    said_lost: int | None


@dataclass(frozen=True, slots=True)
class CallSample:
    """One system call of another kind, with the tracer and without, one right after the other."""

    round: int
    tracer: str
    with_ns: float
    without_ns: float


@dataclass(slots=True)
class Results:
    """All that one run gave."""

    facts: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    storms: list[StormSample] = field(default_factory=list)
    sessions: list[SessionSample] = field(default_factory=list)
    absorbed: list[AbsorbedSample] = field(default_factory=list)
    calls: list[CallSample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of some samples."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> Spread | None:
        """Summarise the samples, if there are any."""
        values = sorted(samples)
        return cls(statistics.median(values), values[0], values[-1]) if values else None


def slowdowns(storms: Iterable[StormSample], workload: str, tracer: str) -> list[float]:
    """Give the ratios of a tracer's storms to the untraced storm of the same round."""
    return _paired(storms, workload, tracer, lambda with_, without: with_.wall_us / without.wall_us)


def added_cpu_us(storms: Iterable[StormSample], workload: str, tracer: str) -> list[float]:
    """Give how much more CPU the storm itself took than the untraced one of the same round."""
    return _paired(
        storms, workload, tracer, lambda with_, without: with_.storm_cpu_us - without.storm_cpu_us
    )


def _paired(
    storms: Iterable[StormSample],
    workload: str,
    tracer: str,
    compare: Callable[[StormSample, StormSample], float],
) -> list[float]:
    by_round: dict[int, dict[str, StormSample]] = {}
    for storm in storms:
        if storm.workload == workload:
            by_round.setdefault(storm.round, {})[storm.tracer] = storm
    return [
        compare(of_round[tracer], of_round[BASELINE])
        for of_round in by_round.values()
        if tracer in of_round and BASELINE in of_round
    ]


def storm_figures(results: Results, workload: str, tracer: str) -> dict[str, Any]:
    """Summarise one tracer under one storm. None stands for what was not measured."""
    mine = [s for s in results.storms if (s.workload, s.tracer) == (workload, tracer)]
    bpf = Spread.of(s.bpf_us for s in mine if s.bpf_us is not None)
    user = Spread.of(s.tracer_cpu_us for s in mine)
    helper = Spread.of(s.helper_cpu_us for s in mine)
    parts = [user, helper, bpf]
    return {
        "slowdown": Spread.of(slowdowns(results.storms, workload, tracer)),
        "wall_us": Spread.of(s.wall_us for s in mine),
        "added_cpu_us": Spread.of(added_cpu_us(results.storms, workload, tracer)),
        "tracer_cpu_us": user,
        "helper_cpu_us": helper,
        "bpf_us": bpf,
        "total_us": sum(part.median for part in parts if part),
        "expected": sum(s.expected for s in mine),
        "lost": sum(max(s.expected - s.delivered, 0) for s in mine),
        "cut": sum(s.cut for s in mine),
        "foreign": sum(s.foreign for s in mine),
        "others_cpus": Spread.of(s.others_cpus for s in mine),
        "bytes_per_exec": Spread.of(s.bytes_per_exec for s in mine),
    }


def session_figures(results: Results, tracer: str) -> dict[str, Any]:
    """Summarise one tracer's starts, memory and idleness."""
    mine = [s for s in results.sessions if s.tracer == tracer]
    said = [s.said_lost for s in mine if s.said_lost is not None]
    absorbed = [s for s in results.absorbed if s.tracer == tracer]
    return {
        "ready_ms": Spread.of(s.ready_ms for s in mine),
        "delivered_ms": Spread.of(s.delivered_ms for s in mine),
        "resident_mib": Spread.of(s.resident_kib / 1024 for s in mine),
        "peak_mib": Spread.of(s.peak_kib / 1024 for s in mine),
        "said_lost": sum(said) if said else None,
        "idle_wakeups": Spread.of(s.idle.wakeups for s in mine if s.idle),
        "idle_forks": Spread.of(s.idle.forks for s in mine if s.idle),
        "absorbed": Spread.of(s.delivered for s in absorbed),
        "absorbed_of": Spread.of(s.expected for s in absorbed),
        "absorbed_lost": Spread.of(s.expected - s.delivered for s in absorbed),
        "absorbed_said": Spread.of(s.said_lost for s in absorbed if s.said_lost is not None),
    }


def call_figures(results: Results, tracer: str) -> dict[str, Any]:
    """Summarise what a tracer adds to a system call that it does not trace."""
    mine = [s for s in results.calls if s.tracer == tracer]
    return {
        "added_ns": Spread.of(s.with_ns - s.without_ns for s in mine),
        "without_ns": Spread.of(s.without_ns for s in mine),
    }


def unique(names: Iterable[str]) -> list[str]:
    """Give the names in the order of their first appearance."""
    return list(dict.fromkeys(names))


def as_json(results: Results) -> dict[str, Any]:
    """Give figures and samples in plain types."""
    tracers = unique(s.tracer for s in results.storms)
    workloads = unique(s.workload for s in results.storms)
    figures = {
        "storms": {w: {t: storm_figures(results, w, t) for t in tracers} for w in workloads},
        "tracers": {t: session_figures(results, t) for t in tracers if t != BASELINE},
        "system_calls": {
            t: call_figures(results, t) for t in unique(s.tracer for s in results.calls)
        },
    }
    plain = dataclasses.asdict(results)
    return {
        "facts": plain.pop("facts"),
        "versions": plain.pop("versions"),
        "unusable": plain.pop("unusable"),
        "figures": _plain(figures),
        "samples": plain,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Spread):
        return dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
