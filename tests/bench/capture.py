# SPDX-License-Identifier: Apache-2.0
"""`./dev bench capture`: the same storms under each tracer in turn, round after round.

Owns the order of a run and what happens when a tracer fails in the middle of it. A tracer that
cannot run is named in the report with the reason; it never ends the run.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import audit, measure, workloads
from tests.bench.delivery import Delivery, Tail, read_log
from tests.bench.machine import facts
from tests.bench.report import (
    BASELINE,
    BpfSample,
    CallSample,
    Results,
    SessionSample,
    StormSample,
)
from tests.bench.tracers import Log, Tracer, Unusable, ours, peers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.workloads import Workload

FIRST_EVENT_LIMIT_S = 30
PROBE_INTERVAL_S = 0.002
STORM_TRIES = 3
BPF_PASSES = 3
FAILURES_TAKEN = 2  # of a tracer, each costing one round, before it is left out
SHARED_MEMORY = "/dev/shm"
# Those whose cost for unrelated system calls is measured: none as the control, then by mechanism.
CALL_TRACERS = (BASELINE, "execsnoop (libbpf)", "auditd", "execaudit libbpf", "execaudit -x")
_serial = itertools.count()


def all_tracers() -> list[Tracer]:
    """List what is compared, in the order of the tables."""
    return [*peers(), audit.Auditd(), audit.Auditd(laurel=True), *ours()]


@dataclass(slots=True)
class Session:
    """A tracer that runs and has proven to deliver."""

    tracer: Tracer
    cgroup: measure.Cgroup
    meter: measure.CpuMeter
    storm_cgroup: measure.Cgroup
    ready_ms: float
    delivered_ms: float
    said_lost: int | None = None
    resident_kib: int = 0
    peak_kib: int = 0
    deliveries: list[dict[str, Delivery]] = field(default_factory=list)


@contextlib.contextmanager
def running(tracer: Tracer) -> Iterator[Session]:
    """Start a tracer, wait for its first event, stop it; its output is read then, and removed."""
    with contextlib.ExitStack() as stack:
        scratch = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="execaudit-", dir=SHARED_MEMORY))
        )
        cgroup, storm_cgroup = measure.Cgroup("tracer"), measure.Cgroup("storm")
        stack.callback(cgroup.remove)
        stack.callback(storm_cgroup.remove)
        started = time.monotonic()
        meter = measure.CpuMeter(cgroup, tracer.threads)
        session = Session(tracer, cgroup, meter, storm_cgroup, 0.0, 0.0)
        try:
            tracer.start(scratch, cgroup)
            if logs := tracer.logs():
                ready, delivered = first_event(tracer, logs[0])
                session.ready_ms = (ready - started) * 1000
                session.delivered_ms = (delivered - started) * 1000
                meter.settle()
            yield session
            tracer.ensure_running()
            session.resident_kib, session.peak_kib = measure.memory_kib(cgroup.pids())
        finally:
            session.said_lost = tracer.stop()
        session.deliveries = [read_log(log) for log in tracer.logs()]


def first_event(tracer: Tracer, log: Log) -> tuple[float, float]:
    """Execute marked programs until one shows up: give when that one ran and when it showed."""
    mark = f"first-{next(_serial)}"
    tail, times = Tail(log, mark), []
    deadline = time.monotonic() + FIRST_EVENT_LIMIT_S
    while time.monotonic() < deadline:
        tracer.ensure_running()
        times.append(time.monotonic())
        workloads.probe(mark, len(times) - 1)
        # The pace of the probes, so that they leave the CPU to the tracer that starts.
        time.sleep(PROBE_INTERVAL_S)
        index = tail.find_index()
        if index is not None:
            return times[index], time.monotonic()
    raise Unusable(f"delivered nothing within {FIRST_EVENT_LIMIT_S} s")


@dataclass(frozen=True, slots=True)
class Measured:
    """One storm, before the tracer's output has been read."""

    workload: Workload
    mark: str
    wall_ns: int
    storm_cpu_us: float
    tracer_cpu_us: float
    bpf_ns: int
    others_cpus: float


def measure_storm(session: Session, workload: Workload) -> Measured:
    """Run one storm; again, if other programs took much of the machine. Give the calmest."""
    tries: list[Measured] = []
    while len(tries) < STORM_TRIES:
        tries.append(_measure_storm(session, workload))
        if tries[-1].others_cpus < measure.DISTURBED_CPUS:
            break
    return min(tries, key=lambda measured: measured.others_cpus)


def _measure_storm(session: Session, workload: Workload) -> Measured:
    """Run one storm and let the tracer work off what it has to."""
    mark = f"storm-{next(_serial)}"
    pids = session.cgroup.pids()
    bpf_before = measure.bpf_run_time_ns(pids)
    before = session.meter.read_us()
    storm_before = session.storm_cgroup.cpu_us()
    machine_before, began = measure.machine_cpu_us(), time.monotonic()
    with session.storm_cgroup.joined():
        wall_ns = workload.run(mark)
    took_us = (time.monotonic() - began) * 1e6
    storm_cpu_us = session.storm_cgroup.cpu_us() - storm_before
    ours_us = storm_cpu_us + session.meter.read_us() - before
    others_us = measure.machine_cpu_us() - machine_before - ours_us
    tracer_cpu_us = session.meter.settle() - before if session.tracer.logs() else 0.0
    bpf_ns = measure.bpf_run_time_ns(pids) - bpf_before
    others = max(others_us / took_us, 0.0)
    return Measured(workload, mark, wall_ns, storm_cpu_us, tracer_cpu_us, bpf_ns, others)


def storm_sample(round_: int, session: Session, of: Measured) -> StormSample:
    """Put what was measured and what was delivered together."""
    found = [log.get(of.mark, Delivery()) for log in session.deliveries] or [Delivery()]
    count = of.workload.count
    return StormSample(
        round=round_,
        workload=of.workload.name,
        tracer=session.tracer.name,
        wall_us=of.wall_ns / 1000 / count,
        storm_cpu_us=of.storm_cpu_us / count,
        tracer_cpu_us=of.tracer_cpu_us / (count + found[0].foreign),
        expected=count,
        delivered=len(found[0].indexes),
        cut=found[0].cut,
        foreign=found[0].foreign,
        others_cpus=of.others_cpus,
        bytes_per_exec=sum(log.bytes_per_event for log in found),
    )


class Capture:
    """One run of the benchmark."""

    def __init__(
        self, tracers: list[Tracer], *, rounds: int, quick: bool, patience_s: float
    ) -> None:
        self._rounds = rounds
        self._quick = quick
        self._patience = measure.Patience(patience_s)
        self._failures: Counter[str] = Counter()
        self._storms = workloads.storms(quick=quick)
        self.results = Results(facts(rounds))
        self._tracers: list[Tracer] = []
        for tracer in tracers:
            try:
                self.results.versions[tracer.name] = tracer.version()
                self._tracers.append(tracer)
            except Unusable as error:
                self.results.unusable[tracer.name] = str(error)

    def run(self, parts: set[str]) -> Results:
        """Measure the named parts: storms, bpf, calls."""
        with audit.state_kept():
            if "storms" in parts:
                for round_ in range(self._rounds):
                    self._each(f"round {round_ + 1}", self._tracers, self._storm_round(round_))
            if "bpf" in parts:
                with measure.bpf_statistics():
                    traced = [tracer for tracer in self._tracers if tracer.has_bpf]
                    for pass_ in range(min(self._rounds, BPF_PASSES)):
                        self._each(f"BPF run time {pass_ + 1}", traced, self._bpf_pass)
            if "calls" in parts:
                named = [t for t in self._tracers if t.name in CALL_TRACERS]
                for round_ in range(self._rounds):
                    self._each(f"calls {round_ + 1}", named, self._call_round(round_))
        return self.results

    def _each(self, title: str, tracers: list[Tracer], step: Callable[[Tracer], None]) -> None:
        for tracer in list(tracers):
            print(f"bench: {title}: {tracer.name}", file=sys.stderr)
            self._patience.wait()
            try:
                step(tracer)
            except Unusable as error:
                self.results.unusable[tracer.name] = f"{title}: {error}"
                self._failures[tracer.name] += 1
                if self._failures[tracer.name] < FAILURES_TAKEN:
                    continue
                self._tracers = [other for other in self._tracers if other is not tracer]

    def _storm_round(self, round_: int) -> Callable[[Tracer], None]:
        def step(tracer: Tracer) -> None:
            with running(tracer) as session:
                measured = [measure_storm(session, storm) for storm in self._storms]
            self.results.storms += [storm_sample(round_, session, of) for of in measured]
            if tracer.name != BASELINE:
                self.results.sessions.append(
                    SessionSample(
                        round=round_,
                        tracer=tracer.name,
                        ready_ms=session.ready_ms,
                        delivered_ms=session.delivered_ms,
                        resident_kib=session.resident_kib,
                        peak_kib=session.peak_kib,
                        said_lost=session.said_lost,
                    )
                )

        return step

    def _bpf_pass(self, tracer: Tracer) -> None:
        with running(tracer) as session:
            measured = [measure_storm(session, storm) for storm in self._storms]
        for of in measured:
            sample = storm_sample(0, session, of)
            us = of.bpf_ns / 1000 / (sample.expected + sample.foreign)
            self.results.bpf.append(BpfSample(of.workload.name, tracer.name, us))

    def _call_round(self, round_: int) -> Callable[[Tracer], None]:
        def step(tracer: Tracer) -> None:
            before = workloads.system_call_ns(quick=self._quick)
            with running(tracer):
                with_ns = workloads.system_call_ns(quick=self._quick)
            after = workloads.system_call_ns(quick=self._quick)
            sample = CallSample(round_, tracer.name, with_ns, (before + after) / 2)
            self.results.calls.append(sample)

        return step
