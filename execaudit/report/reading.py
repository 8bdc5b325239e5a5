# SPDX-License-Identifier: Apache-2.0
"""From logs and journals to the sums of a period.

Owns the passes: one over the period, on all processors, and one over the time before it, if
something in the period looks new. The second looks only for that.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from execaudit.errors import MALFORMED
from execaudit.query.event_lines import chunk_events, journal_events
from execaudit.query.line_matcher import LineMatcher
from execaudit.query.parallel import account_as_json, read_account
from execaudit.query.piecework import Piecework
from execaudit.query.progress import ProgressBar
from execaudit.report.counting import Counting
from execaudit.report.facts import NAMES
from execaudit.report.history import History
from execaudit.report.summary import Summary
from execaudit.rules.condition_tree import Node
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness
from execaudit.store.journal import Journal
from execaudit.store.log import Piece
from execaudit.store.sources import Sources
from execaudit.store.times import EARLIEST_NS, Span

_ENDED_EARLY = "the process that read it ended early"
_FOR_EXAMPLES = ("argv", "argv_b64", "filename_b64", "script", "ancestors")


class Question(NamedTuple):
    """What to count: records of a period that match."""

    node: Node | None
    span: Span


class Reader:
    """Reads all sources for one question.

    Attributes:
        summary: the sums.
        completeness: what was read.
        broken: what could not be read.
        known: values that occurred before the period, by name of `Summary.firsts`; None if there
            are no records from before it.

    """

    def __init__(self, question: Question, sources: Sources) -> None:
        self._question = question
        self._sources = sources
        self.summary = Summary()
        self.completeness = Completeness(question.span)
        self.broken = sources.broken
        self.known: dict[str, set[str]] | None = None

    def read(self, *, with_history: bool) -> None:
        """Read all sources. Raises ExecauditError."""
        self._read_logs()
        for number, journal in enumerate(self._sources.journals):
            self._read_journal(journal, len(self._sources.logs) + number)
        if with_history and self._question.span.begin_ns != EARLIEST_NS:
            self._read_history()

    def _read_logs(self) -> None:
        pieces: list[Piece] = []
        logs: list[int] = []
        for number, log in enumerate(self._sources.logs):
            if log.begin_ns is not None:
                self.completeness.begin_ns[log.path] = log.begin_ns
            found = [each for piece in log.pieces(self._question.span) for each in piece.split()]
            pieces += found
            logs += [number] * len(found)
        matcher = self._matcher(self._question.span)
        in_order = matcher is not None and matcher.wants_order
        work = Piecework(pieces, partial(self._count_piece, matcher), 1 if in_order else None)
        with ProgressBar(work.total_bytes, lambda: work.progress.bytes):
            for log_number, done in zip(logs, work.results(), strict=True):
                if done.result is None:
                    self.broken.add_file(done.piece.part.path, _ENDED_EARLY)
                    continue
                plain, account = done.result
                self.summary.merge(plain, log_number)
                broken, completeness = read_account(account, self._question.span)
                self.broken.merge(broken)
                self.completeness.merge(completeness)

    def _matcher(self, span: Span) -> LineMatcher | None:
        node = self._question.node
        return None if node is None else LineMatcher(node, span)

    def _count_piece(
        self, matcher: LineMatcher | None, piece: Piece, progressed: Callable[[int], None]
    ) -> Any:
        broken, completeness = Broken(), Completeness(self._question.span)
        summary = Summary()
        counting = Counting(summary)
        part = piece.part
        for chunk in piece.chunks(broken):
            is_match = None if matcher is None else matcher.matcher(chunk, part)
            data = chunk.data
            events = chunk_events(chunk, part, self._question.span, broken, completeness)
            for begin, end, fields in events:
                if is_match is not None and not is_match(begin):
                    continue
                try:
                    if fields is None:
                        counting.take_line(data, begin, end)
                    else:
                        counting.take(fields)
                except MALFORMED:
                    broken.add_line(part.path, chunk.offset + begin, "is not a record")
                    completeness.records -= 1
            progressed(len(data))
        counting.finish()
        return [summary.plain(), account_as_json(broken, completeness)]

    def _read_journal(self, journal: Journal, number: int) -> None:
        summary = Summary()
        counting = Counting(summary)
        for fields in self._journal_records(journal, self._question.span, self.completeness):
            try:
                counting.take(fields)
            except MALFORMED:
                self.broken.add_line(journal.name, 0, f"entry {journal.cursor()} is no record")
                self.completeness.records -= 1
        counting.finish()
        self.summary.merge(summary.plain(), number)

    def _journal_records(
        self, journal: Journal, span: Span, completeness: Completeness
    ) -> Iterator[dict[str, Any]]:
        names = (*NAMES, *_FOR_EXAMPLES)
        matcher = self._matcher(span)
        for fields in journal_events(journal, span, names, self.broken, completeness):
            if matcher is None or matcher.matches(journal.record()):
                yield fields

    # -- what was before the period -------------------------------------------------------------

    def _read_history(self) -> None:
        """Find which values of the period occurred before it."""
        before = Span(end_ns=self._question.span.begin_ns - 1)
        history = History(
            {name: set(firsts.found) for name, firsts in self.summary.firsts.items()}, before
        )
        completeness = Completeness(before)
        is_known = False
        pieces = [
            each for log in self._sources.logs
            if log.begin_ns is not None and log.begin_ns <= before.end_ns
            for piece in log.pieces(before) for each in piece.split()
        ]  # fmt: skip
        matcher = self._matcher(before)

        def look(piece: Piece, progressed: Callable[[int], None]) -> Any:
            return history.look(piece, matcher, progressed)

        work = Piecework(pieces, look)
        with ProgressBar(work.total_bytes, lambda: work.progress.bytes):
            for done in work.results():
                is_known = True
                if done.result is None:
                    self.broken.add_file(done.piece.part.path, _ENDED_EARLY)
                    continue
                found, unread = done.result
                history.remove(found)
                self.broken.add_unread(unread)
        for journal in self._sources.journals:
            for fields in self._journal_records(journal, before, completeness):
                is_known = True
                history.look_at(fields)
        if is_known:
            self.known = {
                name: set(firsts.found) - history.wanted[name]
                for name, firsts in self.summary.firsts.items()
            }
