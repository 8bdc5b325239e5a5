# SPDX-License-Identifier: Apache-2.0
"""`execaudit rules backtest`: counts how often each rule would have matched past records.

Owns the pass over a period and the report. Rules are applied as the daemon does it, in order and
with all they remember of processes. Records that were dropped at that time are not in the log.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from execaudit.config.files import choose_paths
from execaudit.errors import EXIT_OK, MALFORMED, NotConfigured
from execaudit.formats.restore import restore
from execaudit.query import completeness_text
from execaudit.query.output import field_text
from execaudit.query.parallel import Progress, bytes_of
from execaudit.query.progress import ProgressBar
from execaudit.query.search_arguments import choice_of
from execaudit.query.selection import read_rules_file, read_span
from execaudit.records.quoting import make_printable
from execaudit.records.readback import event_of_record
from execaudit.rules.field_values import TYPES
from execaudit.rules.rule_set import RuleSet, compile_rules
from execaudit.store.completeness import Completeness
from execaudit.store.line_formats import NATIVE
from execaudit.store.lines import parse_line, walk
from execaudit.store.log import Piece
from execaudit.store.sources import Sources, opened
from execaudit.store.times import Span, read_time

if TYPE_CHECKING:
    from execaudit.config.source import Problem, RuleTable

_EXAMPLE_BYTES = 160


def run(args: argparse.Namespace) -> int:
    """Apply the rules to past records; return the exit status. Raises ExecauditError."""
    rules = _load_rules(args)
    span = read_span(args)
    completeness = Completeness(span)
    examples: list[list[str]] = [[] for _ in rules.rules]
    counts = {"records": 0, "drop": 0, "keep": 0}
    with opened(choice_of(args)) as sources:
        for fields in _records(sources, span, completeness):
            try:
                decision = rules.decide(event_of_record(fields))
            except MALFORMED:
                continue
            counts["records"] += 1
            counts[decision.action] += 1
            for index in decision.rules:
                if len(examples[index]) < args.examples:
                    examples[index].append(_example(fields))
        broken = sources.broken
    for text in broken.named:
        print(f"execaudit: {text}", file=sys.stderr)
    if args.json:
        _print_json(rules, counts, examples)
    else:
        _print_text(rules, counts, examples)
    said = completeness_text.describe(completeness, broken, time.time_ns())
    print(f"execaudit: {said}", file=sys.stderr)
    return EXIT_OK


def _load_rules(args: argparse.Namespace) -> RuleSet:
    """Load the rules. Raises NotConfigured with all mistakes."""
    problems: list[Problem] = []
    tables: list[RuleTable] = []
    regex_bytes = 4096
    if args.rules:
        for path in args.rules:
            tables += read_rules_file(path, problems)
    else:
        from execaudit.config.configuration import load  # noqa: PLC0415 - only where it counts

        loaded = load(choose_paths(args.config, args.root))
        tables, problems = list(loaded.rules), list(loaded.problems)
        regex_bytes = loaded.config.limits.regex_bytes
    rules, mistakes = compile_rules(tables, regex_bytes=regex_bytes)
    if problems or rules is None:
        text = "\n".join(map(str, [*problems, *mistakes]))
        raise NotConfigured(f"Failed to load the rules: they have mistakes\n{text}")
    return rules


def _records(sources: Sources, span: Span, completeness: Completeness) -> Iterator[dict[str, Any]]:
    """Yield all execs and ends of a period, log by log."""
    pieces = [piece for log in sources.logs for piece in log.pieces(span)]
    for log in sources.logs:
        if log.begin_ns is not None:
            completeness.begin_ns[log.path] = log.begin_ns
    progress = Progress(1)
    with ProgressBar(sum(map(bytes_of, pieces)), lambda: progress.bytes):
        for piece in pieces:
            yield from _records_of_piece(piece, sources, span, completeness, progress)
    for journal in sources.journals:
        journal.match([[("type", list(TYPES))]])
        for _ in journal.entries(span):
            try:
                record = journal.record()
                if span.has(read_time(record["time"].encode())):
                    completeness.records += 1
                    yield record
            except MALFORMED:
                continue


def _records_of_piece(
    piece: Piece, sources: Sources, span: Span, completeness: Completeness, progress: Progress
) -> Iterator[dict[str, Any]]:
    line_format = piece.part.head.format or NATIVE
    for chunk in piece.chunks(sources.broken):
        for _, line in walk(chunk, line_format, piece.part.path, sources.broken, completeness):
            try:
                completeness.add(restore(line_format.name, parse_line(line)), "file")
            except MALFORMED:
                continue
        for line in chunk.data.splitlines():
            try:
                if line_format.is_event(line) and span.has(line_format.time_of(line)):
                    yield restore(line_format.name, parse_line(line))
            except MALFORMED:
                continue
        progress.add(0, len(chunk.data))


def _example(fields: dict[str, Any]) -> str:
    command = field_text(fields, "cmdline") or field_text(fields, "comm")
    who = field_text(fields, "user") or field_text(fields, "uid")
    return f"{fields['time'][:19]}Z {who} {command}"[:_EXAMPLE_BYTES]


def _title(rules: RuleSet, index: int) -> str:
    rule = rules.rules[index]
    file, line, _ = rule.place
    return make_printable(f"{rule.name or '(no name)'}  {file}:{line}")


def _print_text(rules: RuleSet, counts: dict[str, int], examples: list[list[str]]) -> None:
    for index, rule in enumerate(rules.rules):
        print(f"{index + 1:>4}  {rules.hits[index]:>10}  {rule.action:6}  {_title(rules, index)}")
        for each in examples[index]:
            print(f"                  {each}")
    print(f"of {counts['records']} records {counts['drop']} would have been dropped")


def _print_json(rules: RuleSet, counts: dict[str, int], examples: list[list[str]]) -> None:
    shown = [
        {
            "rule": index + 1,
            "name": rule.name,
            "action": rule.action,
            "place": f"{rule.place[0]}:{rule.place[1]}",
            "matched": rules.hits[index],
            "undecided": rules.undecided[index],
            "examples": examples[index],
        }
        for index, rule in enumerate(rules.rules)
    ]
    print(json.dumps({"records": counts["records"], "dropped": counts["drop"], "rules": shown}))
