# SPDX-License-Identifier: Apache-2.0
"""How the cost of an exec grows: with rules, sinks, length of arguments, and rate.

Owns the sizes. Rules and sinks are measured on replayed events, in this process; arguments and rate
on a running daemon with the file as its sink, since the kernel and the pauses between events count.
"""

from __future__ import annotations

import sys

from tests.bench import workloads
from tests.bench.daemons import Daemon
from tests.bench.machine import facts
from tests.bench.recorded import record_and_load
from tests.bench.report import Results, Spread
from tests.bench.session import measure_storm, running, storm_sample
from tests.bench.stages import Chain, measure
from tests.bench.workloads import Workload

RULES = (0, 1, 10, 100, 1000, 10_000)
SINKS = (("file",), ("file", "journal"), ("file", "journal", "stdout"))
ARGUMENT_BYTES = (10, 100, 1 << 10, 10 << 10, 100 << 10, 1 << 20)
ARGUMENT_TOTAL = 32 << 20  # of one storm
RATES = (1, 10, 100, 1000, 0)  # a second; 0: as many as can be
FORMS = {"file": "execaudit", "journal": "journal", "stdout": "execaudit"}
ROUNDS, QUICK_ROUNDS = 5, 2


def measure_growth(*, rounds: int | None, quick: bool) -> tuple[dict[str, Spread | None], Results]:
    """Give µs per event of replays by name, and the storms under the daemon."""
    turns = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    return _replays(turns, quick=quick), _storms(turns, quick=quick)


def _replays(rounds: int, *, quick: bool) -> dict[str, Spread | None]:
    print("bench: growth with rules and sinks", file=sys.stderr)
    chains = [Chain(f"rules: {n}", ("execaudit",), ("file",), rules=n) for n in RULES]
    chains += [
        Chain(f"sinks: {', '.join(names)}", tuple(FORMS[name] for name in names), names)
        for names in SINKS
    ]
    recorded = record_and_load(workloads.recorded_workloads(quick=quick)[0])
    try:
        samples = measure(recorded, rounds, chains)
    finally:
        recorded.close()
    return {name: Spread.of(values) for name, values in samples.items()}


def growing_workloads(*, quick: bool) -> list[Workload]:
    """List storms with ever longer arguments, then at ever higher rates."""
    seconds = 2 if quick else 10
    most = 1000 if quick else 10_000
    arguments = [
        Workload(
            f"arguments: {_size(size)} more",
            "vfork",
            max(min(most, ARGUMENT_TOTAL // size), 20),
            extra_bytes=size,
        )
        for size in ARGUMENT_BYTES
    ]
    rates = [
        Workload(f"rate: {rate} a second", "vfork", max(rate * seconds, 10), per_second=rate)
        if rate
        else Workload("rate: as many as can be", "vfork", most)
        for rate in RATES
    ]
    return arguments + (rates[1:] if quick else rates)


def _storms(rounds: int, *, quick: bool) -> Results:
    results = Results(facts(rounds))
    daemon = Daemon("execaudit: file")
    for round_ in range(rounds):
        print(f"bench: growth with arguments and rate, round {round_ + 1}", file=sys.stderr)
        with running(daemon) as session:
            measured = [measure_storm(session, each) for each in growing_workloads(quick=quick)]
        results.storms += [storm_sample(round_, session, of) for of in measured]
    return results


def _size(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"
