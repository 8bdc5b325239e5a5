# SPDX-License-Identifier: Apache-2.0
"""Which file the daemon seals, and with which keys. All sinks get the seals.

Owns the key state over the daemon's life: taken at the start, kept over a reload, replaced if
`execaudit seal setup` made another one. Trouble with it is logged; records are written anyway.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from execaudit.config.seal import Seal
from execaudit.daemon.log import log
from execaudit.errors import ExecauditError
from execaudit.evidence.chain import Chain
from execaudit.evidence.state import StateFile, new_path, take_new_state
from execaudit.records.host import Host
from execaudit.records.service_records import seal_head
from execaudit.records.text import FieldDict
from execaudit.sinks.file import FileSink
from execaudit.sinks.notices import NOTICE, WARNING
from execaudit.sinks.sink import Sink


class Stream(Protocol):
    """What a sealer needs of the daemon's records (`flow.Flow`)."""

    host: Host

    @property
    def sinks(self) -> Sequence[Sink]:
        """The sinks that are in use."""

    def totals(self) -> FieldDict:
        """Return what happened to all events since the start."""


class Sealer:
    """Seals the file of a stream, if it has one and there is a key."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def _sink(self) -> FileSink | None:
        return _find_file(self._stream.sinks)

    def begin(self, settings: Seal) -> None:
        """Seal the file from now on, if there is a key."""
        sink = self._sink
        if sink is None or not settings.enabled or sink.sealing is not None:
            return
        try:
            if Path(new_path(settings.state)).exists():
                take_new_state(settings.state)
            if not Path(settings.state).exists():
                return
            file = StateFile(settings.state)
        except (ExecauditError, OSError) as error:
            log(WARNING, f"{error}, writing a log that is not sealed")
            return
        self._use(sink, Chain(file, self._describe), settings)

    def _describe(self) -> FieldDict:
        return seal_head(self._stream.host, self._stream.totals())

    def _use(self, sink: FileSink, chain: Chain, settings: Seal) -> None:
        state = chain.file.state
        sink.use_chain(chain, settings)
        log(NOTICE, f"Sealing with chain {state.chain}, from epoch {state.epoch} on")

    def seal(self, reason: str) -> None:
        """Write a seal over what was written so far; give it to all sinks."""
        sink = self._sink
        if sink is not None and sink.sealing is not None:
            sink.seal(reason)
            self.pass_on()

    def tidy(self) -> None:
        """Remove old files, now that it is known which chain names them."""
        if self._sink is not None:
            self._sink.tidy()
            self.pass_on()

    def pass_on(self) -> None:
        """Give seals that the file has to the other sinks as well."""
        source = self._sink
        if source is not None and source.sealing is not None:
            self._give(source.sealing.chain.take())

    def _give(self, seals: Iterable[FieldDict]) -> None:
        for fields in seals:
            for sink in self._stream.sinks:
                if not isinstance(sink, FileSink):
                    sink.add_fields(fields)
                    sink.flush()

    def reconfigure(self, settings: Seal, old_sinks: Sequence[Sink]) -> None:
        """Go on under another configuration; `old_sinks` are not closed yet."""
        before, sink = _find_file(old_sinks), self._sink
        if before is None or before.sealing is None:
            self.begin(settings)
            self.seal("reload")
            return
        sealing = before.sealing
        chain = sealing.chain
        has_new = Path(new_path(settings.state)).exists()
        if has_new:
            sealing.announce_chain(settings.state)
        before.seal("setup" if has_new else "reload")
        self._give(chain.take())
        is_over = sink is None or not settings.enabled or has_new
        if is_over or sink is not before or settings.state != chain.file.path:
            before.release_chain()
            if is_over or settings.state != chain.file.path:
                chain.close()
                self.begin(settings)
            elif sink is not None:
                chain.note_removed([], (chain.file.state.chain, chain.file.state.epoch))
                self._use(sink, chain, settings)
            self.seal("start")
        else:
            sealing.settings = settings


def _find_file(sinks: Iterable[Sink]) -> FileSink | None:
    return next((sink for sink in sinks if isinstance(sink, FileSink)), None)
