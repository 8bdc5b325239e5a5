# SPDX-License-Identifier: Apache-2.0
"""The daemon's own records in the stream: start, stop, lost, config, repair, summary.

Owns when which of them is written, and that each is in the sinks before anything goes on. Their
fields are those of `events`.
"""

import time
from typing import Protocol

from execaudit.daemon.build import Parts, Sink
from execaudit.daemon.log import log
from execaudit.daemon.selfcheck.tracing_check import Repair
from execaudit.daemon.stage import Stage
from execaudit.kernel.capture import Capture
from execaudit.records import events
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.sinks.accounting import Incident


class Stream(Protocol):
    """Where the records go (`flow.Flow`)."""

    host: Host
    parts: Parts

    def flush(self) -> None:
        """Hand to the sinks what the stage has."""

    def totals(self) -> FieldDict:
        """What happened to all events since the start."""


class Teller:
    """Writes them into what flows."""

    def __init__(self, flow: Stream) -> None:
        self._flow = flow

    def _emit(self, *records: FieldDict) -> None:
        for fields in records:
            self._flow.parts.stage.emit(fields)
        self._flow.flush()

    def start(self, capture: Capture, missed: FieldDict) -> None:
        """The first record; `capture` is the one in force from now on."""
        hook = capture.failure_hook
        config_hash = self._flow.parts.loaded.config_hash
        how = (hook.name if hook else "", capture.failure_hook_error)
        self._emit(events.start_fields(self._flow.host, capture.engine, how, config_hash, missed))

    def stop(self) -> None:
        """The last record."""
        self._emit(events.stop_fields(self._flow.host, self._flow.totals()))

    def config(self, old_hash: str) -> None:
        """Another configuration is in force, if it is another."""
        new_hash = self._flow.parts.loaded.config_hash
        if new_hash != old_hash:
            self._emit(events.config_fields(self._flow.host, old_hash, new_hash))

    def repair(self, repair: Repair) -> None:
        """Execs may have gone unseen, for this reason."""
        how = (repair.reason, repair.programs, repair.is_repaired)
        times = (repair.first_ns, repair.last_ns)
        self._emit(events.repair_fields(self._flow.host, how, *times))

    def lost(self, *records: FieldDict) -> None:
        """Losses that the pipeline has counted."""
        self._emit(*records)

    def undelivered(self, counts: dict[str, int], reason: str, first_ns: int) -> None:
        """What sinks of the run before had taken when it ended, and did not deliver."""
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._emit(
            *[
                events.sink_lost_fields(
                    self._flow.host, name, Incident(reason, count, first_ns, now_ns, None, None)
                )
                for name, count in counts.items()
                if count
            ]
        )

    def incidents(self, *closed: Sink) -> None:
        """One `lost` record for each outage of a sink that has ended."""
        for sink in (*self._flow.parts.sinks, *closed):
            for incident in sink.losses.take():
                self._emit(events.sink_lost_fields(self._flow.host, sink.name, incident))

    def suppressed(self, stage: Stage) -> None:
        """One `summary` record for each key that was over its limit."""
        for field, limit in stage.limits.items():
            for suppressed in limit.take_suppressed():
                self._emit(events.summary_fields(self._flow.host, field, suppressed))

    def notices(self, *closed: Sink) -> None:
        """What the sinks have to say, into the log."""
        for sink in (*self._flow.parts.sinks, *closed):
            for priority, text in sink.notices.take():
                log(priority, text)
