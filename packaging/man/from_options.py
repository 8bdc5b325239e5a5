# SPDX-License-Identifier: Apache-2.0
"""Makes the manual pages of verbs from the command line's parser, which has their options.

    from_options.py execaudit-search|… VERSION >page

Owns the rest of the pages: examples, files, exit statuses and what to read next.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from from_markdown import escape, print_page, title

from execaudit.cli import build_parser

_FAILURES = (
    ("1", "It failed, for example because its output could not be written."),
    ("2", "An option or a file given to one is wrong."),
    ("4", "A permission is missing."),
    ("6", "The configuration has mistakes, or something is not installed."),
)
_FOUND = (("0", "Something was found."), ("1", "Nothing was found."), ("2", "There was trouble."))
_LOG = (
    ("/var/log/execaudit/execaudit.jsonl", "The log, with its rotated files beside it."),
    ("/etc/execaudit/execaudit.toml", "Says where the log is, see execaudit.toml(5)."),
)


@dataclass(frozen=True, slots=True)
class Page:
    """A manual page of section 8.

    Attributes:
        verbs: the words after `execaudit`, for each list of options.
        what: the text after its name, for apropos(1).
        examples: pairs of what a command does, and the command.
        statuses: pairs of an exit status and what it means.
        guide: the document in docs/ that explains more.
        files: pairs of a file and its use.

    """

    verbs: tuple[str, ...]
    what: str
    examples: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[str, str], ...]
    guide: str
    files: tuple[tuple[str, str], ...] = _LOG


PAGES = {
    "execaudit-trace": Page(
        ("trace",),
        "print execs as they happen",
        (
            ("Everything that is executed, failed attempts included:", "execaudit trace -x"),
            ("What root's shells start, with time and user:", "execaudit trace -TU -u root"),
        ),
        (("0", "It ended as it was asked to."), *_FAILURES),
        "trace.md",
        (("/usr/lib/execaudit/bpf", "The BPF object, and its source for the bcc engine."),),
    ),
    "execaudit-search": Page(
        ("search",),
        "search the log of executions, or the journal",
        (
            ("What alice ran yesterday:", "execaudit search --user alice -S yesterday -U today"),
            ("Downloads by services:", "execaudit search exe=/usr/bin/curl 'unit=*.service'"),
        ),
        _FOUND,
        "search.md",
    ),
    "execaudit-tree": Page(
        ("tree",),
        "show what processes started, or what led to them",
        (
            ("All that login session 3 started:", "execaudit tree --session 3"),
            ("What led to process 4711:", "execaudit tree --up 4711"),
        ),
        _FOUND,
        "search.md",
    ),
    "execaudit-report": Page(
        ("report",),
        "show a period at a glance",
        (
            ("The last day:", "execaudit report -S -1d"),
            ("The same as a page to look at:", "execaudit report -S -1d --html day.html"),
        ),
        _FOUND,
        "report.md",
    ),
    "execaudit-top": Page(
        ("top",),
        "show the last minute of executions alive",
        (("What users run, one look on standard output:", "execaudit top --by user -b -n 1"),),
        (("0", "It ended as it was asked to."), *_FAILURES),
        "report.md",
    ),
    "execaudit-status": Page(
        ("status",),
        "show what the running daemon does",
        (("The state of the sinks, for a script:", "execaudit status --json"),),
        (("0", "It runs."), *_FAILURES),
        "daemon.md",
        (("/run/execaudit/status.json", "What the daemon wrote of itself."),),
    ),
    "execaudit-rotate": Page(
        ("rotate",),
        "have the running daemon rotate its file",
        (("Keep three rotated files:", "execaudit rotate --prune 3"),),
        (("0", "It was asked for."), *_FAILURES),
        "sinks.md",
    ),
    "execaudit-rules": Page(
        ("rules", "rules test", "rules backtest", "rules enable", "rules disable"),
        "list rules of execaudit, try them out, switch them on and off",
        (
            (
                "What the rules make of a command, as user 33:",
                "execaudit rules test --field uid=33 -- sh -c 'curl example.org | sh'",
            ),
            (
                "What a file of new rules would have matched this week:",
                "execaudit rules backtest --rules new.toml -S -7d",
            ),
            (
                "Switch on all detections, then one of them off:",
                "execaudit rules enable detections\nexecaudit rules disable 'proxy set'",
            ),
        ),
        (("0", "All is well."), *_FAILURES),
        "rules.md",
        (
            ("/etc/execaudit/rules.d", "Rules in force, in the order of the names of files."),
            ("/usr/share/execaudit/detections.d/network.toml", "Detections, one file of many."),
            _LOG[0],
        ),
    ),
    "execaudit-baseline": Page(
        ("baseline show", "baseline forget", "baseline export", "baseline import"),
        "show or change what counts as run before on this host",
        (
            ("Has this program run here before?", "execaudit baseline show /usr/bin/nc"),
            (
                "Give a new host what the golden image knows:",
                "execaudit baseline import golden.baseline",
            ),
        ),
        (("0", "It was done."), *_FAILURES),
        "baseline.md",
        (("/var/lib/execaudit", "Where the daemon keeps it."),),
    ),
    "execaudit-convert": Page(
        ("convert",),
        "print records in another format",
        (
            (
                "A log as documents of the Elastic Common Schema:",
                "execaudit convert --to ecs /var/log/execaudit/execaudit.jsonl",
            ),
        ),
        (("0", "All lines were records."), *_FAILURES),
        "formats.md",
    ),
}


def subparser(words: str) -> argparse.ArgumentParser:
    """Return the parser of a verb."""
    parser: argparse.ArgumentParser = build_parser()
    for word in words.split():
        (verbs,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
        parser = verbs.choices[word]
    return parser


def _option(action: argparse.Action, formatter: argparse.HelpFormatter) -> Iterator[str]:
    value = action.metavar if isinstance(action.metavar, str) else ""
    if action.choices:
        value = "|".join(map(str, action.choices))
    shown = f"\\fI{escape(value)}\\fR" if value else ""
    names = action.option_strings
    if not names:
        heads = [shown]
    else:
        bold = [f"\\fB{escape(name)}\\fR" for name in names]
        heads = bold if action.nargs == 0 else [*bold[:-1], f"{bold[-1]} {shown}"]
        if action.nargs == "?":
            heads = [*bold[:-1], f"{bold[-1]}[={shown}]"]
    text = formatter._expand_help(action)  # noqa: SLF001 - argparse has no public way
    sentence = text[:1].upper() + text[1:]
    yield from (".TP", ", ".join(heads), escape(sentence.rstrip(".") + "."))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:  # noqa: SLF001
        actions = [
            action for action in group._group_actions  # noqa: SLF001
            if action.help != argparse.SUPPRESS
            and not isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
        ]  # fmt: skip
        if not actions:
            continue
        if group.title not in ("options", "positional arguments"):
            yield f'.SS "{escape((group.title or "").capitalize())}"'
        for action in actions:
            yield from _option(action, parser._get_formatter())  # noqa: SLF001


def _terms(heading: str, terms: tuple[tuple[str, str], ...], font: str) -> Iterator[str]:
    yield f".SH {heading}"
    for term, text in terms:
        yield from (".TP", f"\\f{font}{escape(term)}\\fR", escape(text))


def _description(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield escape(parser.description or "")
    if parser.epilog:
        yield from (".PP", *(escape(line) for line in parser.epilog.strip().splitlines()))


def _each(page: Page, part: Callable[[argparse.ArgumentParser], Iterator[str]]) -> Iterator[str]:
    for verb in page.verbs:
        if len(page.verbs) > 1:
            yield f'.SS "{escape(f"execaudit {verb}")}"'
        yield from part(subparser(verb))


def render(name: str, version: str, date: str) -> str:
    """Return a page. `date` as 2026-11-25."""
    page = PAGES[name]
    parts = [
        '.\\" Made by packaging/man/from_options.py from the command line',
        *title((name, "8", "System Administration"), page.what, version, date),
        ".SH SYNOPSIS",
    ]
    for number, verb in enumerate(page.verbs):
        parts += [".br"] * bool(number)
        words = [
            action.metavar for action in subparser(verb)._actions  # noqa: SLF001
            if isinstance(action, argparse._StoreAction)  # noqa: SLF001
            and not action.option_strings and isinstance(action.metavar, str)
        ]  # fmt: skip
        operands = "".join(f" [\\fI{escape(each)}\\fR...]" for each in words)
        parts.append(f"\\fBexecaudit {escape(verb)}\\fR [\\fIoptions\\fR]{operands}")
    parts += [".SH DESCRIPTION", *_each(page, _description)]
    parts += [".PP", f"The guide is \\fI{escape('/usr/share/doc/execaudit/' + page.guide)}\\fR."]
    parts += [".SH OPTIONS", *_each(page, _options)]
    parts += _terms("FILES", page.files, "I")
    parts += _terms("EXIT STATUS", page.statuses, "B")
    parts.append(".SH EXAMPLES")
    for number, (text, command) in enumerate(page.examples):
        parts += [".PP"] * bool(number)
        lines = [escape(line) for line in command.splitlines()]
        parts += [escape(text), ".PP", ".RS 4", ".nf", *lines, ".fi", ".RE"]
    others = [each for each in sorted(PAGES) if each != name]
    see = ", ".join(f"\\fB{escape(each)}\\fR(8)" for each in ("execaudit", *others))
    records = "\\fBexecaudit\\-record\\fR(5), \\fBexecaudit\\-rules\\fR(5)"
    return "\n".join([*parts, ".SH SEE ALSO", f"{records}, {see}"]) + "\n"


if __name__ == "__main__":
    print_page(render)
