# SPDX-License-Identifier: Apache-2.0
"""Which sinks there are, and how each is made of its section of the configuration.

Owns the table, what opens the sinks that are on, and what a reload changes for those that go on.
"""

import grp
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from execaudit.config.configuration import Config
from execaudit.config.schema import File, Journal, Stdout
from execaudit.errors import ExecauditError, NotConfigured
from execaudit.sinks.compression import find_compressor
from execaudit.sinks.disk_space import Thresholds
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSettings, JournalSink
from execaudit.sinks.live_file import FileSettings
from execaudit.sinks.rotation import Limits
from execaudit.sinks.selection import Selection
from execaudit.sinks.sink import Encoder, Sink
from execaudit.sinks.stdout import StdoutSettings, StdoutSink

SettingsT = TypeVar("SettingsT")


class Encoding(NamedTuple):
    """How entries are to be made."""

    format: str
    max_line_bytes: int  # 0: as long as they are


@dataclass(frozen=True, slots=True)
class SinkType(Generic[SettingsT]):
    """A kind of sink.

    Attributes:
        name: that of its section.
        section: finds it.
        settings: makes the sink's settings of it. Raises ExecauditError.
        encoding: says how it wants its entries.
        open: makes the sink of settings, encoder and selection. Raises ExecauditError. The last
            argument is how many seconds to wait for another process that is about to end.

    """

    name: str
    section: Callable[[Config], Any]
    settings: Callable[[Any], SettingsT]
    encoding: Callable[[Any], Encoding]
    open: Callable[[SettingsT, Encoder, Selection | None, float], Sink[SettingsT]]


Change = Callable[[], None]


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
            settings, selection = kind.settings(section), _selection(section)
            encoder = find_encoder(kind.encoding(section))
            sink = by_name.get(kind.name)
            if sink is not None and sink.fits(settings):
                changes.append(partial(sink.configure, settings, encoder, selection))
            else:
                sink = kind.open(settings, encoder, selection, patience_s)
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


def _file_settings(file: File) -> FileSettings:
    gid = None
    if file.group:
        try:
            gid = grp.getgrnam(file.group).gr_gid
        except KeyError:
            raise NotConfigured(
                f"Failed to use group '{file.group}' (file.group): no such group on this host"
            ) from None
    if file.compress != "none":
        find_compressor(file.compress)  # raises now, not when it is too late
    return FileSettings(
        path=file.path,
        mode=file.mode,
        gid=gid,
        max_file_bytes=file.max_file_bytes,
        max_age_s=file.max_age,
        limits=Limits(file.num_logs, file.keep_age, file.keep_bytes),
        compress=file.compress,
        fsync=file.fsync,
        fsync_interval_s=file.fsync_interval,
        thresholds=Thresholds(
            file.space_left,
            file.space_left_action,
            file.space_low,
            file.space_low_action,
            file.disk_full_action,
        ),
    )


def _line_encoding(section: File | Stdout) -> Encoding:
    return Encoding(section.format, section.max_line_bytes)


SINK_TYPES: tuple[SinkType[Any], ...] = (
    SinkType(
        "file",
        lambda config: config.file,
        _file_settings,
        _line_encoding,
        lambda settings, encoder, selection, patience_s: FileSink(
            settings, encoder, selection, patience_s=patience_s
        ),
    ),
    SinkType(
        "journal",
        lambda config: config.journal,
        lambda section: JournalSettings(section.queue_bytes),
        lambda _: Encoding("journal", 0),
        lambda settings, encoder, selection, _: JournalSink(settings, encoder, selection),
    ),
    SinkType(
        "stdout",
        lambda config: config.stdout,
        lambda _: StdoutSettings(),
        _line_encoding,
        lambda settings, encoder, selection, _: StdoutSink(settings, encoder, selection),
    ),
)

SINK_NAMES = tuple(kind.name for kind in SINK_TYPES)
