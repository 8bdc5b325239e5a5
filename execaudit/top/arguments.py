# SPDX-License-Identifier: Apache-2.0
"""Arguments of `execaudit top`."""

import argparse

from execaudit.query.search_arguments import (
    add_match_arguments,
    add_source_arguments,
    count,
    keep_order,
)
from execaudit.top.window import VIEWS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit top`."""
    parser.description = "Show the last minute alive: what is executed, by whom, how often."
    parser.epilog = "Keys: q quits, 1 to 6 choose what is counted, h explains the others."
    options = [*add_source_arguments(parser), *add_match_arguments(parser)]
    add = parser.add_argument_group("output").add_argument
    options += [
        add("-d", "--delay", type=_seconds, default=1.0, metavar="SECONDS",
            help="between two looks (default: 1)"),
        add("-b", "--batch", action="store_true",
            help="print each look instead of taking the terminal"),
        add("-n", "--iterations", type=count, metavar="N", help="end after N looks"),
        add("--by", choices=VIEWS, default=VIEWS[0], help="what is counted first"),
    ]  # fmt: skip
    keep_order(parser, options)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0.1 to 3600")
    return seconds
