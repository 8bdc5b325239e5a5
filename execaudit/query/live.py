# SPDX-License-Identifier: Apache-2.0
"""Yields matching records as they are written, in logs and journals.

Owns taking turns among several sources.
"""

from collections.abc import Callable, Iterator

from execaudit.query.journal_search import JournalSearch
from execaudit.query.scan import Hit, Question, Scanner
from execaudit.store.completeness import Completeness
from execaudit.store.follow import INTERVAL_S, Follower, pause
from execaudit.store.sources import Sources
from execaudit.store.times import LATEST_NS


def follow_all(
    sources: Sources,
    question: Question,
    completeness: Completeness,
    first: Callable[[], None],
    looked: Callable[[], None] = lambda: None,
    wait: Callable[[], bool] = pause,
) -> Iterator[Hit]:
    """Yield records that are written from now on and match.

    `first` is called once the position of "now" is fixed in each source: it reads up to there.
    `looked` is called after each look. Raises ExecauditError.
    """
    followers = [Follower(log, sources.broken) for log in sources.logs]
    scanners = [Scanner(question, sources.broken, completeness) for _ in followers]
    journals = [
        JournalSearch(journal, question, sources.broken, completeness)
        for journal in sources.journals
    ]
    tails = [journal.tail() for journal in sources.journals]
    cursors = [cursor for cursor, _ in tails]
    try:
        for journal, (_, received_ns) in zip(sources.journals, tails, strict=True):
            journal.limit_ns = received_ns
        first()
        for journal in sources.journals:
            journal.limit_ns = LATEST_NS
        while True:
            for follower, scanner in zip(followers, scanners, strict=True):
                for grown in follower.poll():
                    yield from scanner.chunk_hits(grown.chunk, grown.part)
            for index, search in enumerate(journals):
                yield from search.hits(after=cursors[index])
                cursors[index] = search.last_cursor or cursors[index]
            looked()
            if sources.journals and not followers:
                sources.journals[0].wait(INTERVAL_S)
            elif not wait():
                return
    finally:
        for follower in followers:
            follower.close()
