# SPDX-License-Identifier: Apache-2.0
"""Arguments of `execaudit tree`."""

import argparse

from execaudit.query.search_arguments import (
    add_answer_arguments,
    add_match_arguments,
    add_source_arguments,
    add_time_arguments,
    keep_order,
)

_EPILOG = """\
Of a process named by PID or ID (as in the member "id" of a record), or of each record that a MATCH
finds (as in execaudit search), all that is below is shown; with --up what is above. Without any of
them, all processes of the period are.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit tree`."""
    parser.description = "Show what processes started, as trees, or what led to them."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    options = [*add_source_arguments(parser), *add_match_arguments(parser)]
    for action in parser._actions:  # noqa: SLF001 - the words mean more here
        if action.dest == "matches":
            action.metavar, action.help = "PID|ID|MATCH", "process, or FIELD=VALUE; see below"
    options += add_time_arguments(parser)
    group = parser.add_argument_group("output")
    shape = group.add_mutually_exclusive_group()
    options += [
        group.add_argument("--up", action="store_true", help="what led to them"),
        shape.add_argument("--json", action="store_true",
            help="nested JSON with whole records, a line for each tree"),
        shape.add_argument("--dot", action="store_true", help="a graph for dot(1)"),
        *add_answer_arguments(group),
    ]  # fmt: skip
    keep_order(parser, options)
