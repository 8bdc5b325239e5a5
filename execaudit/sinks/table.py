# SPDX-License-Identifier: Apache-2.0
"""Which sinks exist, and how each is made from its section of the configuration.

Owns the table, opening the enabled sinks, and what a reload changes for those that go on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from execaudit.config.configuration import Config
from execaudit.config.schema import File, Journal, Stdout
from execaudit.errors import ExecauditError
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSink
from execaudit.sinks.sink import Encoder, Selection, Sink
from execaudit.sinks.stdout import StdoutSink

Change = Callable[[], None]


class Encoding(NamedTuple):
    """How a sink wants its entries."""

    format: str
    max_line_bytes: int = 0  # 0: as long as they are
    fields: str | tuple[str, ...] = "all"  # of the journal's entries


def _open_file(file: File, encoder: Encoder, selection: Selection | None, wait_s: float) -> Sink:
    return FileSink(file, encoder, selection, patience_s=wait_s)


def _open_journal(
    section: Journal, encoder: Encoder, selection: Selection | None, _: float
) -> Sink:
    return JournalSink(section, encoder, selection)


def _open_stdout(_: Stdout, encoder: Encoder, selection: Selection | None, __: float) -> Sink:
    return StdoutSink(encoder, selection)


# By name of sink and section. Arguments: section, encoder, selection, and the seconds to wait for
# another process that is about to end.
_OPENERS: dict[str, Callable[[Any, Encoder, Selection | None, float], Sink]] = {
    "file": _open_file,
    "journal": _open_journal,
    "stdout": _open_stdout,
}


def open_sinks(
    config: Config,
    find_encoder: Callable[[Encoding], Encoder],
    running: Sequence[Sink] = (),
    patience_s: float = 0,
) -> tuple[list[Sink], list[Change]]:
    """Open the enabled sinks; running ones that fit go on. Return them, and pending changes.

    Call the changes, which are for sinks that go on, once the configuration is in force. Raises
    ExecauditError; nothing has changed then.
    """
    by_name = {sink.name: sink for sink in running}
    sinks: list[Sink] = []
    changes: list[Change] = []
    try:
        for name, open_sink in _OPENERS.items():
            section = getattr(config, name)
            if not section.enabled:
                continue
            encoder, selection = find_encoder(_encoding(section)), _selection(section)
            sink = by_name.get(name)
            if sink is not None and sink.fits(section):
                changes.append(partial(sink.configure, section, encoder, selection))
            else:
                sink = open_sink(section, encoder, selection, patience_s)
            sinks.append(sink)
    except ExecauditError:
        for sink in sinks:
            if sink not in running:
                sink.close()
        raise
    return sinks, changes


def _encoding(section: File | Journal | Stdout) -> Encoding:
    if isinstance(section, Journal):
        return Encoding("journal", fields=section.fields)
    return Encoding(section.format, section.max_line_bytes)


def _selection(section: File | Journal | Stdout) -> Selection | None:
    if not section.labels and not section.min_severity:
        return None
    return Selection(frozenset(section.labels), section.min_severity)
