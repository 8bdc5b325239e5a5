# SPDX-License-Identifier: Apache-2.0
"""Arguments of `execaudit report`."""

import argparse

from execaudit.query.search_arguments import (
    add_answer_arguments,
    add_match_arguments,
    add_source_arguments,
    add_time_arguments,
    keep_order,
)

_EPILOG = """\
Matches and short forms are as in execaudit search: only what they find is counted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit report`."""
    parser.description = "Show a period at a glance: who ran what, what failed, what is new."
    parser.epilog = _EPILOG
    options = [*add_source_arguments(parser), *add_match_arguments(parser)]
    options += add_time_arguments(parser)
    group = parser.add_argument_group("output")
    shape = group.add_mutually_exclusive_group()
    add = group.add_argument
    options += [
        shape.add_argument("--json", action="store_true", help="one JSON object"),
        shape.add_argument("--csv", action="store_true", help="comma separated values"),
        shape.add_argument("--html", metavar="FILE",
            help="one page with all that belongs to it; - for standard output"),
        add("-n", "--lines", type=_count, metavar="N",
            help="at most N lines of each kind, 0 for all (default: 10, of documents 100)"),
        add("--no-history", action="store_true",
            help="do not look at what was before the period, for what is new in it"),
        *add_answer_arguments(group),
    ]  # fmt: skip
    keep_order(parser, options)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 up")
    return int(text)
