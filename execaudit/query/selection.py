# SPDX-License-Identifier: Apache-2.0
"""From arguments to a question: matches, short forms and rules as one condition; the period.

Owns what each short form means in the vocabulary.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from execaudit.config.source import Problem, RuleTable, Source, rule_tables
from execaudit.errors import InvalidArgument, failed_call
from execaudit.query.conditions import Node, all_of, any_of, make_asked
from execaudit.query.matches import read_matches
from execaudit.query.search_arguments import SEVERITIES
from execaudit.query.time_options import read_moment
from execaudit.rules.conditions import Lookups
from execaudit.rules.rule import read_rules
from execaudit.rules.rule_set import OF_HOST
from execaudit.store.times import EARLIEST_NS, LATEST_NS, Span


def read_condition(args: argparse.Namespace) -> Node | None:
    """Return the condition of the arguments; None for every record. Raises InvalidArgument."""
    lookups = OF_HOST
    nodes = _short_forms(args, lookups)
    matched = read_matches(args.match or (), lookups)
    if matched is not None:
        nodes.append(matched)
    if args.rule:
        nodes.append(any_of([each for text in args.rule for each in read_rule(text, lookups)]))
    return all_of(nodes) if nodes else None


def read_span(args: argparse.Namespace) -> Span:
    """Return the period of --since and --until. Raises InvalidArgument."""
    now_ns = time.time_ns()
    begin_ns = read_moment(args.since, now_ns) if args.since else EARLIEST_NS
    end_ns = read_moment(args.until, now_ns) if args.until else LATEST_NS
    if begin_ns > end_ns:
        raise InvalidArgument("Failed to use --since and --until: the period ends before it begins")
    return Span(begin_ns, end_ns)


def _short_forms(args: argparse.Namespace, lookups: Lookups) -> list[Node]:
    nodes: list[Node] = []

    def add(**values: Sequence[str]) -> None:
        parts = [make_asked(name, each, lookups) for name, each in values.items() if each]
        if parts:
            nodes.append(any_of(parts))

    numbers = [each for each in args.user if each.isascii() and each.isdigit()]
    add(user=[each for each in args.user if each not in numbers], uid=numbers)
    if args.failed:
        nodes.append(
            all_of(
                [make_asked("type", ["exec"], lookups), make_asked("result", ["failure"], lookups)]
            )
        )
    if args.privileged:
        nodes.append(make_asked("privileged", [True], lookups))
    add(session=args.session, ses=[each for each in args.session if each.isdigit()])
    units = [each if "." in each or "*" in each else f"{each}.service" for each in args.unit]
    add(unit=units, user_unit=units)
    add(container=[f"{each}*" for each in args.container])
    add(labels=args.label)
    if args.severity:
        add(severity=SEVERITIES[: SEVERITIES.index(args.severity) + 1])
    add(pid=args.pid)
    add(id=args.id)
    add(host=args.host)
    return nodes


def read_rule(text: str, lookups: Lookups) -> list[Node]:
    """Return the conditions of the rules of FILE, or of the one called NAME in FILE:NAME.

    Raises InvalidArgument with all mistakes.
    """
    path, name = (text, "") if Path(text).exists() else _split(text)
    problems: list[Problem] = []
    tables = read_rules_file(path, problems)
    rules, mistakes = read_rules(tables, lookups)
    if problems or mistakes:
        lines = "\n".join(map(str, [*problems, *mistakes]))
        raise InvalidArgument(f"Failed to use --rule {text}: it has mistakes\n{lines}")
    chosen = [rule.tree for rule in rules if not name or rule.name == name]
    if not chosen:
        what = f"no rule is called '{name}'" if name else "it has no rule"
        raise InvalidArgument(f"Failed to use --rule {text}: {what}")
    return chosen


def read_rules_file(path: str, problems: list[Problem]) -> list[RuleTable]:
    """Return the rules of a file, and add its mistakes to `problems`.

    Raises InvalidArgument where it cannot be read.
    """
    try:
        data = Path(path).read_bytes()
        source = Source(path, path, data)
    except OSError as error:
        raise failed_call(f"open '{path}'", error, InvalidArgument) from error
    except UnicodeDecodeError:
        raise InvalidArgument(f"Failed to read '{path}': it is not UTF-8") from None
    return rule_tables(source, problems)


def _split(text: str) -> tuple[str, str]:
    path, _, name = text.rpartition(":")
    return (path, name) if path else (text, "")
