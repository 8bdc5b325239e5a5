# SPDX-License-Identifier: Apache-2.0
"""`execaudit tree`: the verb.

Owns the order of the steps: the question, the passes over the sources, the output.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator

from execaudit.color import wants_color
from execaudit.errors import InvalidArgument
from execaudit.query.account import print_account
from execaudit.query.asked import read_asked
from execaudit.query.pager import paged
from execaudit.query.parallel import bytes_of
from execaudit.query.progress import ProgressBar
from execaudit.query.search_arguments import choice_of
from execaudit.query.selection import read_span
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness
from execaudit.store.pipe import Pipe
from execaudit.store.sources import Sources, opened
from execaudit.store.times import ALWAYS
from execaudit.table.glyphs import is_ascii_only
from execaudit.tree.above import Above
from execaudit.tree.below import Below
from execaudit.tree.documents import as_dot, as_json
from execaudit.tree.forest import PROCESSES_LIMIT, Forest
from execaudit.tree.targets import NOTHING, Targets, read_words
from execaudit.tree.text import TextOptions, TreeText
from execaudit.tree.visiting import IsOutside, Take, Visit

FOUND, NONE, TROUBLE = 0, 1, 2


def run(args: argparse.Namespace) -> int:
    """Show trees; return grep's exit status: 0 found, 1 none, 2 trouble. Raises ExecauditError."""
    if args.verb == "search":
        _adapt(args)
    with opened(choice_of(args)) as sources:
        return _Run(args, sources).run()


def _adapt(args: argparse.Namespace) -> None:
    """Turn the arguments of `execaudit search --tree` into this verb's."""
    if args.follow or args.reverse or args.lines or args.checkpoint or args.fields:
        raise InvalidArgument(
            "Failed to use --tree: it goes neither with --follow, --reverse, --lines, --checkpoint"
            " nor --fields"
        )
    args.up = args.json = args.dot = False


class _Run:
    """One question."""

    def __init__(self, args: argparse.Namespace, sources: Sources) -> None:
        words = read_words(args.match or ())
        args.match = words.matches
        self._args = args
        self._sources = sources
        self._span = read_span(args)
        self._targets = Targets(words.keys, words.pids, read_asked(args, sources), self._span)
        self._completeness = Completeness(self._span)
        if args.up and self._targets.is_everything:
            raise InvalidArgument("Failed to use --up: name the process, by PID, ID or MATCH")
        if args.up and any(isinstance(part, Pipe) for log in sources.logs for part in log.parts):
            raise InvalidArgument("Failed to use --up: it reads several times, which a pipe cannot")

    def run(self) -> int:
        """Collect and print; return the exit status. Raises ExecauditError."""
        args, broken = self._args, self._sources.broken
        forest = Forest(PROCESSES_LIMIT)
        try:
            if args.up:
                self._collect_above(forest)
            else:
                below = Below(forest, self._targets)
                self._visit(self._first_pass(below.take, below.is_outside))
            with paged(is_wanted=not args.no_pager) as out:
                for line in self._lines(forest):
                    out.write(line)
                out.flush()
        finally:
            forest.close()
        if forest.is_full:
            print(
                f"execaudit: there are more than {PROCESSES_LIMIT} processes; the others are left"
                " out: ask for fewer",
                file=sys.stderr,
            )
        print_account(args, broken, self._completeness, len(forest.processes))
        if broken.files:
            return TROUBLE
        return FOUND if forest.roots else NONE

    def _collect_above(self, forest: Forest) -> None:
        above = Above(forest, self._targets)
        self._visit(self._first_pass(above.find, above.is_looked_up))
        broken = Broken()  # its lines were noted in the first pass, or are not of the period
        again = Visit(ALWAYS, NOTHING, above.fill, above.is_unwanted, broken, Completeness(ALWAYS))
        while above.has_more():
            self._visit(again)
        self._sources.broken.add_unread(broken.unread)

    def _first_pass(self, take: Take, is_outside: IsOutside) -> Visit:
        for log in self._sources.logs:
            if log.begin_ns is not None:
                self._completeness.begin_ns[log.path] = log.begin_ns
        broken = self._sources.broken
        return Visit(self._span, self._targets, take, is_outside, broken, self._completeness)

    def _visit(self, visit: Visit) -> None:
        """Make one pass over all sources."""
        pieces = [piece for log in self._sources.logs for piece in log.pieces(visit.span)]
        done = 0
        with ProgressBar(sum(map(bytes_of, pieces)), lambda: done):
            for piece in pieces:
                for size in visit.piece(piece):
                    done += size
        for journal in self._sources.journals:
            visit.journal(journal)

    def _lines(self, forest: Forest) -> Iterator[bytes]:
        if self._args.json:
            return as_json(forest)
        if self._args.dot:
            return (line.encode(errors="replace") + b"\n" for line in as_dot(forest))
        is_terminal = sys.stdout.isatty()
        options = TextOptions(
            color=wants_color(self._args.color, is_terminal=is_terminal, environ=os.environ),
            width=shutil.get_terminal_size().columns if is_terminal else None,
            ascii_only=is_ascii_only(),
            show_host=bool(self._args.directory),
        )
        return (line.encode(errors="replace") + b"\n" for line in TreeText(forest, options).lines())
