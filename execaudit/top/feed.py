# SPDX-License-Identifier: Apache-2.0
"""Feeds the window of `execaudit top` with records of logs and journals as they are written.

Owns how far each source was read. The records of the hour before tell which programs are known.
"""

from collections.abc import Mapping
from typing import Any

from execaudit.errors import MALFORMED
from execaudit.query.event_lines import chunk_events, journal_events
from execaudit.query.line_matcher import LineMatcher
from execaudit.rules.condition_tree import Node
from execaudit.store.broken import Broken
from execaudit.store.chunks import Chunk
from execaudit.store.completeness import Completeness
from execaudit.store.follow import Follower
from execaudit.store.journal import Journal
from execaudit.store.lines import parse_line
from execaudit.store.part import Part
from execaudit.store.sources import Sources
from execaudit.store.times import ALWAYS, LATEST_NS, SECOND_NS, Span
from execaudit.top.window import LENGTH_S, Window

_BEFORE_S = 3600
_NAMES = (
    "exe", "filename", "errno", "user", "uid", "unit", "pcomm", "argv", "argv_b64", "script",
    "filename_b64",
)  # fmt: skip


class Feed:
    """Feeds a window."""

    def __init__(self, sources: Sources, node: Node | None, window: Window) -> None:
        self._sources = sources
        self._matcher = None if node is None else LineMatcher(node, ALWAYS)
        self._window = window
        self._followers = [Follower(log, Broken()) for log in sources.logs]
        self._tails = [journal.tail() for journal in sources.journals]
        self._cursors = [cursor for cursor, _ in self._tails]
        # This verb does not show what is missing; `execaudit status` does.
        self._completeness = Completeness(ALWAYS)

    def close(self) -> None:
        """Close the logs."""
        for follower in self._followers:
            follower.close()

    def start(self, now_ns: int) -> None:
        """Read the records of the last hour, up to `now_ns`. Raises ExecauditError."""
        span = Span(now_ns - _BEFORE_S * SECOND_NS)
        for log in self._sources.logs:
            for piece in log.pieces(span):
                for chunk in piece.chunks(Broken()):
                    self._take_chunk(chunk, piece.part, span)
                    self._window.forget(now_ns)
        for journal, (_, received_ns) in zip(self._sources.journals, self._tails, strict=True):
            journal.limit_ns = received_ns
            self._take_journal(journal, Span(now_ns - LENGTH_S * SECOND_NS))
            journal.limit_ns = LATEST_NS
        self._window.watch()

    def poll(self) -> None:
        """Add all new records to the window. Raises ExecauditError."""
        for follower in self._followers:
            for grown in follower.poll():
                self._take_chunk(grown.chunk, grown.part, ALWAYS)
        for index, journal in enumerate(self._sources.journals):
            journal.match()
            for _ in journal.entries(ALWAYS, after=self._cursors[index]):
                self._cursors[index] = journal.cursor()
                try:
                    self._take(journal.record())
                except MALFORMED:
                    continue

    def _take_chunk(self, chunk: Chunk, part: Part, span: Span) -> None:
        is_match = None if self._matcher is None else self._matcher.matcher(chunk, part)
        for begin, end, fields in chunk_events(chunk, part, span, Broken(), self._completeness):
            if is_match is not None and not is_match(begin):
                continue
            try:
                self._window.take(parse_line(chunk.data[begin:end]) if fields is None else fields)
            except MALFORMED:
                continue

    def _take_journal(self, journal: Journal, span: Span) -> None:
        for fields in journal_events(journal, span, _NAMES, Broken(), self._completeness):
            try:
                if self._matcher is None or self._matcher.matches(journal.record()):
                    self._window.take(fields)
            except MALFORMED:
                continue

    def _take(self, fields: Mapping[str, Any]) -> None:
        if self._matcher is None or self._matcher.matches(dict(fields)):
            self._window.take(fields)
