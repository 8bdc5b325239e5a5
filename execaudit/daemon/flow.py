# SPDX-License-Identifier: Apache-2.0
"""The way of every record, from the ring buffer to the sinks.

Owns the loop over events, settling with the kernel's own counts, and the contents of the
checkpoint. Room in the ring is freed only after the sinks have what is there: a process that is
killed leaves it for the next one. `loop` decides when any of this happens, and what a signal means.
"""

import time

from execaudit.daemon.handover.checkpoint import Checkpoint, CheckpointFile, Duplicates, Totals
from execaudit.daemon.handover.process_memory import ProcessMemory
from execaudit.daemon.kernel_counts import KernelCounts
from execaudit.daemon.log import log
from execaudit.daemon.path_search import PathSearch
from execaudit.daemon.sealing import Sealer
from execaudit.daemon.selfcheck.canary import Canary
from execaudit.daemon.settling import Pressure
from execaudit.daemon.setup import Setup, env_names
from execaudit.kernel import heap
from execaudit.kernel.capture import Capture
from execaudit.kernel.ring import Ring
from execaudit.records.accounting import Accounting
from execaudit.records.host import Host
from execaudit.records.lost import Lost, lost_fields
from execaudit.records.place import PlaceDescriber
from execaudit.records.process_commands import MOST_BYTES, ProcessCommands
from execaudit.records.redact_event import redact_event
from execaudit.records.text import FieldDict
from execaudit.sinks.notices import NOTICE, WARNING
from execaudit.sinks.sink import Sink
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event

_HELD_BACK_PART = 4  # of the ring, at most a quarter waits for a record that is incomplete


class Flow:
    """What a configuration set up, at work on what a capture delivers.

    Attributes:
        setup: what the configuration in force gives.
        high_water: the most bytes that were in the ring.
        pressure: how much the ring held since it was settled.
        dropped, limited, collapsed: events that went no further than the rules, the limits, or
            the record of another one.
        dropped_before: by rules in the kernel, with captures that were replaced.
        commands: what processes run, of those that were seen to start.
        canary: our own execs, which are accounted for and not recorded.
        file: where the checkpoint is noted; None where there is no manager to keep it.
        duplicates: events that the previous process had finished.

    """

    def __init__(
        self, host: Host, setup: Setup, capture: Capture, processes: ProcessMemory | None = None
    ) -> None:
        self.host = host
        self._processes = processes or ProcessMemory()
        self.setup = setup
        self.high_water = 0
        self.dropped = self.limited = self.collapsed = self.dropped_before = 0
        self.checks = 0
        self.pressure = Pressure(is_swollen=True)  # by the start
        self.sealer = Sealer(self)
        self.canary = Canary()
        self.duplicates: Duplicates | None = None
        self.path_search = PathSearch() if setup.collapses else None
        self.accounting = Accounting(measures_durations=capture.settings.exits)
        self.commands = ProcessCommands()
        setup.use_commands(self.commands)
        self._describe = PlaceDescriber(host, self.commands)
        self.decoder = Decoder(env_names(setup.config), self._describe)
        self._followed = (host.wall_offset_ns, host.names_version)
        self.use_capture(capture)

    def use_capture(self, capture: Capture) -> None:
        """Read from a capture from now on; it has no checkpoint so far."""
        self.capture = capture
        self.file: CheckpointFile | None = None
        self.ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
        self.dropped_at_start = 0
        self._kernel_counts = KernelCounts(capture)
        self._undelivered: dict[str, int] = {}

    def resume(self, file: CheckpointFile, checkpoint: Checkpoint) -> None:
        """Continue where another process with the same capture ended."""
        self.file = file
        self.dropped_at_start = self._kernel_counts.dropped()
        seqs = {key: seq for key, seq, _, _ in checkpoint.streams}
        self.duplicates = Duplicates(seqs, set(checkpoint.held_back))
        self.accounting.resume(checkpoint.streams, checkpoint.misses, self.duplicates)
        self.ring.position = max(self.ring.position, checkpoint.position)

    def use_file(self, file: CheckpointFile) -> None:
        """Keep the checkpoint there from now on."""
        self.file = file
        self._commit()

    @property
    def sinks(self) -> list[Sink]:
        """The sinks that are in use."""
        return self.setup.sinks

    # -- the way of every record --------------------------------------------------------------

    def drain(self) -> None:
        """Take what is in the ring now, and no more: in a storm its end never comes."""
        ring, search = self.ring, self.path_search
        if not ring.is_readable():
            return  # the self-check reports it
        left = ring.pending()
        self.high_water = max(self.high_water, left)
        self.pressure.note(left, ring.size)
        while left > 0:
            self.decoder.position = ring.position
            if search is not None:
                search.position = ring.position
            buf, offsets = ring.take()
            if not buf:
                return
            left -= len(buf)
            self.follow_host()
            self._take(buf, offsets)
            if self.file is not None:
                self.file.begin_batch(ring.position)
            self.flush()

    def _take(self, buf: bytes, offsets: list[int]) -> None:
        """Decode, account, put failed look-ups together, and deliver a batch."""
        search, canary = self.path_search, self.canary
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for event in self.accounting.admit(self.decoder.decode(buf, offsets)):
            if isinstance(event, Lost):
                self._add(lost_fields(event, self.host))
            elif canary.is_pending and canary.owns(event):
                self.accounting.uncount()
                self.checks += 1
            elif search is not None and (event.error or event.pid in search.pending):
                for certain in search.add(event, now_ns):
                    self._deliver(certain, now_ns)
            else:
                self._deliver(event, now_ns)

    def _deliver(self, event: Event, now_ns: int) -> None:
        """Decide about an event, redact it, and give it to the sinks."""
        setup = self.setup
        if event.path_search:
            self.collapsed += len(event.path_search) - (event.error != 0)
        is_started = not event.hook and event.type == "exec"
        if is_started:
            self.commands.remember(event)
        baseline = setup.baseline
        if is_started and baseline is not None and event.place.looked_at is not baseline.period:
            baseline.look(event)
        if setup.rules is not None and setup.rules.drops(event):
            self.dropped += 1
            return
        if setup.limits is not None and not setup.limits.allow(event, now_ns):
            self.limited += 1
            return
        if setup.redactor is not None:
            redact_event(event, setup.redactor)
        if is_started and event.argv is not None and len(event.argv) > MOST_BYTES:
            self.commands.remember_redacted(event)
        if setup.limits is not None:
            setup.limits.bound(event, now_ns)  # after secrets are gone: no half of one is left
        for sink in setup.sinks:
            if sink.selection is None or sink.selects(event):
                sink.add(event)

    def flush(self) -> None:
        """Let the sinks write what they have, and commit."""
        for sink in self.setup.sinks:
            sink.flush()
        self._commit()

    def emit(self, *records: FieldDict) -> None:
        """Give the daemon's own records to all sinks, and write them."""
        self._add(*records)
        self.flush()

    def _add(self, *records: FieldDict) -> None:
        for fields in records:
            for sink in self.setup.sinks:
                sink.add_fields(fields)

    # -- what the host is ---------------------------------------------------------------------

    def follow_host(self) -> None:
        """Follow steps of the clock and new names of users."""
        host = self.host
        host.follow()
        current = (host.wall_offset_ns, host.names_version)
        if current != self._followed:
            self._followed = current
            self._describe.follow_host()
            self.decoder.forget_places()
            self.setup.follow_host()

    def follow_baseline(self) -> None:
        """Let the baseline follow the time, and log what is wrong with its file."""
        baseline = self.setup.baseline
        if baseline is not None:
            baseline.follow()
            if trouble := baseline.take_trouble():
                log(WARNING, trouble)

    @property
    def awaits_programs(self) -> bool:
        """Return True if a thread has yet to give records of programs."""
        baseline = self.setup.baseline
        return baseline is not None and baseline.programs is not None and baseline.programs.is_busy

    def follow_name(self) -> None:
        """Follow the host's name. DHCP gives one long after the first programs have run."""
        before = self.host.name
        if self.host.follow_name():
            log(NOTICE, f"This host is '{self.host.name}' now and was '{before}'")
            self.setup.follow_host()

    # -- checkpoint ---------------------------------------------------------------------------

    def keep_up(self) -> None:
        """Commit what the sinks have delivered by themselves since."""
        if self.file is not None and self._undelivered != self.setup.undelivered():
            self._commit()

    def _commit(self, *, is_stopped: bool = False) -> None:
        """Put into the checkpoint what is finished, and let the kernel use its room."""
        ring, search = self.ring, self.path_search
        position = ring.position
        if self.file is not None:
            waiting = (self.decoder.waits_from, search.waits_from if search else None)
            position = min([at for at in waiting if at is not None], default=position)
            position = max(position, ring.position - ring.size // _HELD_BACK_PART)
            self._undelivered = self.setup.undelivered()
            self._processes.follow(self.setup.rules)
            self.file.commit(
                Checkpoint(
                    time.clock_gettime_ns(time.CLOCK_BOOTTIME),
                    is_stopped,
                    position,
                    self._totals(self.dropped_before),
                    self.dropped_at_start,
                    self._undelivered,
                    self.accounting.misses,
                    self.accounting.standing(),
                    search.held_back() if search else [],
                )
            )
        ring.free(position)

    def _totals(self, kernel_dropped: int) -> Totals:
        """Return what happened to all events; `kernel_dropped` is what the kernel's rules did."""
        events = self.accounting.counts
        return Totals(
            seen=events.seen + kernel_dropped,
            dropped=self.dropped + kernel_dropped,
            limited=self.limited,
            collapsed=self.collapsed,
            lost=events.lost,
            undecodable=events.undecodable,
        )

    def totals(self) -> FieldDict:
        """Return what happened to all events since the start, as the `stop` record has it."""
        dropped = self._kernel_counts.dropped() - self.dropped_at_start + self.dropped_before
        return {**self._totals(dropped)._asdict(), "checks": self.checks}

    # -- settling -----------------------------------------------------------------------------

    def settle(self) -> bool:
        """Account for what no later event shows; return True if failures are still held back."""
        # Counters first: what they count then comes out of the ring, or never will.
        counters = self._kernel_counts.counters()
        if counters is None:
            return self.settle_failures()
        pressure, self.pressure = self.pressure, Pressure()
        self.drain()
        losses = self.accounting.settle(*counters, time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        self._forget_chunks(losses)
        self._add(*[lost_fields(lost, self.host) for lost in losses])
        is_searching = self.settle_failures()
        if pressure.is_swollen:
            heap.trim()  # what a burst took is not held for years
        return is_searching

    def settle_failures(self) -> bool:
        """Deliver failures that were held back for a second; return True if some still are."""
        self.drain()  # what became of them may be in the ring
        is_searching = self.release_failures(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        self.flush()
        return is_searching

    def release_failures(self, now_ns: int, *, are_all: bool = False) -> bool:
        """Deliver failures held back for a second, or all; return True if some still are."""
        search = self.path_search
        if search is None:
            return False
        for event in search.flush_all() if are_all else search.expire(now_ns):
            self._deliver(event, now_ns)
        return bool(search.pending)

    def _forget_chunks(self, losses: list[Lost]) -> None:
        """Forget chunks whose record is lost; what waits for it would keep the ring full."""
        for lost in losses:
            if lost.hook is not None and lost.cpu is not None:
                key = lost.cpu << 3 | lost.hook
                self.decoder.drop_chunks(key, self.accounting.newest(key))

    def close(self) -> None:
        """Commit what the closed sinks have delivered, and release what was opened here."""
        self.ring.keeps_last = False
        self._commit(is_stopped=True)
        self._processes.close()
        self.setup.programs.close()
        self.ring.close()

    # -- rules in the kernel ------------------------------------------------------------------

    def attach(self) -> None:
        """Begin: from here on, execs are seen, and the kernel's rules are in force."""
        self.capture.attach()
        self.set_rules(self.setup.kernel_keys(), self.setup)

    def set_rules(self, keys: dict[tuple[int, int, int], int], old: Setup) -> None:
        """Give the kernel other rules, and keep the hits of `old`."""
        for rule, hits in self.capture.set_rules(keys).items():
            if old.rules is not None:
                old.rules.kernel_hits[rule] += hits

    def refresh_rules(self) -> None:
        """Look again for the programs and control groups that the kernel's rules name.

        A program that was replaced has another inode: until then user space decides.
        """
        setup = self.setup
        self.capture.follow_modules()
        if not setup.kernel.watched:
            return
        before, old = setup.kernel.keys, setup.refresh_kernel_rules()
        if setup.kernel.keys != before:
            self.set_rules(setup.kernel_keys(), setup)
        old.close()
