# SPDX-License-Identifier: Apache-2.0
"""The comparison: the same storms under each tracer in turn, round after round.

Owns the order of a run and what happens when a tracer fails in the middle of it. A tracer that
cannot run is named in the report with the reason; it never ends the run.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.bench import audit, measure, workloads
from tests.bench.daemons import Daemon, Trace, daemons, daemons_of
from tests.bench.machine import facts
from tests.bench.report import AbsorbedSample, CallSample, Results, SessionSample
from tests.bench.session import (
    measure_absorbed,
    measure_idle,
    measure_storm,
    running,
    storm_sample,
)
from tests.bench.tracers import ROOT, Tracer, Unusable, peers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.workloads import AnyWorkload

PARTS = ("storms", "absorb", "calls")
CALL_ROUNDS = 3  # for each other round: what a system call takes differs from process to process
FAILURES_TAKEN = 2  # of a tracer, each costing one round, before it is left out
IDLE_S = 10.0
QUICK_IDLE_S = 0.5
NO_FAILURES = "execaudit: file, no failures"
# Those whose cost for unrelated system calls is measured: none as the control, then by mechanism.
FILE_DAEMON = "execaudit: file"
CALL_TRACERS = ("none", "execsnoop (libbpf)", "auditd", FILE_DAEMON, NO_FAILURES)


def all_tracers(*, every: bool = False) -> list[Tracer]:
    """List what is compared, in the order of the tables."""
    return [*peers(), audit.Auditd(), audit.Auditd(laurel=True), Trace(), *daemons(every=every)]


def start_tracers() -> list[Tracer]:
    """List what `./dev bench start` compares: tracer and daemon with each engine."""
    traces = [Trace(f"execaudit trace, {one}", "--engine", one) for one in ("libbpf", "bcc")]
    return [*traces, *(Daemon(f"execaudit: file, {one}", engine=one) for one in ("libbpf", "bcc"))]


def daemon_tracers() -> list[Tracer]:
    """List what `./dev bench daemon` compares."""
    ours = [daemon for daemon in daemons() if "," not in daemon.name]
    return [Tracer(), audit.Auditd(), audit.Auditd(laurel=True), *ours]


def checkout_tracers(checkouts: Sequence[Path]) -> list[Tracer]:
    """List what `./dev bench checkouts` compares: the same daemons of this and of others."""
    return [Tracer(), *(daemon for each in (ROOT, *checkouts) for daemon in daemons_of(each))]


class Comparison:
    """One run of the benchmark."""

    def __init__(
        self,
        tracers: list[Tracer],
        storms: list[AnyWorkload],
        *,
        rounds: int,
        quick: bool,
        patience_s: float = 0.0,
    ) -> None:
        self._rounds = rounds
        self._quick = quick
        self._patience = measure.Patience(patience_s)
        self._failures: Counter[str] = Counter()
        self._storms = storms
        self.results = Results(facts(rounds))
        self._tracers: list[Tracer] = []
        for tracer in tracers:
            try:
                self.results.versions[tracer.name] = tracer.version()
                self._tracers.append(tracer)
            except Unusable as error:
                self.results.unusable[tracer.name] = str(error)

    def run(self, parts: set[str]) -> Results:
        """Measure the named parts: storms, absorb, calls."""
        with audit.state_kept():
            if "storms" in parts:
                for round_ in range(self._rounds):
                    self._each(f"round {round_ + 1}", self._tracers, self._storm_round(round_))
            if "absorb" in parts:
                buffered = [tracer for tracer in self._tracers if self._is_stopped_for(tracer)]
                self._each("burst while stopped", buffered, self._absorb)
            if "calls" in parts:
                for round_ in range(self._rounds * (1 if self._quick else CALL_ROUNDS)):
                    self._each(f"calls {round_ + 1}", self._call_tracers(), self._calls(round_))
        return self.results

    def _is_stopped_for(self, tracer: Tracer) -> bool:
        """Whether a tracer's buffers are measured; the daemon's are the same with any sink."""
        if self._quick and isinstance(tracer, Daemon):
            return tracer.name == FILE_DAEMON
        return tracer.has_bpf

    def _call_tracers(self) -> list[Tracer]:
        known = [tracer for tracer in self._tracers if tracer.name in CALL_TRACERS]
        if any(isinstance(tracer, Daemon) for tracer in known):
            known.append(Daemon(NO_FAILURES, failures="none"))
        return known

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
            idle = None
            with running(tracer) as session:
                if tracer.is_tracing:
                    idle = measure_idle(session, QUICK_IDLE_S if self._quick else IDLE_S)
                measured = [measure_storm(session, storm) for storm in self._storms]
            self.results.storms += [storm_sample(round_, session, of) for of in measured]
            if tracer.is_tracing:
                self.results.sessions.append(
                    SessionSample(
                        round=round_,
                        tracer=tracer.name,
                        ready_ms=session.ready_ms,
                        delivered_ms=session.delivered_ms,
                        resident_kib=session.resident_kib,
                        peak_kib=session.peak_kib,
                        said_lost=session.said_lost,
                        idle=idle,
                    )
                )

        return step

    def _absorb(self, tracer: Tracer) -> None:
        burst = workloads.absorbed_burst(quick=self._quick)
        with running(tracer) as session:
            mark = measure_absorbed(session, burst)
        delivered = min(len(reading.of(mark).indexes) for reading in session.readings)
        sample = AbsorbedSample(tracer.name, burst.count, delivered, session.said_lost)
        self.results.absorbed.append(sample)

    def _calls(self, round_: int) -> Callable[[Tracer], None]:
        def step(tracer: Tracer) -> None:
            before = workloads.system_call_ns(quick=self._quick)
            with running(tracer):
                with_ns = workloads.system_call_ns(quick=self._quick)
            after = workloads.system_call_ns(quick=self._quick)
            sample = CallSample(round_, tracer.name, with_ns, (before + after) / 2)
            self.results.calls.append(sample)

        return step
