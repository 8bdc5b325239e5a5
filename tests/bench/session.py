# SPDX-License-Identifier: Apache-2.0
"""One run of a tracer, from its start to what it left in its output, and storms under it.

Owns when a tracer counts as running and the time of its first event. Compares nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import measure, workloads
from tests.bench.delivery import Reading, Tail, read_log
from tests.bench.report import Idle, StormSample
from tests.bench.tracers import Tracer, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.workloads import AnyWorkload

FIRST_EVENT_LIMIT_S = 30
PROBE_INTERVAL_S = 0.002
STORM_TRIES = 3
BEGIN, END = "-begin", "-end"
_serial = itertools.count()


def make_mark() -> str:
    """Make a mark that no other storm of this machine carries."""
    return f"{os.getpid()}-{next(_serial)}"


@dataclass(slots=True)
class Session:
    """A tracer that runs and has proven to deliver."""

    tracer: Tracer
    cgroup: measure.Cgroup
    meter: measure.CpuMeter
    storm_cgroup: measure.Cgroup
    ready_ms: float = 0.0
    delivered_ms: float = 0.0
    said_lost: int | None = None
    resident_kib: int = 0
    peak_kib: int = 0
    readings: list[Reading] = field(default_factory=list)


@contextlib.contextmanager
def running(tracer: Tracer) -> Iterator[Session]:
    """Start a tracer, wait for its first event, stop it; its output is read then, and removed."""
    with contextlib.ExitStack() as stack:
        scratch = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="execaudit-", dir=workloads.SHARED_MEMORY)
            )
        )
        cgroup, storm_cgroup = measure.Cgroup("tracer"), measure.Cgroup("storm")
        stack.callback(cgroup.remove)
        stack.callback(storm_cgroup.remove)
        stack.callback(tracer.clean)
        tracer.prepare(scratch)
        started = time.monotonic()
        meter = measure.CpuMeter(cgroup, tracer.helpers, tracer.threads)
        session = Session(tracer, cgroup, meter, storm_cgroup)
        try:
            tracer.start(scratch, cgroup)
            if tracer.is_tracing:
                ready, delivered = _first_event(tracer)
                session.ready_ms = (ready - started) * 1000
                session.delivered_ms = (delivered - started) * 1000
                meter.settle()
            yield session
            tracer.ensure_running()
            session.resident_kib, session.peak_kib = measure.memory_kib(cgroup.pids())
        finally:
            session.said_lost = tracer.stop()
        session.readings = [read_log(log) for log in tracer.logs()]
        if tracer.tells_losses and session.readings:
            session.said_lost = max(reading.said_lost for reading in session.readings)


def _first_event(tracer: Tracer) -> tuple[float, float]:
    """Execute marked programs until one shows up: give when that one ran and when it showed."""
    mark = make_mark()
    times: list[float] = []
    deadline = time.monotonic() + FIRST_EVENT_LIMIT_S
    with tracer.followed() as log:
        tail = Tail(log, mark)
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

    workload: AnyWorkload
    mark: str
    wall_ns: int
    storm_cpu_us: float
    tracer_cpu_us: float
    helper_cpu_us: float
    bpf_ns: int
    others_cpus: float
    bpf_mark: str = ""  # of the storm of its own that `bpf_ns` was taken in
    bpf_count: int = 0


def measure_storm(session: Session, workload: AnyWorkload) -> Measured:
    """Run one storm; again, if other programs took much of the machine. Give the calmest.

    A storm of its own, with the kernel's statistics on, then tells the run time of BPF programs.
    """
    tries: list[Measured] = []
    while len(tries) < STORM_TRIES:
        tries.append(_measure_storm(session, workload))
        if tries[-1].others_cpus < measure.DISTURBED_CPUS:
            break
    measured = min(tries, key=lambda each: each.others_cpus)
    if not session.tracer.has_bpf:
        return measured
    short = workload.shortened()
    with measure.bpf_statistics():
        bpf = _measure_storm(session, short)
    return replace(measured, bpf_ns=bpf.bpf_ns, bpf_mark=bpf.mark, bpf_count=short.count)


def _measure_storm(session: Session, workload: AnyWorkload) -> Measured:
    """Run one storm and let the tracer work off what it has to."""
    mark = make_mark()
    workloads.probe(mark + BEGIN, 0)
    pids = session.cgroup.pids()
    bpf_before = measure.bpf_run_time_ns(pids)
    before = session.meter.read_us()
    storm_before = session.storm_cgroup.cpu_us()
    machine_before, began = measure.machine_cpu_us(), time.monotonic()
    with session.storm_cgroup.joined():
        wall_ns = workload.run(mark)
    took_us = (time.monotonic() - began) * 1e6
    storm_cpu_us = session.storm_cgroup.cpu_us() - storm_before
    ours_us = storm_cpu_us + sum(session.meter.read_us()) - sum(before)
    others_us = measure.machine_cpu_us() - machine_before - ours_us
    after = session.meter.settle() if session.tracer.is_tracing else before
    workloads.probe(mark + END, 0)
    return Measured(
        workload,
        mark,
        wall_ns,
        storm_cpu_us,
        after[0] - before[0],
        after[1] - before[1],
        measure.bpf_run_time_ns(pids) - bpf_before,
        max(others_us / took_us, 0.0),
    )


def storm_sample(round_: int, session: Session, of: Measured) -> StormSample:
    """Put what was measured and what was delivered together."""
    count, numbered = of.workload.count, of.workload.is_numbered
    found = [reading.of(of.mark) for reading in session.readings]
    foreign = _foreign(session.readings[0], of.mark) if found else 0
    bpf_us = None
    if of.bpf_mark:
        bpf_foreign = _foreign(session.readings[0], of.bpf_mark)
        bpf_us = of.bpf_ns / 1000 / (of.bpf_count + bpf_foreign)
    return StormSample(
        round=round_,
        workload=of.workload.name,
        tracer=session.tracer.name,
        wall_us=of.wall_ns / 1000 / count,
        storm_cpu_us=of.storm_cpu_us / count,
        tracer_cpu_us=of.tracer_cpu_us / (count + foreign),
        helper_cpu_us=of.helper_cpu_us / (count + foreign),
        bpf_us=bpf_us,
        expected=count,
        delivered=min((each.delivered(is_numbered=numbered) for each in found), default=0),
        cut=max((each.cut for each in found), default=0),
        foreign=foreign,
        others_cpus=of.others_cpus,
        bytes_per_exec=sum(each.bytes_per_event for each in found)
        + session.tracer.stored_bytes_per_event(session.readings),
    )


def _foreign(reading: Reading, mark: str) -> int:
    """Count the execs of other programs while a storm was measured, its aftermath included."""
    begin, end, own = (reading.of(mark + suffix) for suffix in (BEGIN, END, ""))
    if not (begin.lines and end.lines):
        return own.foreign
    return max(end.first_event - begin.last_event - 1 - own.lines, 0)


def measure_idle(session: Session, seconds: float) -> Idle:
    """Leave the machine alone for a while and count how often the tracer is woken meanwhile."""
    pids = session.cgroup.pids()
    forks, before, began = measure.forks(), measure.wakeups(pids), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return Idle((measure.wakeups(pids) - before) / took, (measure.forks() - forks) / took)


def measure_absorbed(session: Session, workload: AnyWorkload) -> str:
    """Run a storm while the tracer is stopped; give its mark: what arrives later was buffered."""
    mark = make_mark()
    pids = session.cgroup.pids()
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        workload.run(mark)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    session.meter.settle()
    return mark
