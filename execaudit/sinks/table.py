# SPDX-License-Identifier: Apache-2.0
"""Which sinks there are, and how each is made of its section of the configuration.

Owns the table, what opens the sinks that are on, and what a reload changes for those that go on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from execaudit.config.configuration import Config
from execaudit.config.schema import File, Journal, Stdout
from execaudit.errors import ExecauditError
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSink
from execaudit.sinks.selection import Selection
from execaudit.sinks.sink import Encoder, Sink
from execaudit.sinks.stdout import StdoutSink

Change = Callable[[], None]


class Encoding(NamedTuple):
    """How entries are to be made."""

    format: str
    max_line_bytes: int = 0  # 0: as long as they are


class SinkType(NamedTuple):
    """A kind of sink.

    Attributes:
        name: of the sink and its section.
        section: finds the section.
        encoding: says how the sink wants its entries.
        open: makes the sink of section, encoder, selection, and how many seconds to wait for
            another process that is about to end. Raises ExecauditError.

    """

    name: str
    section: Callable[[Config], Any]
    encoding: Callable[[Any], Encoding]
    open: Callable[[Any, Encoder, Selection | None, float], Sink[Any]]


def open_sinks(
    config: Config,
    find_encoder: Callable[[Encoding], Encoder],
    running: Sequence[Sink[Any]] = (),
    patience_s: float = 0,
) -> tuple[list[Sink[Any]], list[Change]]:
    """Open the sinks that are on; those that are running go on, if they fit.

    Return them, and what changes those that go on, to be called once the configuration is in
    force. Raises ExecauditError; then nothing has changed.
    """
    by_name = {sink.name: sink for sink in running}
    sinks: list[Sink[Any]] = []
    changes: list[Change] = []
    try:
        for kind in SINK_TYPES:
            section = kind.section(config)
            if not section.enabled:
                continue
            encoder, selection = find_encoder(kind.encoding(section)), _selection(section)
            sink = by_name.get(kind.name)
            if sink is not None and sink.fits(section):
                changes.append(partial(sink.configure, section, encoder, selection))
            else:
                sink = kind.open(section, encoder, selection, patience_s)
            sinks.append(sink)
    except ExecauditError:
        for sink in sinks:
            if sink not in running:
                sink.close()
        raise
    return sinks, changes


def _selection(section: File | Journal | Stdout) -> Selection | None:
    if not section.labels and not section.min_severity:
        return None
    return Selection(frozenset(section.labels), section.min_severity)


def _lines(section: File | Stdout) -> Encoding:
    return Encoding(section.format, section.max_line_bytes)


SINK_TYPES = (
    SinkType(
        "file",
        lambda config: config.file,
        _lines,
        lambda file, encoder, selection, patience_s: FileSink(
            file, encoder, selection, patience_s=patience_s
        ),
    ),
    SinkType(
        "journal",
        lambda config: config.journal,
        lambda _: Encoding("journal"),
        lambda journal, encoder, selection, _: JournalSink(journal, encoder, selection),
    ),
    SinkType(
        "stdout",
        lambda config: config.stdout,
        _lines,
        lambda _, encoder, selection, __: StdoutSink(encoder, selection),
    ),
)

SINK_NAMES = tuple(kind.name for kind in SINK_TYPES)
