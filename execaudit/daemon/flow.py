# SPDX-License-Identifier: Apache-2.0
"""From the ring buffer to the sinks: the way of every record through the running daemon.

Owns draining, settling, handing batches to the sinks, and the daemon's own records in between. When
any of it is done, and what a signal means, is the business of `loop`.
"""

import time

from execaudit.daemon import meters
from execaudit.daemon.build import Parts, Sink, env_names, kernel_keys
from execaudit.daemon.log import log
from execaudit.daemon.stage import Stage
from execaudit.kernel.capture import Capture
from execaudit.kernel.ring import Ring
from execaudit.records import events
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.records.pipeline import Pipeline


class Flow:
    """The parts of a configuration at work on what a capture delivers."""

    def __init__(self, host: Host, parts: Parts, capture: Capture) -> None:
        self.host = host
        self.parts = parts
        self.capture = capture
        self.ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
        self.high_water = 0
        # The pipeline outlives reloads: it knows which sequence numbers have been seen.
        self.pipeline = Pipeline(
            host,
            env_names(parts.loaded.config),
            encoder=_Indirect(self),
            finish=lambda fields: self.parts.stage.finish(fields),
        )
        if capture.settings.exits:
            self.pipeline.measure_durations()

    def attach(self) -> None:
        """Begin: from here on, execs are seen, and the kernel's rules are in force."""
        self.capture.attach()
        self.capture.set_rules(kernel_keys(self.parts))

    # -- events -----------------------------------------------------------------------------

    def drain(self) -> None:
        """Take what is in the ring now. Reading on to its end might have none in a storm."""
        stage = self.parts.stage
        left = self.ring.pending()
        self.high_water = max(self.high_water, left)
        while left > 0:
            buf, offsets = self.ring.read()
            if not buf:
                return
            left -= len(buf)
            stage.now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self.pipeline.lines(buf, offsets)
            self.flush()

    def flush(self) -> None:
        """Hand each sink its share of the batch."""
        for outlet, sink in zip(self.parts.stage.outlets, self.parts.sinks, strict=True):
            if outlet.batch:
                batch, outlet.batch = outlet.batch, []
                sink.write(batch)

    def settle(self) -> bool:
        """Account for what no later event tells of; whether failures are still held back."""
        # In this order: whatever the counters tell of has then come out of the ring, or never will.
        slots, misses = self.capture.slots(), self.capture.misses()
        self.drain()
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        stage = self.parts.stage
        for fields in self.pipeline.settle(slots, misses, now_ns):
            stage.emit(fields)
        is_holding = stage.expire(now_ns)
        self.flush()
        return is_holding

    def swap(self, parts: Parts) -> None:
        """Put other parts in force between two batches."""
        self.drain()  # what was captured under the old rules is judged by them
        old, self.parts = self.parts, parts
        self.capture.set_rules(kernel_keys(parts))
        parts.stage.succeed(old.stage)
        self.tell_suppressed(old.stage)
        self.pipeline.select_env(env_names(parts.loaded.config))
        for sink in old.sinks:
            if sink not in parts.sinks:
                sink.close()
                self.tell_notices(sink)
        if parts.loaded.config_hash != old.loaded.config_hash:
            parts.stage.emit(
                events.config_fields(self.host, old.loaded.config_hash, parts.loaded.config_hash)
            )
        self.flush()

    def stop(self) -> None:
        """Detach, drain, settle, say goodbye, flush."""
        self.capture.detach()
        self.settle()
        stage = self.parts.stage
        stage.finish_held()
        self.tell_suppressed(stage)
        self.tell_incidents()
        stage.emit(events.stop_fields(self.host, self.totals()))
        self.flush()
        for sink in self.parts.sinks:
            sink.close()
        self.tell_notices()
        self.ring.close()

    # -- records about the daemon itself ------------------------------------------------------

    def tell_start(self) -> None:
        """Write the `start` record."""
        hook = self.capture.failure_hook
        missed: FieldDict = {}
        for sink in self.parts.sinks:
            tail = getattr(sink, "tail", None)
            if tail is not None and getattr(tail, "last", None):
                missed["last_record"] = tail.last
        fields = events.start_fields(
            self.host,
            self.capture.engine,
            (hook.name if hook else "", self.capture.failure_hook_error),
            self.parts.loaded.config_hash,
            missed,
        )
        self.parts.stage.emit(fields)
        self.flush()

    def tell_incidents(self) -> None:
        """Write a `lost` record for each outage of a sink that has ended."""
        for sink in self.parts.sinks:
            for incident in sink.take_lost():
                fields = events.sink_lost_fields(
                    self.host,
                    sink.name,
                    incident.reason,
                    incident.count,
                    incident.first_ns,
                    incident.last_ns,
                )
                self.parts.stage.emit(fields)
        self.flush()

    def tell_suppressed(self, stage: Stage) -> None:
        """Write a `summary` record for each key that was over its limit."""
        for field, limit in stage.limits.items():
            for suppressed in limit.take_suppressed():
                self.parts.stage.emit(events.summary_fields(self.host, field, suppressed))
        self.flush()

    def tell_notices(self, *closed: Sink) -> None:
        """Log what the sinks have to say."""
        for sink in (*self.parts.sinks, *closed):
            for priority, text in sink.take_notices():
                log(priority, text)

    def totals(self) -> FieldDict:
        """What happened to all events since the start."""
        return meters.totals(self.pipeline.counts, self.parts.stage.counts, self.capture.dropped())


class _Indirect:
    """The encoder of the stage in force, whichever that is."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def encode(self, buf: bytes, at: int, head: tuple[int, ...], /) -> bytes | None:
        return self._flow.parts.stage.encode(buf, at, head)

    def encode_exit(
        self, buf: bytes, at: int, head: tuple[int, ...], duration_ns: int | None, /
    ) -> bytes | None:
        return self._flow.parts.stage.encode_exit(buf, at, head, duration_ns)

    def follow_clock(self) -> None:
        self._flow.parts.stage.follow_clock()
