# SPDX-License-Identifier: Apache-2.0
"""From the ring buffer to the sinks: the way of every record through the running daemon.

Owns draining, settling, handing batches to the sinks, and the checkpoint of it. What is in the
ring is freed only after the sinks have it: a process that is killed leaves it for the next one.
When any of this is done, and what a signal means, is the business of `loop`.
"""

import time

from execaudit.daemon import meters
from execaudit.daemon.build import Parts, env_names, kernel_keys, kernel_rules
from execaudit.daemon.handover import adoption
from execaudit.daemon.handover.checkpoint import Checkpoint, CheckpointFile, Totals
from execaudit.daemon.handover.duplicates import Duplicates
from execaudit.daemon.log import log
from execaudit.daemon.selfcheck.canary import Canary
from execaudit.daemon.selfcheck.tracing_check import Repair
from execaudit.daemon.telling import Teller
from execaudit.engine.choice import open_capture
from execaudit.errors import ExecauditError
from execaudit.kernel import libbpf
from execaudit.kernel.capture import Capture
from execaudit.kernel.ring import Ring
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.records.pipeline import Pipeline
from execaudit.sinks.accounting import NOTICE
from execaudit.wire.decode import event_at

SINKS = ("file", "journal", "stdout")
"""Names of all sinks there can be."""
_MOST_HELD = 4  # a quarter of the ring
_LAST_WORDS_S = 1.0
_BURST, _CALM = 1024, 256  # events, the latter since it was last looked


class Flow:
    """The parts of a configuration at work on what a capture delivers.

    With `checkpoint`, it goes on where another process with the same capture ended.
    """

    def __init__(
        self,
        host: Host,
        parts: Parts,
        capture: Capture,
        file: CheckpointFile | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.host = host
        self.parts = parts
        self.high_water = 0
        self.tell = Teller(self)
        self.canary = Canary()
        # The pipeline outlives reloads: it knows which sequence numbers have been seen.
        self.pipeline = Pipeline(
            host,
            env_names(parts.loaded.config),
            encoder=parts.stage,
            finish=lambda fields: self.parts.stage.finish(fields),
        )
        if capture.settings.exits:
            self.pipeline.measure_durations()
        self._seen_before = self._trimmed_at = 0
        self._dropped_before = 0  # by captures that were replaced
        self._use(capture, file)
        self.duplicates: Duplicates | None = None
        if checkpoint is not None:
            self._dropped_at_start = capture.dropped()
            seqs = {key: seq for key, seq, _, _ in checkpoint.streams}
            self.duplicates = Duplicates(seqs, set(checkpoint.held_back))
            self.pipeline.resume(checkpoint.streams, checkpoint.misses, self.duplicates)
            self.ring.position = max(self.ring.position, checkpoint.position)

    def _use(self, capture: Capture, file: CheckpointFile | None) -> None:
        self.capture = capture
        self.file = file
        self.ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
        self._dropped_at_start = 0
        self._committed = -1
        self._undelivered: dict[str, int] = {}

    def attach(self) -> None:
        """Begin: from here on, execs are seen, and the kernel's rules are in force."""
        self.capture.attach()
        self.resume_rules()

    def resume_rules(self) -> None:
        """Put the rules in force with programs that are attached."""
        self._set_rules(kernel_keys(self.parts), self.parts)

    def refresh_rules(self) -> None:
        """Look again for the programs and control groups that the kernel's rules are about.

        A program that was replaced has another inode: until then user space decides.
        """
        parts = self.parts
        if not parts.kernel.watched:
            return
        before, old = parts.kernel.keys, parts.programs
        parts.kernel, parts.programs = kernel_rules(parts.rules)
        if parts.kernel.keys != before:
            self.resume_rules()
        old.close()

    def _set_rules(self, keys: dict[tuple[int, int, int], int], old: Parts) -> None:
        """Give the kernel other rules; what those of `old` have hit there is not forgotten."""
        for rule, hits in self.capture.set_rules(keys).items():
            if old.rules is not None:
                old.rules.kernel_hits[rule] += hits

    def keep(self) -> None:
        """Have the manager keep what the next process needs, where there is one."""
        self.file = adoption.create_checkpoint_file(self.capture, self.host.boot, SINKS)
        if self.file is not None:
            self._commit()
            adoption.hand_over(self.capture, self.file)

    def restart_capture(self) -> None:
        """Go on with new programs, maps and a new ring. Raises OSError or ExecauditError."""
        names = adoption.descriptor_names(self.capture) if self.file is not None else []
        with open_capture(self.capture.engine, self.capture.settings) as fresh:
            self.replace(fresh)
        adoption.withdraw(names)
        self.capture.close_trials()
        self.keep()

    def last_seen_ns(self) -> dict[int, int]:
        """Return the time of the newest event of each hook."""
        seen_ns: dict[int, int] = {}
        for key, _, time_ns, _ in self.pipeline.standing()[0]:
            seen_ns[key & 7] = max(seen_ns.get(key & 7, 0), time_ns)
        return seen_ns

    def report_repair(self, repair: Repair) -> None:
        """Write a `repair` record."""
        self.tell.repair(repair)

    def follow_host(self) -> None:
        """Take over another name, a step of the clock and users: for records without a batch."""
        self.follow_name()
        self.pipeline.follow_host()

    def follow_name(self) -> None:
        """Take over another name. DHCP names a host long after the first programs have run."""
        before = self.host.name
        if self.host.follow_name():
            log(NOTICE, f"This host is '{self.host.name}' now and was '{before}'")
            self.parts.stage.follow_name()

    # -- events -----------------------------------------------------------------------------

    def drain(self) -> None:
        """Take what is in the ring now. Reading on to its end might have none in a storm."""
        ring, stage = self.ring, self.parts.stage
        if not ring.is_readable():
            return  # the self-check will see to it
        left = ring.pending()
        self.high_water = max(self.high_water, left)
        while left > 0:
            self.pipeline.position = ring.position
            if stage.collapser is not None:
                stage.collapser.position = ring.position
            buf, offsets = ring.take()
            if not buf:
                return
            left -= len(buf)
            stage.now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            if self.canary.is_pending:
                offsets = self._skip_own(buf, offsets)
            self.pipeline.lines(buf, offsets)
            if self.file is not None:
                self.file.begin_batch(ring.position)
            self.flush()

    def _skip_own(self, buf: bytes, offsets: list[int]) -> list[int]:
        """Take the events of a batch as far as the last of our own; the rest of it."""
        begin = 0
        for index, at in enumerate(offsets):
            if self.canary.owns(event_at(buf, at)):
                self.pipeline.lines(buf, offsets[begin:index])
                for fields in self.pipeline.skip(buf, at):
                    self.parts.stage.emit(fields)
                begin = index + 1
        return offsets[begin:]

    def flush(self) -> None:
        """Hand each sink its share of the batch; then it is done with."""
        for outlet, sink in zip(self.parts.stage.outlets, self.parts.sinks, strict=True):
            if outlet.batch:
                batch, outlet.batch = outlet.batch, []
                sink.write(batch)
                self._committed = -1
        if self._committed != self.ring.position:
            self._commit()

    def keep_up(self) -> None:
        """Note what the sinks have done by themselves since."""
        if self.file is not None and self._undelivered != self._count_undelivered():
            self._commit()

    @property
    def is_holding(self) -> bool:
        """Whether something that was read is still in the ring: the kernel then wakes nobody."""
        return self._committed != self.ring.position

    def _commit(self, *, is_stopped: bool = False) -> None:
        """Note in the checkpoint what is done with, and let the kernel have its room."""
        ring, file = self.ring, self.file
        position = ring.position
        if file is not None:
            collapser = self.parts.stage.collapser
            waiting = (self.pipeline.waits_from, collapser.waits_from if collapser else None)
            position = min([at for at in waiting if at is not None], default=position)
            position = max(position, ring.position - ring.size // _MOST_HELD)
            self._undelivered = self._count_undelivered()
            streams, misses = self.pipeline.standing()
            file.commit(
                Checkpoint(
                    time.clock_gettime_ns(time.CLOCK_BOOTTIME),
                    is_stopped,
                    position,
                    self._own_totals(),
                    self._dropped_at_start,
                    self._undelivered,
                    misses,
                    streams,
                    collapser.held() if collapser else [],
                )
            )
        ring.free(position)
        self._committed = position

    def _own_totals(self) -> Totals:
        counts, stage = self.pipeline.counts, self.parts.stage.counts
        before = self._dropped_before
        return Totals(
            *(counts.seen + before, stage.dropped + before, stage.limited, stage.collapsed),
            *(counts.lost, counts.undecodable),
        )

    def _count_undelivered(self) -> dict[str, int]:
        return {sink.name: sink.losses.undelivered for sink in self.parts.sinks}

    def settle(self) -> bool:
        """Account for what no later event tells of; whether it has to be done again soon."""
        # In this order: whatever the counters tell of has then come out of the ring, or never will.
        slots, misses = self.capture.slots(), self.capture.misses()
        self.drain()
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        stage = self.parts.stage
        for fields in self.pipeline.settle(slots, misses, now_ns):
            stage.emit(fields)
        is_holding = stage.expire(now_ns)
        self._committed = -1
        self.flush()
        return self._give_back() or is_holding

    def _give_back(self) -> bool:
        """Give back what a burst took, batches and their lines, once it is over; whether it is not.

        Nothing is given back during one: it would be taken anew for the next batch.
        """
        seen, before = self.pipeline.counts.seen, self._seen_before
        self._seen_before = seen
        if seen - self._trimmed_at < _BURST:
            return False
        if seen - before > _CALM:
            return True
        libbpf.trim_heap()
        self._trimmed_at = seen
        return False

    def swap(self, parts: Parts) -> None:
        """Put other parts in force between two batches."""
        self.drain()  # what was captured under the old rules is judged by them
        old, self.parts = self.parts, parts
        self._set_rules(kernel_keys(parts), old)
        old.programs.close()
        for change in parts.changes:
            change()
        parts.stage.succeed(old.stage)
        self.pipeline.use(parts.stage)
        self.tell.suppressed(old.stage)
        self.pipeline.select_env(env_names(parts.loaded.config))
        self._succeed_sinks(old)
        self.tell.config(old.loaded.config_hash)

    def _succeed_sinks(self, old: Parts) -> None:
        """Close the sinks that are no more; what they counted and lost goes on in the new ones."""
        heirs = {
            sink.name: (sink, outlet)
            for sink, outlet in zip(self.parts.sinks, self.parts.stage.outlets, strict=True)
        }
        for sink, outlet in zip(old.sinks, old.stage.outlets, strict=True):
            heir = heirs.get(sink.name)
            if heir is not None:
                heir[1].deselected += outlet.deselected
            if heir is not None and heir[0] is sink:
                continue
            sink.close()
            sink.losses.hand_over(heir[0].losses if heir else None)
            self.tell.incidents(sink)
            self.tell.notices(sink)

    def replace(self, fresh: Capture) -> int:
        """Go on with another capture; how many events took place between the two.

        The old one is muted and read to its end; from there until the new one is attached it goes
        on counting. What it counted is reported as lost. The old capture is closed, and `fresh` is
        left empty. Where `fresh` cannot be attached, the old one goes on.
        """
        old = self.capture
        self._set_rules({}, self.parts)  # from here on its count of dropped events stands still
        dropped = old.dropped()
        first_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        old.mute()
        self._drain_to_the_end()
        try:
            fresh.attach()
        except ExecauditError:
            self.resume_rules()
            raise
        fresh = fresh.take()
        missed = _count_between(old, fresh, dropped)
        last_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        fresh.set_rules(kernel_keys(self.parts))
        self._dropped_before += dropped - self._dropped_at_start
        self.ring.close()
        if self.file is not None:
            self.file.close()
        old.close()
        self._use(fresh, None)
        if missed:
            self.tell.lost(self.pipeline.lose("handover", missed, first_ns, last_ns))
        self.flush()
        return missed

    def _drain_to_the_end(self) -> None:
        """Read all that a muted capture has; a program may still be at work for a moment."""
        end_s = time.monotonic() + _LAST_WORDS_S
        while True:
            slots, misses = self.capture.slots(), self.capture.misses()
            self.drain()
            is_over = self.pipeline.has_all(slots) or not self.ring.is_readable()
            if is_over or time.monotonic() >= end_s:
                break
        self.tell.lost(
            *self.pipeline.close(slots, misses, time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        )

    def stop(self, *, is_kept: bool) -> None:
        """Drain, settle, say goodbye, flush. Programs that are kept stay attached."""
        if not is_kept:
            self.capture.detach()
        self.follow_host()
        self.settle()
        stage = self.parts.stage
        stage.finish_held()
        self.tell.suppressed(stage)
        self.tell.incidents()
        self.tell.stop()
        for sink in self.parts.sinks:
            sink.close()
        self.tell.notices()
        self._commit(is_stopped=True)
        self.parts.programs.close()
        self.ring.close()

    def totals(self) -> FieldDict:
        """What happened to all events since the start."""
        dropped = self.capture.dropped() - self._dropped_at_start + self._dropped_before
        return meters.totals(self.pipeline.counts, self.parts.stage.counts, dropped)


def _count_between(old: Capture, fresh: Capture, dropped: int) -> int:
    """Events that a muted capture counted and a new one, attached meanwhile, did not see.

    Both count until the old one is closed: what they say is compared at a moment without events.
    """
    for _ in range(100):
        before = fresh.seen()
        missed = old.dropped() - dropped - before
        if fresh.seen() == before:
            break
    return max(0, missed)
