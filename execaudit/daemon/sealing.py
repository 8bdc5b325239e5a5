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
from execaudit.errors import ExecauditError, failed_call
from execaudit.evidence.chain import Chain
from execaudit.evidence.state import (
    StateFile,
    has_new_state,
    read_new_chain,
    take_new_state,
)
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

    def begin(self, settings: Seal, *, is_named: bool = False) -> None:
        """Seal the file from now on, if there is a key.

        `is_named`: the chain in use has named the one that was set up to follow it.
        """
        sink = self._sink
        if sink is None or not settings.enabled or sink.sealing is not None:
            return
        path = settings.state
        try:
            if has_new_state(path) and (is_named or self._end_chain(sink, settings)):
                take_new_state(path)
            if sink.sealing is None and Path(path).exists():
                self._use(sink, Chain(StateFile(path), self._describe), settings)
        except OSError as error:
            reason = failed_call(f"use key state '{path}'", error)
            log(WARNING, f"{reason}, writing a log that is not sealed")
        except ExecauditError as error:
            log(WARNING, f"{error}, writing a log that is not sealed")

    def _end_chain(self, sink: FileSink, settings: Seal) -> bool:
        """Let the chain of the run before name the one that follows; return False if it goes on."""
        try:
            chain = Chain(StateFile(settings.state), self._describe)
        except ExecauditError:
            return True  # there is none, or it is damaged: nothing can name the other one
        self._use(sink, chain, settings)
        if not self._name_next(sink, settings.state):
            return False
        sink.release_chain()
        chain.close()
        return True

    def _name_next(self, sink: FileSink, path: str) -> bool:
        """Name the chain that was set up in a last seal; return True if there is such a seal."""
        if sink.sealing is None or not has_new_state(path):
            return False
        chain = sink.sealing.chain
        epoch = chain.file.state.epoch
        try:
            name = read_new_chain(path)
        except ExecauditError as error:
            log(WARNING, f"{error}, going on with the key in use")
            return False
        chain.mark_next_chain(name)
        sink.seal("setup")
        self._give(chain.take())
        if chain.file.state.epoch == epoch:
            log(WARNING, f"Failed to name chain {name} in a seal, going on with the key in use")
            return False
        return True

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
        sealing = before.sealing if before is not None else None
        if before is None or sealing is None:
            self.begin(settings)
            self.seal("start")
            return
        chain = sealing.chain
        is_named = self._name_next(before, settings.state)
        if not is_named:
            before.seal("reload")
            self._give(chain.take())
        goes_on = settings.enabled and settings.state == chain.file.path and not is_named
        if goes_on and sink is before:
            sealing.settings = settings
            return
        before.release_chain()
        if goes_on and sink is not None:
            self._use(sink, chain, settings)
        else:
            chain.close()
            self.begin(settings, is_named=is_named)
        self.seal("start")


def _find_file(sinks: Iterable[Sink]) -> FileSink | None:
    return next((sink for sink in sinks if isinstance(sink, FileSink)), None)
