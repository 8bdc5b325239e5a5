# SPDX-License-Identifier: Apache-2.0
"""The daemon's own records in the stream: start, stop, lost, config, repair, summary.

Owns when which of them is written, and that each is in the sinks before anything goes on. Their
fields are those of `records.service_records` and `records.lost`.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from execaudit.daemon.limits import Limits
from execaudit.daemon.log import log
from execaudit.daemon.selfcheck.tracing_check import Repair
from execaudit.kernel.capture import Capture
from execaudit.records import service_records
from execaudit.records.host import Host
from execaudit.records.lost import Incident, Lost, lost_fields, sink_lost_fields
from execaudit.records.place import FieldDict
from execaudit.sinks.sink import Sink


class Stream(Protocol):
    """Where the records go (`flow.Flow`)."""

    host: Host

    @property
    def sinks(self) -> Sequence[Sink[Any]]:
        """The sinks that are in use."""

    def flush(self) -> None:
        """Have the sinks write what they were given."""


class Reporter:
    """Writes the daemon's own records into a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def emit(self, *records: FieldDict) -> None:
        """Give records to all sinks, and have them written."""
        for fields in records:
            for sink in self._stream.sinks:
                sink.add_fields(fields)
        self._stream.flush()

    def start(self, capture: Capture, config_hash: str, missed: FieldDict) -> None:
        """Write the first record; `capture` is the one in use from now on."""
        hook = capture.failure_hook
        how = (hook.name if hook else "", capture.failure_hook_error)
        self.emit(
            service_records.start_fields(
                self._stream.host, capture.engine, how, config_hash, missed
            )
        )

    def stop(self, totals: FieldDict) -> None:
        """Write the last record."""
        self.emit(service_records.stop_fields(self._stream.host, totals))

    def config(self, old_hash: str, new_hash: str) -> None:
        """Report another configuration."""
        if new_hash != old_hash:
            self.emit(service_records.config_fields(self._stream.host, old_hash, new_hash))

    def repair(self, repair: Repair) -> None:
        """Report that execs may have gone unseen."""
        how = (repair.reason, repair.programs, repair.is_repaired)
        self.emit(
            service_records.repair_fields(self._stream.host, how, repair.first_ns, repair.last_ns)
        )

    def lost(self, *losses: Lost) -> None:
        """Report losses that are accounted for."""
        self.emit(*[lost_fields(lost, self._stream.host) for lost in losses])

    def undelivered(self, counts: dict[str, int], reason: str, first_ns: int) -> None:
        """Report what sinks of the run before took and did not deliver, by name of the sink."""
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.emit(
            *[
                sink_lost_fields(
                    self._stream.host, name, Incident(reason, count, first_ns, now_ns, None, None)
                )
                for name, count in counts.items()
                if count
            ]
        )

    def incidents(self, sinks: Iterable[Sink[Any]]) -> None:
        """Report each outage of a sink that has ended."""
        for sink in sinks:
            for incident in sink.losses.take():
                self.emit(sink_lost_fields(self._stream.host, sink.name, incident))

    def suppressed(self, limits: Limits | None) -> None:
        """Write one summary for each key that was over its limit."""
        for field, limit in limits.by_field.items() if limits is not None else ():
            for each in limit.take_suppressed():
                self.emit(
                    service_records.summary_fields(
                        self._stream.host,
                        (field, each.key),
                        each.count,
                        each.first_ns,
                        each.last_ns,
                    )
                )


def log_notices(sinks: Iterable[Sink[Any]]) -> None:
    """Write into the log what the sinks have to say."""
    for sink in sinks:
        for priority, text in sink.notices.take():
            log(priority, text)
