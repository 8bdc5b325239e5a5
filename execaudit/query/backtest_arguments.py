# SPDX-License-Identifier: Apache-2.0
"""Arguments of `execaudit rules backtest`."""

import argparse

from execaudit.query.search_arguments import add_source_arguments, add_time_arguments, keep_order

_EXAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit rules backtest`."""
    parser.description = (
        "Say how often each rule would have matched what was logged in a period, and show examples."
        " Exit status: 0, or 1 if a file could not be read to its end."
    )
    add = parser.add_argument
    options = [
        add("--rules", action="append", default=[], metavar="FILE",
            help="the rules of this file instead of those in force"),
        add("-n", "--examples", type=int, default=_EXAMPLES, metavar="N", help="default: 3"),
        add("--json", action="store_true", help="print JSON"),
        *add_source_arguments(parser),
        *add_time_arguments(parser),
    ]  # fmt: skip
    for action in options:
        if action.dest in ("config", "root"):
            action.default = argparse.SUPPRESS  # as before the "backtest"
    keep_order(parser, options, has_matches=False)
