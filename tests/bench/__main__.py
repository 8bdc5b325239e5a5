# SPDX-License-Identifier: Apache-2.0
"""The command line of `./dev bench`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import audit, workloads
from tests.bench.comparison import PARTS, Comparison, all_tracers, daemon_tracers
from tests.bench.instructions import record_baseline
from tests.bench.machine import provide_tracefs
from tests.bench.report import BASELINE, as_json
from tests.bench.stages import measure_stages
from tests.bench.tables import render, render_stages

if TYPE_CHECKING:
    from tests.bench.tracers import Tracer

DAEMON_STORMS = ("vfork storm", "shell loop")


def main() -> int:
    """Parse the arguments and run what they name."""
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measure execaudit.",
        epilog="peers: beside the other exec tracers, under the same storms of execs. daemon: the"
        " daemon by stage, sink and in all, beside auditd. stages: each step inside the daemon,"
        " over replayed execs. baseline: count instructions per event with valgrind, and keep the"
        " counts for tests/unit/test_instructions.py.",
    )
    add = parser.add_argument
    add("what", nargs="?", choices=tuple(RUNS), default="peers", help="default: peers")
    add("--rounds", type=int, metavar="N", help="default 5; 2 with --quick")
    add("--quick", action="store_true", help="less of everything, below two minutes")
    add("--only", action="append", metavar="TEXT", help="only tracers with TEXT in their name")
    add("--storm", action="append", metavar="TEXT", help="only storms with TEXT in their name")
    add("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    add("--all", action="store_true", help="every combination of sinks, engine and rules")
    add(
        "--patience",
        type=float,
        default=60,
        metavar="SECONDS",
        help="wait so long in all for other programs to leave the machine alone (default 60)",
    )
    add("--json", type=Path, metavar="FILE", help="write figures and samples")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("tracing needs root")
    # So that a run that is told to end stops its tracers and restores the audit rules.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    workloads.build()
    provide_tracefs()
    RUNS[options.what](options)
    return 0


def run_stages(options: argparse.Namespace) -> None:
    """Measure the steps inside the daemon."""
    with audit.state_kept():
        results = measure_stages(rounds=options.rounds, quick=options.quick)
    print(render_stages(results))


def run_daemon(options: argparse.Namespace) -> None:
    """Measure the daemon in all, beside auditd, and by stage."""
    run_comparison(options)
    print()
    run_stages(options)


def run_baseline(_: argparse.Namespace) -> None:
    """Record the instructions that an event takes."""
    print(record_baseline(), end="")


def run_comparison(options: argparse.Namespace) -> None:
    """Run the comparison of `peers` or `daemon`, print its table, write its JSON."""
    is_daemon = options.what == "daemon"
    tracers = daemon_tracers() if is_daemon else all_tracers(every=options.all)
    storms = [
        storm
        for storm in workloads.all_workloads(quick=options.quick)
        if not is_daemon or storm.name in DAEMON_STORMS
    ]
    comparison = Comparison(
        [tracer for tracer in tracers if _is_named(tracer, options.only)],
        [s for s in storms if not options.storm or any(t in s.name for t in options.storm)],
        rounds=options.rounds or (2 if options.quick else 5),
        quick=options.quick,
        patience_s=options.patience,
    )
    results = comparison.run(set(options.part or (PARTS[:1] if is_daemon else PARTS)))
    print(render(results))
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=1) + "\n")


RUNS = {
    "peers": run_comparison,
    "daemon": run_daemon,
    "stages": run_stages,
    "baseline": run_baseline,
}


def _is_named(tracer: Tracer, texts: list[str] | None) -> bool:
    return tracer.name == BASELINE or not texts or any(text in tracer.name for text in texts)


if __name__ == "__main__":
    sys.exit(main())
