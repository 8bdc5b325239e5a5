# SPDX-License-Identifier: Apache-2.0
"""`execaudit daemon`: the loop that runs for years.

Owns waiting, timers, signals and what the service manager is told. What happens to records is
`flow`, what a configuration means is `build`. One thread, one loop; nothing in it waits for a disk,
a journal or a reader.
"""

import argparse
import os
import select
import signal
import time

from execaudit.config.configuration import Paths, load
from execaudit.config.files import choose_paths
from execaudit.daemon import meters, status
from execaudit.daemon.build import build_parts, capture_settings
from execaudit.daemon.flow import Flow
from execaudit.daemon.log import log
from execaudit.daemon.notify import notify, reloading, watchdog_interval_s
from execaudit.daemon.selfcheck.tracing_check import SelfCheck
from execaudit.daemon.start import begin
from execaudit.errors import EXIT_OK, ExecauditError
from execaudit.records.host import Host
from execaudit.sinks.accounting import NOTICE, WARNING

_GATHER_S = 0.1  # a turn costs what forty events do: its code is in no cache any more
_FILLED = 4  # a quarter of the ring
_QUIET_S = 1.0
_SETTLE_S = 1.0
_LOOK_S = 30.0  # where no watchdog wants it more often
_SIGNALS = (
    *(signal.SIGHUP, signal.SIGUSR1, signal.SIGCONT, signal.SIGTERM),
    signal.SIGINT,
)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM; the exit status."""
    paths = choose_paths(args.config, args.root)
    host = Host.this()
    parts = build_parts(load(paths), host)
    Daemon(paths, begin(host, parts)).run()
    return EXIT_OK


class Daemon:
    """The running daemon."""

    def __init__(self, paths: Paths, flow: Flow) -> None:
        self._paths = paths
        self._flow = flow
        self._signals: list[int] = []
        self._is_stopping = False
        self._started_s = time.monotonic()
        self._settle_at: float | None = self._started_s + _SETTLE_S
        self._written_s = self._started_s
        self._written: object = None  # what had been counted when the status was last written
        self._is_news = True  # whether that had changed
        self._drained_s = 0.0
        self._limits_at = 0.0
        self._watchdog_s = watchdog_interval_s()
        self._look_s = self._watchdog_s or _LOOK_S
        self._look_at = 0.0
        self._check = SelfCheck(flow)
        self._poll = select.epoll()
        self._ring, self._ring_fd = flow.ring, -1
        self._reload: status.Status = {}
        self._rate = meters.Rate(self._started_s)

    def run(self) -> None:
        """Attach, tell, loop, drain, tell."""
        flow = self._flow
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda number, _: self._signals.append(number))
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # auditd's, to resume; it would kill us
        self._poll.register(read_fd, select.EPOLLIN)
        self._listen()
        log(NOTICE, f"Tracing with engine {flow.capture.engine} ({flow.capture.reason})")
        if flow.capture.failure_hook_error:
            log(WARNING, f"{flow.capture.failure_hook_error}, logging successful execs alone")
        self._look(is_first=True)
        self._write_status()  # whoever waits for READY may ask at once
        notify("READY=1", self._status_line())
        flow.capture.close_trials()
        self._limits_at = time.monotonic() + flow.parts.loaded.config.limits.interval
        try:
            while not self._is_stopping:
                self._turn(read_fd)
        finally:
            notify("STOPPING=1")
            flow.stop(is_kept=flow.file is not None)
            flow.capture.close()
            self._ignore()
            self._poll.close()
            signal.set_wakeup_fd(-1)
            os.close(read_fd)
            os.close(write_fd)

    def _listen(self) -> None:
        """Have the ring in use wake us, by a descriptor that outlives a ring which is given up."""
        self._ignore()
        self._ring = self._flow.ring
        self._ring_fd = os.dup(self._ring.fd)
        self._poll.register(self._ring_fd, select.EPOLLIN | select.EPOLLET)

    def _ignore(self) -> None:
        if self._ring_fd >= 0:
            # The manager may hold the ring as well: closing alone would not end it.
            self._poll.unregister(self._ring_fd)
            os.close(self._ring_fd)
            self._ring_fd = -1

    def _turn(self, signal_fd: int) -> None:
        poll, ring = self._poll, self._flow.ring
        if ring is not self._ring:
            self._listen()
        # The descriptor tells of the ring once; what a drain left there it tells of no more.
        fds = {fd for fd, _ in poll.poll(0 if ring.has_more() else self._timeout())}
        if ring.has_more() and signal_fd not in fds:
            # Let a batch gather. A ring that fills up ends the pause; a full one would not;
            # and what comes after a quiet time is not delayed, for it might be all.
            is_quiet = time.monotonic() - self._drained_s >= _QUIET_S
            if not is_quiet and ring.pending() < ring.size // _FILLED:
                fds |= {fd for fd, _ in poll.poll(_GATHER_S)}
        if ring.has_more():
            self._flow.follow_name()
            self._flow.drain()  # each batch follows the host in everything else
            self._drained_s = time.monotonic()
            self._settle_soon()
        else:
            self._flow.follow_host()
        if signal_fd in fds:
            os.read(signal_fd, 4096)
            self._handle_signals()
        self._timers()

    def _settle_soon(self) -> None:
        self._settle_at = self._settle_at or time.monotonic() + _SETTLE_S

    def _timeout(self) -> float:
        deadlines = [at for at in (self._settle_at, *self._sink_deadlines()) if at is not None]
        deadlines.append(self._look_at)
        if self._is_news or self._written != self._counted():
            deadlines.append(self._status_at)
        if self._flow.is_holding:
            deadlines.append(time.monotonic() + _GATHER_S)
        if self._is_limiting:
            deadlines.append(self._limits_at)
        return max(0.0, min(deadlines) - time.monotonic())

    @property
    def _status_at(self) -> float:
        return self._written_s + self._flow.parts.loaded.config.status.interval

    @property
    def _is_limiting(self) -> bool:
        limits = self._flow.parts.stage.limits
        return bool(limits) and any(limit.untold for limit in limits.values())

    def _counted(self) -> object:
        """What makes the status another one when it changes: nothing of it on an idle host."""
        flow = self._flow
        sinks = [sink.counters for sink in flow.parts.sinks]
        states = [(each.written, each.lost, each.queue_depth) for each in sinks]
        return flow.pipeline.counts.seen, flow.pipeline.counts.lost, states

    def _sink_deadlines(self) -> list[float | None]:
        now_s = time.monotonic()
        return [sink.on_timer(now_s) for sink in self._flow.parts.sinks]

    def _timers(self) -> None:
        flow = self._flow
        now_s = time.monotonic()
        if self._settle_at is not None and now_s >= self._settle_at:
            self._settle_at = now_s + _SETTLE_S if flow.settle() else None
        if now_s >= self._limits_at or not self._is_limiting:
            self._limits_at = now_s + flow.parts.loaded.config.limits.interval
            flow.tell.suppressed(flow.parts.stage)
        flow.tell.incidents()
        flow.tell.notices()
        flow.keep_up()
        is_looking = now_s >= self._look_at
        if is_looking or (self._check.is_tracing and not flow.ring.is_readable()):
            self._look()
        # Awake anyway, so that readers can tell a daemon that is idle from one that hangs.
        if now_s >= self._status_at and (
            is_looking or self._is_news or self._written != self._counted()
        ):
            self._write_status()

    def _look(self, *, is_first: bool = False) -> None:
        """Check that execs are seen; the watchdog gets its sign of life as long as they are.

        Raises ExecauditError where they are not and a manager is there to start us again.
        """
        seen = self._flow.pipeline.counts.seen
        self._look_at = time.monotonic() + self._look_s
        self._flow.refresh_rules()
        if self._check.run():
            notify("WATCHDOG=1")
        elif self._watchdog_s is not None and not is_first:
            raise ExecauditError(
                "Failed to see execs, also with new programs: ending, so that the service manager"
                " starts this daemon again"
            )
        if self._flow.pipeline.counts.seen != seen:
            self._settle_soon()

    # -- signals ----------------------------------------------------------------------------

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
                self._flow.drain()
                self._write_status()

    def reload(self) -> None:
        """Take over a new configuration between two batches, or keep the old one and say why."""
        reloading()
        result = "ok"
        flow = self._flow
        try:
            flow.swap(build_parts(load(self._paths), flow.host, flow.parts))
        except ExecauditError as error:
            result = str(error)
            for line in result.splitlines():
                log(WARNING, f"{line}, keeping the old configuration")
        else:
            loaded = flow.parts.loaded
            if capture_settings(loaded.config) != flow.capture.settings:
                log(WARNING, "A change in [capture] takes effect when execaudit is restarted")
            log(NOTICE, f"Configuration {loaded.config_hash[:12]} is in force")
        self._reload = {
            "time": flow.host.time(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
            "result": result,
            "count": self._reload.get("count", 0) + 1,
        }
        self._write_status()
        notify("READY=1", self._status_line())

    def _rotate(self) -> None:
        for sink in self._flow.parts.sinks:
            rotate = getattr(sink, "rotate", None)
            if rotate is not None:
                rotate()

    # -- status -------------------------------------------------------------------------------

    def _status(self) -> status.Status:
        flow = self._flow
        now_s = time.monotonic()
        totals = flow.totals()
        return {
            "pid": os.getpid(),
            "uptime_s": round(now_s - self._started_s, 1),
            "events_per_second": self._rate.update(totals["seen"], now_s),
            **meters.capture_state(flow.capture, flow.high_water),
            **self._check.status(),
            "config_hash": flow.parts.loaded.config_hash,
            "events": totals,
            "sinks": meters.sink_states(flow.parts),
            "rules": meters.rule_states(flow.parts, flow.capture),
            "reload": self._reload,
            "process": status.own_usage(),
        }

    def _write_status(self) -> None:
        config = self._flow.parts.loaded.config.status
        current = self._status()
        self._written_s = time.monotonic()
        counted = self._counted()
        # Once more afterwards: the rate becomes another without an event.
        self._is_news = counted != self._written
        self._written = counted
        try:
            if config.path:
                status.write_status(config.path, current)
            if config.metrics:
                status.replace_file(config.metrics, status.metrics_text(current).encode(), 0o644)
        except ExecauditError as error:
            log(WARNING, str(error))
        notify(self._status_line())

    def _status_line(self) -> str:
        totals = self._flow.totals()
        text = f"{totals['seen']} seen, {totals['dropped']} dropped by rule, {totals['lost']} lost"
        result = self._reload.get("result", "ok")
        if result != "ok":
            text += f"; last reload failed: {result.splitlines()[0]}"
        return f"STATUS={text}"
