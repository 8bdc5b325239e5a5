# SPDX-License-Identifier: Apache-2.0
"""Arguments of `execaudit search`, and of other verbs that choose records as it does.

Owns the options and their help. Matches and options may be in any order; the order among matches,
`not` and `--any` is kept.
"""

import argparse
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from execaudit.store.choice import SourceChoice

ANY = "--any"
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

# As journalctl(1) has them: of a boot the number, counted from this one, or the id.
_is_boot = re.compile(r"[+-]?\d{1,9}|[0-9a-f]{32}").fullmatch

_EPILOG = """\
A MATCH is FIELD=VALUE or FIELD~REGEX, with the fields of execaudit.record(5) and the values of
execaudit.rules(5): numbers may be ranges (uid=1000-), texts may have wildcards (exe=/usr/**).
Values of one field are alternatives, different fields must all match. "not" before a MATCH, or
FIELD!=VALUE, turns it round. Exit status: 0 found, 1 none, 2 trouble.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit search`."""
    parser.description = "Search the log, with all its rotated files, or the journal."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    options = [*add_source_arguments(parser), *add_match_arguments(parser)]
    options += add_time_arguments(parser)
    options += _add_output_arguments(parser)
    keep_order(parser, options)


def add_match_arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Add matches and their short forms."""
    group = parser.add_argument_group("what to search for")
    add = group.add_argument
    return [
        add("matches", nargs="*", metavar="MATCH", help="FIELD=VALUE or FIELD~REGEX; see below"),
        add(ANY, dest="match", action="append_const", const=ANY,
            help="between matches: those before, or those behind"),
        add("--match", action="append", metavar="MATCH", help="the same as MATCH"),
        add("--rule", action="append", default=[], metavar="FILE[:NAME]",
            help="what a rule of this file matches"),
        add("--user", action="append", default=[], metavar="USER", help="name or number"),
        add("--failed", action="store_true", help="execs that failed"),
        add("--privileged", action="store_true", help="execs that gained privilege"),
        add("--session", action="append", default=[], metavar="ID", help="login session"),
        add("--unit", action="append", default=[], metavar="UNIT", help="systemd unit"),
        add("--container", action="append", default=[], metavar="ID",
            help="container, by the beginning of its id"),
        add("--label", action="append", default=[], metavar="LABEL", help="given by a rule"),
        add("--severity", choices=SEVERITIES, help="as severe as this, or more"),
        add("--pid", action="append", default=[], metavar="PID", help="process"),
        add("--id", action="append", default=[], metavar="ID", help="program image"),
        add("--host", action="append", default=[], metavar="HOST", help="of several hosts"),
    ]  # fmt: skip


def add_time_arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Add the options for a period."""
    add = parser.add_argument_group("when", "times as in systemd.time(7)").add_argument
    return [
        add("-S", "--since", metavar="TIME", help="at this time or later: yesterday, -2h, 10:00"),
        add("-U", "--until", metavar="TIME", help="at this time or earlier"),
        add("-b", "--boot", nargs="?", const="0", metavar="N",
            help="since this boot, with -1 of the one before; also a boot id"),
    ]  # fmt: skip


def add_source_arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Add the options that choose what to read."""
    add = parser.add_argument_group("what to read").add_argument
    return [
        add("--file", action="append", default=[], metavar="FILE",
            help="this log with its rotated files; - for standard input"),
        add("--directory", "-D", default="", metavar="DIR",
            help="logs and journals of many hosts, below DIR"),
        add("--journal", action="store_true", help="the journal, even where there is a file"),
        add("--namespace", default="", metavar="NAME", help="this namespace of the journal"),
        add("--untrusted", action="store_true",
            help="also entries of the journal that others than execaudit wrote"),
        add("--config", type=Path, metavar="FILE",
            help="use FILE instead of the system's configuration"),
        add("--root", type=Path, default=Path("/"), metavar="DIR",
            help="read the log of the system installed in DIR"),
    ]  # fmt: skip


def _add_output_arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    group = parser.add_argument_group("output")
    add = group.add_argument
    shape = group.add_mutually_exclusive_group()
    return [
        shape.add_argument("--table", action="store_true", help="(default on a terminal)"),
        shape.add_argument("--json", action="store_true",
                           help="the lines of the log (default elsewhere)"),
        shape.add_argument("--csv", action="store_true", help="comma separated values"),
        shape.add_argument("--sentence", action="store_true", help="a sentence for each"),
        shape.add_argument("--tree", action="store_true",
                           help="with all below them, as execaudit tree does"),
        shape.add_argument("-c", "--count", action="store_true", help="only how many there are"),
        add("--fields", metavar="LIST",
            help="only these, with tabs between; with --json or --csv in that form"),
        add("-n", "--lines", type=partial(count, least=0), metavar="N",
            help="only the last N; with -f, 0 shows none of before"),
        add("-r", "--reverse", action="store_true", help="newest first"),
        add("-f", "--follow", action="store_true", help="go on as records are written"),
        add("--checkpoint", metavar="FILE",
            help="begin where the last search with this FILE ended, and note there how far it got"),
        *add_answer_arguments(group),
    ]  # fmt: skip


def add_answer_arguments(group: "argparse._ArgumentGroup") -> list[argparse.Action]:
    """Add the options of all verbs that print an answer and an account."""
    add = group.add_argument
    return [
        add("--summary", action="store_true", help="the account of what was read as JSON"),
        add("-q", "--quiet", action="store_true", help="no account of what was read"),
        add("--no-pager", action="store_true", help="do not use a pager"),
        add("--color", choices=("auto", "always", "never"), default="auto", help="default: auto"),
    ]


def choice_of(args: argparse.Namespace) -> SourceChoice:
    """Return the choice of sources that the options make."""
    return SourceChoice(
        tuple(args.file), args.journal, args.namespace, args.directory, args.untrusted,
        args.config, args.root,
    )  # fmt: skip


def count(text: str, least: int = 1) -> int:
    """Return a number from `least` up. Raises ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from {least} up")
    return int(text)


def keep_order(
    parser: argparse.ArgumentParser, options: Sequence[argparse.Action], *, has_matches: bool = True
) -> None:
    """Accept matches anywhere among the options, and keep their order.

    argparse accepts them in one block only, and takes values such as "-2h" for options.
    """
    original = parser.parse_known_args
    before_match = "--match=" if has_matches else ""

    def parse(args: Any = None, namespace: Any = None) -> Any:
        return original(_join_words(list(args or ()), options, before_match), namespace)

    parser.parse_known_args = parse  # type: ignore[method-assign]


def _join_words(
    words: list[str], options: Sequence[argparse.Action], before_match: str
) -> list[str]:
    """Return words with each MATCH as an option, and each option and its value as one word."""
    with_value = {
        name for option in options for name in option.option_strings if option.nargs is None
    }
    bare = {name for option in options if option.nargs == "?" for name in option.option_strings}
    joined: list[str] = []
    rest = words[::-1]
    while rest:
        word = rest.pop()
        if word == "--":
            joined += [f"{before_match}{each}" for each in rest[::-1]]
            break
        if word in with_value and rest:
            value = rest.pop()
            joined.append(f"{word}={value}" if word.startswith("--") else f"{word}{value}")
        elif word in bare:  # -b of top is another one
            boot = rest.pop() if rest and _is_boot(rest[-1]) else "0"
            joined.append(f"--boot={boot}")
        elif word in with_value or (word.startswith("-") and word != "-"):
            joined.append(word)
        else:
            joined.append(f"{before_match}{word}")
    return joined
