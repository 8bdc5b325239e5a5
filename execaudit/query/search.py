# SPDX-License-Identifier: Apache-2.0
"""`execaudit search`: the verb.

Owns the order of the steps: the question, the sources, the order of results, their output, and the
account at the end.
"""

import argparse
import heapq
import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from operator import attrgetter
from typing import BinaryIO

from execaudit.color import wants_color
from execaudit.errors import MALFORMED, InvalidArgument
from execaudit.formats.restore import restore
from execaudit.query import output
from execaudit.query.account import print_account
from execaudit.query.asked import read_asked
from execaudit.query.checkpoint import Checkpoint
from execaudit.query.journal_search import JournalSearch
from execaudit.query.live import follow_all
from execaudit.query.pager import paged
from execaudit.query.parallel import Search, bytes_of, processors, spooled
from execaudit.query.progress import ProgressBar
from execaudit.query.scan import Hit, Question
from execaudit.query.search_arguments import choice_of
from execaudit.query.selection import read_span
from execaudit.records.quoting import make_printable
from execaudit.store.completeness import Completeness
from execaudit.store.line_formats import NATIVE, find_format
from execaudit.store.lines import parse_line
from execaudit.store.log import Log, Piece
from execaudit.store.pipe import Pipe
from execaudit.store.sources import Sources, opened
from execaudit.table.lines import Table, TableOptions

FOUND, NONE, TROUBLE = 0, 1, 2
_FOLLOW_LINES = 10
_SMALL_PIECE_BYTES = 4 << 20


def run(args: argparse.Namespace) -> int:
    """Search; return grep's exit status: 0 found, 1 none, 2 trouble. Raises ExecauditError."""
    _check(args)
    with opened(choice_of(args)) as sources:
        return _Run(args, sources).run()


def _check(args: argparse.Namespace) -> None:
    if args.fields and (args.table or args.sentence or args.count):
        raise InvalidArgument("Failed to use --fields: it goes with --json and --csv, or alone")
    if args.follow and (args.reverse or args.count or args.checkpoint or args.until):
        raise InvalidArgument(
            "Failed to use --follow: it goes neither with --reverse, --count, --checkpoint nor"
            " --until"
        )


class _Run:
    """One search."""

    def __init__(self, args: argparse.Namespace, sources: Sources) -> None:
        self._args = args
        self._sources = sources
        if args.checkpoint and any(isinstance(each.parts[-1], Pipe) for each in sources.logs):
            raise InvalidArgument("Failed to use --checkpoint: it goes with files, not with a pipe")
        span = read_span(args)
        self._question = Question(read_asked(args, sources), span)
        self._completeness = Completeness(span)
        self._checkpoint = Checkpoint(args.checkpoint) if args.checkpoint else None
        self._searches: list[Search] = []
        self._journal_searches: list[JournalSearch] = []
        self._total_bytes = 0
        self._found = 0
        self._said = 0

    def run(self) -> int:
        """Search and print; return the exit status. Raises ExecauditError."""
        args = self._args
        with paged(is_wanted=not (args.no_pager or args.follow or args.count)) as out:
            shown = choose_output(args, has_hosts=bool(args.directory))
            if not args.count:
                out.write(shown.head)
            if args.follow:
                self._follow(shown, out)
            else:
                self._search(shown, out)
            out.flush()
        if self._checkpoint is not None:
            self._keep_places(self._checkpoint)
        print_account(args, self._sources.broken, self._completeness, self._found)
        if self._sources.broken.files:
            return TROUBLE
        return FOUND if self._found else NONE

    def _search(self, shown: output.Output, out: BinaryIO) -> None:
        streams = self._streams()
        with ProgressBar(
            self._total_bytes, lambda: sum(s.progress.bytes for s in self._searches)
        ) as bar:
            hits = self._arranged(streams)
            if self._args.count:
                self._found = sum(1 for _ in hits) + sum(each.count for each in self._searches)
                bar.stop()
                out.write(b"%d\n" % self._found)
                return
            for hit in hits:
                if not self._found:
                    bar.stop()
                self._found += 1
                out.write(print_hit(hit, shown))

    # -- what is read ---------------------------------------------------------------------------

    def _streams(self) -> list[Iterator[Hit]]:
        args, streams = self._args, []
        is_backwards = args.reverse or args.lines is not None
        for log in self._sources.logs:
            if log.begin_ns is not None:
                self._completeness.begin_ns[log.path] = log.begin_ns
            pieces = self._pieces(log)
            self._total_bytes += sum(map(bytes_of, pieces))
            search = Search(self._question, self._sources.broken, self._completeness, processors())
            self._searches.append(search)
            streams.append(search.hits(pieces, reverse=is_backwards, count_only=args.count))
        for journal in self._sources.journals:
            found = JournalSearch(journal, self._question, self._sources.broken, self._completeness)
            found.account()
            self._journal_searches.append(found)
            after = self._checkpoint.cursor(journal.name) if self._checkpoint else ""
            streams.append(found.hits(reverse=is_backwards, after=after))
        return streams

    def _pieces(self, log: Log) -> list[Piece]:
        if self._checkpoint is None:
            pieces = log.pieces(self._question.span)
        else:
            found = self._checkpoint.read_on(log, self._sources.logs)
            pieces = found.pieces
            if found.is_gone:
                self._sources.broken.named.append(
                    f"{make_printable(log.path)}: the file that the checkpoint is in has been"
                    " removed; what it held, and perhaps more, is not searched"
                )
        size = [_SMALL_PIECE_BYTES] if self._args.lines is not None else []
        return [each for piece in pieces for each in piece.split(*size)]

    def _arranged(self, streams: list[Iterator[Hit]]) -> Iterator[Hit]:
        """Return all hits in the order of output."""
        args = self._args
        is_backwards = args.reverse or args.lines is not None
        if len(streams) == 1 or args.count:
            hits = itertools.chain(*streams)
        else:
            key = attrgetter("time_ns")
            hits = heapq.merge(*map(spooled, streams), key=key, reverse=is_backwards)  # type: ignore[assignment]
        if args.lines is None:
            return hits
        last = list(itertools.islice(hits, args.lines))
        self._completeness.is_partial = len(last) == args.lines
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]
        return iter(last if args.reverse else last[::-1])

    def _follow(self, shown: output.Output, out: BinaryIO) -> None:
        args = self._args
        lines = args.lines if args.lines is not None else None if args.since else _FOLLOW_LINES
        args.lines = lines

        def first() -> None:
            for hit in self._arranged(self._streams()):
                self._found += 1
                out.write(print_hit(hit, shown))
            out.flush()

        follow = follow_all(
            self._sources, self._question, self._completeness, first, self._say_unread
        )
        for hit in follow:
            self._found += 1
            out.write(print_hit(hit, shown))
            out.flush()

    def _say_unread(self) -> None:
        """Say at once what could not be read: who interrupts following reads no account."""
        named = self._sources.broken.named
        for text in named[self._said :]:
            print(f"execaudit: {text}", file=sys.stderr)
        self._said = len(named)

    # -- what is said at the end ----------------------------------------------------------------

    def _keep_places(self, checkpoint: Checkpoint) -> None:
        for journal, search in zip(self._sources.journals, self._journal_searches, strict=True):
            if search.last_cursor:
                checkpoint.set_cursor(journal.name, search.last_cursor)
        checkpoint.write()


def print_hit(hit: Hit, shown: output.Output) -> bytes:
    """Return the bytes to print of a hit; of a malformed record its line, escaped."""
    try:
        if not shown.needs_fields:
            return shown.text(hit.line, None)
        line_format = find_format(hit.line) or NATIVE
        return shown.text(hit.line, restore(line_format.name, parse_line(hit.line)))
    except MALFORMED:
        return make_printable(hit.line.decode(errors="replace")).encode(errors="replace") + b"\n"


def choose_output(args: argparse.Namespace, *, has_hosts: bool) -> output.Output:
    """Return the output that the options choose. Raises InvalidArgument."""
    is_terminal = sys.stdout.isatty()
    names = output.read_names(args.fields) if args.fields else []
    if args.csv:
        return output.as_csv(names or output.CSV_FIELDS)
    if args.json:
        return output.as_json_fields(names) if names else output.as_lines(is_terminal=is_terminal)
    if names:
        return output.as_fields(names)
    if args.sentence:
        return output.as_sentences()
    if args.table or is_terminal:
        color = wants_color(args.color, is_terminal=is_terminal, environ=os.environ)
        options = TableOptions(date=True, print_user=True, print_host=has_hosts, color=color)
        width = shutil.get_terminal_size().columns if is_terminal else None
        return output.as_table(Table(options, width))
    return output.as_lines(is_terminal=False)
