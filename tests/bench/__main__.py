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

from tests.bench import audit, documents, workloads
from tests.bench.chart import draw
from tests.bench.comparison import (
    PARTS,
    Comparison,
    all_tracers,
    checkout_tracers,
    daemon_tracers,
    start_tracers,
)
from tests.bench.growth import measure_growth
from tests.bench.instructions import record_baseline
from tests.bench.machine import provide_tracefs
from tests.bench.report import BASELINE, as_json
from tests.bench.rules import measure_rules
from tests.bench.search import measure_search
from tests.bench.stages import measure_stages
from tests.bench.tables import render, render_growth, render_stages

if TYPE_CHECKING:
    from tests.bench.report import Results
    from tests.bench.tracers import Tracer
    from tests.bench.workloads import AnyWorkload

DAEMON_STORMS = ("vfork storm", "shell loop")


def main() -> int:
    """Parse the arguments and run what they name."""
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measure execaudit.",
        epilog="peers: beside the other exec tracers, under the same storms of execs. start: the"
        " time to the first event, the memory and the wake-ups of an idle tracer and daemon, with"
        " each engine. daemon: the daemon by stage, sink and in all, beside auditd. stages: each"
        " step inside the daemon, over replayed execs. rules: what they add to an exec, by number"
        " and kind. growth: with rules, sinks, arguments, rate."
        " checkouts: the daemon of this checkout beside that of another one (--beside)."
        " search: searches, reports and trees of a gigabyte of records, beside grep, jq and others."
        " all: peers, stages and growth. baseline: count instructions per event with valgrind, and"
        " keep the counts for tests/unit/test_instructions.py.",
    )
    add = parser.add_argument
    add("what", nargs="?", choices=tuple(RUNS), default="peers", help="default: peers")
    add("--beside", action="append", type=Path, metavar="DIR", help="with checkouts: another one")
    add("--rounds", type=int, metavar="N", help="default 5; 1 with --quick")
    add("--quick", action="store_true", help="less of everything, below two minutes")
    add("--only", action="append", metavar="TEXT", help="only tracers with TEXT in their name")
    add("--storm", action="append", metavar="TEXT", help="only storms with TEXT in their name")
    add("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    add("--all", action="store_true", help="every combination of sinks, engine and rules")
    add(
        "--patience",
        type=float,
        metavar="SECONDS",
        help="wait so long in all for other programs to leave the machine alone (default 60, with"
        " --quick 0)",
    )
    add("--chart", type=Path, metavar="FILE", help="write the comparison as SVG")
    add("--update-docs", action="store_true", help="put tables and chart into docs/")
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
    _tell(options, "stages", render_stages(results))


def run_rules(options: argparse.Namespace) -> None:
    """Measure what rules cost per exec."""
    rounds = options.rounds or (2 if options.quick else 7)
    _tell(options, "", measure_rules(rounds=rounds, quick=options.quick))


def run_start(options: argparse.Namespace) -> None:
    """Measure start, memory and idleness with each engine."""
    _tell(options, "", render(_compare(options, start_tracers(), [], set(PARTS[:1]))))


def run_growth(options: argparse.Namespace) -> None:
    """Measure how the cost grows."""
    with audit.state_kept():
        replays, storms = measure_growth(rounds=options.rounds, quick=options.quick)
    _tell(options, "growth", render_growth(replays, storms))


def run_daemon(options: argparse.Namespace) -> None:
    """Measure the daemon in all, beside auditd, and by stage."""
    storms = [s for s in _storms(options) if s.name in DAEMON_STORMS]
    _tell(options, "", render(_compare(options, daemon_tracers(), storms, set(PARTS[:1]))))
    run_stages(options)


def run_checkouts(options: argparse.Namespace) -> None:
    """Measure the daemon of this checkout beside those of others, in one run."""
    tracers = checkout_tracers(options.beside or [])
    _tell(options, "", render(_compare(options, tracers, _storms(options), {PARTS[0]})))


def run_peers(options: argparse.Namespace) -> None:
    """Compare with the peers, print the tables, write JSON and chart."""
    tracers = all_tracers(every=options.all)
    results = _compare(options, tracers, _storms(options), set(options.part or PARTS))
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    if options.chart or options.update_docs:
        (options.chart or documents.CHART).write_text(draw(results))
    _tell(options, "peers", render(results))


def run_search(options: argparse.Namespace) -> None:
    """Measure searches of a gigabyte of records, beside what else searches such files."""
    rounds = options.rounds or (1 if options.quick else 5)
    _tell(options, "", measure_search(rounds=rounds, quick=options.quick))


def run_all(options: argparse.Namespace) -> None:
    """Run what the documentation shows."""
    run_peers(options)
    run_stages(options)
    run_growth(options)


def run_baseline(_: argparse.Namespace) -> None:
    """Record the instructions that an event takes."""
    print(record_baseline(), end="")


RUNS = {
    "peers": run_peers,
    "start": run_start,
    "checkouts": run_checkouts,
    "daemon": run_daemon,
    "stages": run_stages,
    "rules": run_rules,
    "growth": run_growth,
    "all": run_all,
    "search": run_search,
    "baseline": run_baseline,
}


def _compare(
    options: argparse.Namespace, tracers: list[Tracer], storms: list[AnyWorkload], parts: set[str]
) -> Results:
    comparison = Comparison(
        [
            tracer
            for tracer in tracers
            if tracer.name == BASELINE or _has(tracer.name, options.only)
        ],
        storms,
        rounds=options.rounds or (1 if options.quick else 5),
        quick=options.quick,
        patience_s=_patience_s(options),
    )
    return comparison.run(parts)


def _patience_s(options: argparse.Namespace) -> float:
    if options.patience is None:
        return 0.0 if options.quick else 60.0
    return float(options.patience)


def _storms(options: argparse.Namespace) -> list[AnyWorkload]:
    storms = workloads.all_workloads(quick=options.quick)
    return [storm for storm in storms if _has(storm.name, options.storm)]


def _has(name: str, texts: list[str] | None) -> bool:
    return not texts or any(text in name for text in texts)


def _tell(options: argparse.Namespace, section: str, text: str) -> None:
    print(text, end="\n\n")
    if options.update_docs and section:
        documents.update(section, text)


if __name__ == "__main__":
    sys.exit(main())
