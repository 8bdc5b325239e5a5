# SPDX-License-Identifier: Apache-2.0
"""`execaudit daemon`: the loop that runs for years.

Owns waiting, signals, reload and the end; what happens to records is `stage`, what a configuration
means is `build`. One thread, one loop; nothing in it waits for a disk, a journal or a reader.
"""

import argparse
import os
import select
import signal
import time

from execaudit.config.configuration import Paths, load
from execaudit.config.verb import choose_paths
from execaudit.daemon import meters, status
from execaudit.daemon.build import (
    Parts,
    Sink,
    build_parts,
    capture_settings,
    env_names,
)
from execaudit.daemon.log import log
from execaudit.daemon.notify import notify, reloading, watchdog_interval_s
from execaudit.daemon.stage import Stage
from execaudit.errors import EXIT_OK, ExecauditError
from execaudit.kernel.capture import Capture, open_capture
from execaudit.kernel.ring import Ring
from execaudit.records import events
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.records.pipeline import Pipeline
from execaudit.sinks.accounting import NOTICE, WARNING

_GATHER_S = 0.05
_FILLED = 4  # a quarter of the ring
_SETTLE_S = 1.0
_SIGNALS = (
    *(signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGTERM),
    signal.SIGINT,
)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM; the exit status."""
    paths = choose_paths(args.config, args.root)
    host = Host.this()
    parts = build_parts(load(paths), host)
    capture = parts.loaded.config.capture
    settings = capture_settings(parts.loaded.config)
    with open_capture(capture.engine, settings) as opened:
        Daemon(paths, host, parts, opened).run()
    return EXIT_OK


class Daemon:
    """The running daemon."""

    def __init__(self, paths: Paths, host: Host, parts: Parts, capture: Capture) -> None:
        self._paths = paths
        self._host = host
        self._parts = parts
        self._capture = capture
        self._ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
        config = parts.loaded.config
        # The pipeline outlives reloads: it knows which sequence numbers have been seen.
        self._pipeline = Pipeline(
            host, env_names(config), encoder=_Indirect(self), finish=self._finish
        )
        if capture.settings.exits:
            self._pipeline.measure_durations()
        self._signals: list[int] = []
        self._is_stopping = False
        self._started_s = time.monotonic()
        self._settle_at: float | None = None
        self._status_at = 0.0
        self._limits_at = 0.0
        self._watchdog_s = watchdog_interval_s()
        self._watchdog_at = 0.0
        self._reload: FieldDict = {}
        self._high_water = 0
        self._rate = meters.Rate(self._started_s)

    @property
    def stage(self) -> Stage:
        """The stage in force."""
        return self._parts.stage

    def _finish(self, fields: FieldDict) -> bytes:
        return self._parts.stage.finish(fields)

    # -- life -------------------------------------------------------------------------------

    def run(self) -> None:
        """Attach, tell, loop, drain, tell."""
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda number, _: self._signals.append(number))
        poll = select.epoll()
        poll.register(read_fd, select.EPOLLIN)
        poll.register(self._ring.fd, select.EPOLLIN | select.EPOLLET)
        self._capture.attach()
        self._capture.set_rules(_kernel_keys(self._parts))
        self._write_status()  # whoever waits for READY may ask at once
        self._tell_start()
        notify("READY=1", self._status_line())
        try:
            while not self._is_stopping:
                self._turn(poll, read_fd)
        finally:
            notify("STOPPING=1")
            self._stop()
            poll.close()
            signal.set_wakeup_fd(-1)
            os.close(read_fd)
            os.close(write_fd)

    def _turn(self, poll: select.epoll, signal_fd: int) -> None:
        # The descriptor tells of the ring once; what a drain left there it tells of no more.
        pending = self._ring.pending()
        ready = poll.poll(0 if pending else self._timeout())
        fds = {fd for fd, _ in ready}
        if (pending or self._ring.fd in fds) and signal_fd not in fds:
            # Let a batch gather. A ring that fills up ends the pause; one that is full would not.
            is_filled = self._ring.pending() >= self._ring.size // _FILLED
            fds |= {fd for fd, _ in poll.poll(0 if is_filled else _GATHER_S)}
        if pending or self._ring.fd in fds:
            self._drain()
            self._settle_at = self._settle_at or time.monotonic() + _SETTLE_S
        if signal_fd in fds:
            os.read(signal_fd, 4096)
            self._handle_signals()
        self._timers()

    def _timeout(self) -> float:
        deadlines = [at for at in (self._settle_at, *self._sink_deadlines()) if at is not None]
        deadlines.append(self._status_at)
        if self._parts.stage.limits:
            deadlines.append(self._limits_at)
        if self._watchdog_s:
            deadlines.append(self._watchdog_at)
        return max(0.0, min(deadlines) - time.monotonic())

    def _sink_deadlines(self) -> list[float | None]:
        now_s = time.monotonic()
        return [sink.on_timer(now_s) for sink in self._parts.sinks]

    def _handle_signals(self) -> None:
        pending, self._signals = self._signals, []
        for number in dict.fromkeys(pending):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._is_stopping = True
            elif number == signal.SIGHUP:
                self.reload()
            elif number == signal.SIGUSR1:
                self._rotate()
            elif number == signal.SIGCONT:  # auditd's signal for the same
                self._drain()
                self._write_status()

    def _stop(self) -> None:
        """Detach, drain, settle, say goodbye, flush."""
        self._capture.detach()
        self._settle()
        stage = self._parts.stage
        if stage.collapser:
            for fields in stage.collapser.flush_all():
                stage.finish_certain(fields)
        self._tell_suppressed(stage)
        self._tell_incidents()
        stage.emit(events.stop_fields(self._host, self._totals()))
        self._flush()
        for sink in self._parts.sinks:
            sink.close()
        self._tell_notices()
        self._ring.close()

    # -- records ----------------------------------------------------------------------------

    def _drain(self) -> None:
        """Take what is in the ring now. Reading on to its end might have none in a storm."""
        stage = self._parts.stage
        left = self._ring.pending()
        self._high_water = max(self._high_water, left)
        while left > 0:
            buf, offsets = self._ring.read()
            if not buf:
                return
            left -= len(buf)
            stage.now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self._pipeline.lines(buf, offsets)
            self._flush()

    def _flush(self) -> None:
        """Hand each sink its share of the batch."""
        for outlet, sink in zip(self._parts.stage.outlets, self._parts.sinks, strict=True):
            if outlet.batch:
                batch, outlet.batch = outlet.batch, []
                sink.write(batch)

    def _settle(self) -> None:
        # In this order: whatever the counters tell of has then come out of the ring, or never will.
        slots, misses = self._capture.slots(), self._capture.misses()
        self._drain()
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        stage = self._parts.stage
        for fields in self._pipeline.settle(slots, misses, now_ns):
            stage.emit(fields)
        if stage.collapser:
            for fields in stage.collapser.expire(now_ns):
                stage.finish_certain(fields)
        self._flush()

    def _timers(self) -> None:
        now_s = time.monotonic()
        if self._settle_at is not None and now_s >= self._settle_at:
            self._settle()
            stage = self._parts.stage
            is_waiting = stage.collapser is not None and stage.collapser.pending
            self._settle_at = now_s + _SETTLE_S if is_waiting else None
        if now_s >= self._limits_at and self._parts.stage.limits:
            self._limits_at = now_s + self._parts.loaded.config.limits.interval
            self._tell_suppressed(self._parts.stage)
        self._tell_incidents()
        self._tell_notices()
        if now_s >= self._status_at:
            self._status_at = now_s + self._parts.loaded.config.status.interval
            self._write_status()
        if self._watchdog_s and now_s >= self._watchdog_at:
            self._watchdog_at = now_s + self._watchdog_s
            if self._capture.is_attached():
                notify("WATCHDOG=1")

    def _tell_incidents(self) -> None:
        for sink in self._parts.sinks:
            for incident in sink.take_lost():
                fields = events.sink_lost_fields(
                    self._host,
                    sink.name,
                    incident.reason,
                    incident.count,
                    incident.first_ns,
                    incident.last_ns,
                )
                self._parts.stage.emit(fields)
        self._flush()

    def _tell_suppressed(self, stage: Stage) -> None:
        for field, limit in stage.limits.items():
            for suppressed in limit.take_suppressed():
                self._parts.stage.emit(events.summary_fields(self._host, field, suppressed))
        self._flush()

    def _tell_notices(self, *closed: Sink) -> None:
        for sink in (*self._parts.sinks, *closed):
            for priority, text in sink.take_notices():
                log(priority, text)

    def _tell_start(self) -> None:
        hook = self._capture.failure_hook
        missed: FieldDict = {}
        for sink in self._parts.sinks:
            tail = getattr(sink, "tail", None)
            if tail is not None and getattr(tail, "last", None):
                missed["last_record"] = tail.last
        fields = events.start_fields(
            self._host,
            self._capture.engine,
            hook.name if hook else "",
            self._parts.loaded.config_hash,
            missed,
        )
        self._parts.stage.emit(fields)
        self._flush()
        log(NOTICE, f"Tracing with engine {self._capture.engine} ({self._capture.reason})")

    # -- configuration ------------------------------------------------------------------------

    def reload(self) -> None:
        """Take over a new configuration between two batches, or keep the old one and say why."""
        reloading()
        result = "ok"
        try:
            self._swap(build_parts(load(self._paths), self._host, self._parts))
        except ExecauditError as error:
            result = str(error)
            for line in result.splitlines():
                log(WARNING, f"{line}, keeping the old configuration")
        self._reload = {
            "time": self._host.time(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
            "result": result,
            "count": self._reload.get("count", 0) + 1,
        }
        self._write_status()
        notify("READY=1", self._status_line())

    def _swap(self, parts: Parts) -> None:
        self._drain()  # what was captured under the old rules is judged by them
        old, self._parts = self._parts, parts
        self._capture.set_rules(_kernel_keys(parts))
        parts.stage.succeed(old.stage)
        self._tell_suppressed(old.stage)
        self._pipeline.select_env(env_names(parts.loaded.config))
        for sink in old.sinks:
            if sink not in parts.sinks:
                sink.close()
                self._tell_notices(sink)
        if parts.loaded.config_hash != old.loaded.config_hash:
            parts.stage.emit(
                events.config_fields(self._host, old.loaded.config_hash, parts.loaded.config_hash)
            )
        self._flush()
        if capture_settings(parts.loaded.config) != self._capture.settings:
            log(WARNING, "A change in [capture] takes effect when execaudit is restarted")
        log(NOTICE, f"Configuration {parts.loaded.config_hash[:12]} is in force")

    def _rotate(self) -> None:
        for sink in self._parts.sinks:
            rotate = getattr(sink, "rotate", None)
            if rotate is not None:
                rotate()

    # -- status -------------------------------------------------------------------------------

    def _totals(self) -> FieldDict:
        return meters.totals(
            self._pipeline.counts, self._parts.stage.counts, self._capture.dropped()
        )

    def _status(self) -> status.Status:
        now_s = time.monotonic()
        totals = self._totals()
        return {
            "pid": os.getpid(),
            "uptime_s": round(now_s - self._started_s, 1),
            "events_per_second": self._rate.update(totals["seen"], now_s),
            **meters.capture_state(self._capture, self._high_water),
            "config_hash": self._parts.loaded.config_hash,
            "events": totals,
            "sinks": meters.sink_states(self._parts),
            "rules": meters.rule_states(self._parts, self._capture),
            "reload": self._reload,
            "process": status.own_usage(),
        }

    def _write_status(self) -> None:
        config = self._parts.loaded.config.status
        current = self._status()
        try:
            if config.path:
                status.write_status(config.path, current)
            if config.metrics:
                status.replace_file(config.metrics, status.metrics_text(current).encode(), 0o644)
        except ExecauditError as error:
            log(WARNING, str(error))
        notify(self._status_line())

    def _status_line(self) -> str:
        totals = self._totals()
        text = f"{totals['seen']} seen, {totals['dropped']} dropped by rule, {totals['lost']} lost"
        result = self._reload.get("result", "ok")
        if result != "ok":
            text += f"; last reload failed: {result.splitlines()[0]}"
        return f"STATUS={text}"


class _Indirect:
    """The encoder of the stage in force, whichever that is."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def encode(self, buf: bytes, at: int, head: tuple[int, ...], /) -> bytes | None:
        return self._daemon.stage.encode(buf, at, head)

    def follow_clock(self) -> None:
        self._daemon.stage.follow_clock()


def _kernel_keys(parts: Parts) -> dict[tuple[int, int, int], int]:
    return {(int(key.kind), key.a, key.b): rule for key, rule in parts.kernel.keys.items()}
