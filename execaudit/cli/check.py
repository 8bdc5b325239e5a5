# SPDX-License-Identifier: Apache-2.0
"""`execaudit check`: say all that is wrong with the configuration, or show what it amounts to.

Owns the verb: its options, its output, its exit status. What is right and wrong is decided where
the daemon decides it too.
"""

import argparse
import sys

from execaudit.config.configuration import Loaded, Problem, load
from execaudit.config.effective import render
from execaudit.config.files import choose_paths
from execaudit.errors import EXIT_OK, NotConfigured
from execaudit.rules.host_rules import find_problems


def run(args: argparse.Namespace) -> int:
    """Check, print; returns the exit status: 0, or 6 where there are problems."""
    loaded = load(choose_paths(args.config, args.root))
    problems = find_problems(loaded)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(f"execaudit: {_count(problems)}", file=sys.stderr)
        return NotConfigured.exit_status
    if args.print:
        sys.stdout.write(render(loaded))
    else:
        print(_summarize(loaded))
    return EXIT_OK


def _count(problems: tuple[Problem, ...]) -> str:
    files = len({problem.file for problem in problems})
    return f"{_plural(len(problems), 'problem')} in {_plural(files, 'file')}"


def _summarize(loaded: Loaded) -> str:
    if not loaded.files:
        return "The configuration is fine: there is none, the defaults are used."
    read = f"{_plural(len(loaded.files), 'file')}, {_plural(len(loaded.rules), 'rule')}"
    return f"The configuration is fine: {read}, SHA-256 {loaded.config_hash}."


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
