# SPDX-License-Identifier: Apache-2.0
"""The command line: what a verb takes, and the verbs about configuration and rules."""

from execaudit.cli.command_line import build_parser, main

__all__ = ["build_parser", "main"]
