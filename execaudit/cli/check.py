# SPDX-License-Identifier: Apache-2.0
"""`execaudit check`: lists all mistakes of the configuration, or shows the effective one.

Owns the verb: its output and its exit status. The code that judges the configuration is the
daemon's. The output of --print is TOML that gives the same values when it is read again.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from execaudit.config.configuration import Loaded, Problem, load
from execaudit.config.files import choose_paths
from execaudit.config.redact import RedactPattern
from execaudit.config.schema import SECTIONS
from execaudit.config.source import mistakes_error
from execaudit.config.toml_places import KeyPath
from execaudit.config.values import TablesOf, kinds
from execaudit.errors import EXIT_OK
from execaudit.records.quoting import make_printable
from execaudit.rules.notes import find_notes
from execaudit.rules.rule_set import find_problems


def run(args: argparse.Namespace) -> int:
    """Check and print; return the exit status: 0, 6 for problems, 4 for a lack of permission."""
    loaded = load(choose_paths(args.config, args.root))
    problems = find_problems(loaded)
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(f"execaudit: {_count(problems)}", file=sys.stderr)
        return mistakes_error(problems).exit_status
    for note in find_notes(loaded, is_of_host=args.root == Path("/")):
        print(note, file=sys.stderr)
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


def render(loaded: Loaded) -> str:
    """Return the effective configuration as TOML, each value with its origin."""
    return "".join(f"{line}\n" for line in _lines(loaded))


def _lines(loaded: Loaded) -> Iterator[str]:
    yield f"# SHA-256 {loaded.config_hash}"
    yield from (f"# read: {make_printable(file)}" for file in loaded.files)
    for section, form in SECTIONS.items():
        values = getattr(loaded.config, section)
        yield ""
        yield f"[{section}]"
        for key, kind in kinds(form).items():
            if not isinstance(kind, TablesOf):
                text = kind.show(getattr(values, key))
                yield f"{key} = {text}  # {_origin(loaded, (section, key))}"
    for index, pattern in enumerate(loaded.config.redact.pattern):
        yield ""
        yield f"[[redact.pattern]]  # {_origin(loaded, ('redact', 'pattern', index))}"
        for each in fields(RedactPattern):
            yield f"{each.name} = {each.metadata['kind'].show(getattr(pattern, each.name))}"
    yield ""
    yield f"# rules: {len(loaded.rules)}"
    for rule in loaded.rules:
        name = rule.name or "(no name)"
        yield f"# {make_printable(name)}  # {make_printable(rule.file)}:{rule.line}"


def _origin(loaded: Loaded, path: KeyPath) -> str:
    origin = loaded.origins.get(path)
    if origin is None:
        return "default"
    line = origin.source.place(origin.path).line
    return f"{make_printable(origin.source.file)}:{line}"
