# SPDX-License-Identifier: Apache-2.0
"""The command line of `./dev bench`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from tests.bench import workloads
from tests.bench.capture import Capture, all_tracers
from tests.bench.machine import provide_tracefs
from tests.bench.report import BASELINE, as_json
from tests.bench.sinks import measure
from tests.bench.tables import render

PARTS = ("storms", "bpf", "calls")


def main() -> int:
    """Parse the arguments and run what they name."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure execaudit.")
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    capture = kinds.add_parser(
        "capture",
        help="against the other exec tracers, side by side",
        description="Run the same storms of execs under each tracer in turn, round after round.",
    )
    capture.add_argument("--rounds", type=int, metavar="N", help="default 5; 2 with --quick")
    capture.add_argument("--quick", action="store_true", help="smaller storms, below two minutes")
    capture.add_argument(
        "--only", action="append", metavar="TEXT", help="only tracers with TEXT in their name"
    )
    capture.add_argument(
        "--part", action="append", choices=PARTS, help="only this part; may be repeated"
    )
    capture.add_argument(
        "--patience",
        type=float,
        default=60,
        metavar="SECONDS",
        help="wait so long in all for other programs to leave the machine alone (default 60)",
    )
    capture.add_argument("--json", type=Path, metavar="FILE", help="write figures and samples")
    of_sinks = kinds.add_parser(
        "sinks",
        help="what each sink costs per entry",
        description="Time encoding and writing to files, standard output and a journald.",
    )
    of_sinks.add_argument("--rounds", type=int, default=5, metavar="N", help="default 5")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("tracing needs root")
    # So that a run that is told to end stops its tracers and restores the audit rules.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.what == "sinks":
        print(measure(options.rounds))
        return 0
    return run_capture(options)


def run_capture(options: argparse.Namespace) -> int:
    """Run `capture`, print its table, write its JSON."""
    workloads.build()
    provide_tracefs()
    tracers = [
        tracer
        for tracer in all_tracers()
        if not options.only
        or tracer.name == BASELINE
        or any(text in tracer.name for text in options.only)
    ]
    rounds = options.rounds or (2 if options.quick else 5)
    capture = Capture(tracers, rounds=rounds, quick=options.quick, patience_s=options.patience)
    results = capture.run(set(options.part or PARTS))
    print(render(results))
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
