# SPDX-License-Identifier: Apache-2.0
"""`execaudit daemon`: the loop that runs for years.

Owns waiting, timers and signals. One thread, one loop; nothing in it waits for a disk, a journal
or a reader. What happens to records is in `flow`, what a configuration means in `setup`.
"""

import argparse
import os
import select
import signal
import time

from execaudit.config.configuration import Paths, load
from execaudit.config.files import choose_paths
from execaudit.daemon.flow import Flow
from execaudit.daemon.log import log
from execaudit.daemon.priority import warn_of_ordinary_priority
from execaudit.daemon.replacement import reconfigure
from execaudit.daemon.reports import log_notices, report_incidents, report_suppressed
from execaudit.daemon.selfcheck.tracing_check import SelfCheck
from execaudit.daemon.setup import build_setup, capture_settings
from execaudit.daemon.start import begin, end
from execaudit.daemon.status_writer import StatusWriter
from execaudit.daemon.systemd import notify, reloading, watchdog_interval_s
from execaudit.errors import EXIT_OK, ExecauditError
from execaudit.records.host import Host
from execaudit.sinks.notices import NOTICE, WARNING

_GATHER_S = 0.1  # a turn costs as much as forty events: its code is in no cache any more
_FILLED = 4  # a quarter of the ring
_QUIET_S = 1.0
_SETTLE_S = 1.0
_CHECK_S = 30.0  # where no watchdog wants it more often
_SIGNALS = (
    *(signal.SIGHUP, signal.SIGUSR1, signal.SIGCONT, signal.SIGTERM),
    signal.SIGINT,
)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM; return the exit status."""
    paths = choose_paths(args.config, args.root)
    host = Host.this()
    Daemon(paths, begin(host, build_setup(load(paths), host))).run()
    return EXIT_OK


class Daemon:
    """The running daemon."""

    def __init__(self, paths: Paths, flow: Flow) -> None:
        self._paths = paths
        self._flow = flow
        self._signals: list[int] = []
        self._is_stopping = False
        self._settle_at: float | None = time.monotonic() + _SETTLE_S
        self._drained_s = 0.0
        self._limits_at = 0.0
        self._watchdog_s = watchdog_interval_s()
        self._check_s = self._watchdog_s or _CHECK_S
        self._check_at = 0.0
        self._has_checked_priority = False
        self._selfcheck = SelfCheck(flow)
        self._status = StatusWriter(flow, self._selfcheck)
        self._poll = select.epoll()
        self._ring, self._ring_fd = flow.ring, -1

    def run(self) -> None:
        """Attach, say so, loop, drain, say so."""
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
        self._check(is_first=True)
        self._status.write()  # whoever waits for READY may ask at once
        notify("READY=1", self._status.line())
        flow.capture.close_trials()
        self._limits_at = time.monotonic() + flow.setup.config.limits.interval
        try:
            while not self._is_stopping:
                self._turn(read_fd)
        finally:
            notify("STOPPING=1")
            end(flow, is_kept=flow.file is not None)
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
        # The descriptor wakes us once; what a drain left there wakes nobody again.
        fds = {fd for fd, _ in poll.poll(0 if ring.has_more() else self._timeout())}
        if ring.has_more() and signal_fd not in fds:
            # Let a batch gather. A ring that fills up ends the pause; a full one would not;
            # and what comes after a quiet time is not delayed, for it might be all.
            is_quiet = time.monotonic() - self._drained_s >= _QUIET_S
            if not is_quiet and ring.pending() < ring.size // _FILLED:
                fds |= {fd for fd, _ in poll.poll(_GATHER_S)}
        self._flow.follow_name()
        if ring.has_more():
            self._flow.drain()
            self._drained_s = time.monotonic()
            self._settle_soon()
        else:
            self._flow.follow_host()
        if signal_fd in fds:
            os.read(signal_fd, 4096)
            self._take_signals()
        self._run_timers()

    # -- timers -------------------------------------------------------------------------------

    def _settle_soon(self) -> None:
        self._settle_at = self._settle_at or time.monotonic() + _SETTLE_S

    def _timeout(self) -> float:
        """Return seconds until the next timer."""
        now_s = time.monotonic()
        of_sinks = [sink.on_timer(now_s) for sink in self._flow.sinks]
        deadlines = [at for at in (self._settle_at, *of_sinks) if at is not None]
        deadlines.append(self._check_at)
        if self._status.has_news:
            deadlines.append(self._status.due_s)
        if self._flow.is_holding:
            deadlines.append(now_s + _GATHER_S)
        if self._is_limiting:
            deadlines.append(self._limits_at)
        return max(0.0, min(deadlines) - time.monotonic())

    @property
    def _is_limiting(self) -> bool:
        limits = self._flow.setup.limits
        return limits is not None and limits.has_unreported

    def _run_timers(self) -> None:
        flow = self._flow
        now_s = time.monotonic()
        if self._settle_at is not None and now_s >= self._settle_at:
            self._settle_at = now_s + _SETTLE_S if flow.settle() else None
        if now_s >= self._limits_at or not self._is_limiting:
            self._limits_at = now_s + flow.setup.config.limits.interval
            report_suppressed(flow, flow.setup.limits)
        report_incidents(flow, flow.sinks)
        log_notices(flow.sinks)
        flow.keep_up()
        is_checking = now_s >= self._check_at
        if is_checking or (self._selfcheck.is_tracing and not flow.ring.is_readable()):
            self._check()
            self._check_priority()
        # Awake anyway, so that readers can tell a daemon that is idle from one that hangs.
        if now_s >= self._status.due_s and (is_checking or self._status.has_news):
            self._status.write()

    def _check(self, *, is_first: bool = False) -> None:
        """Check that execs are seen; the watchdog gets its sign of life as long as they are.

        Raises ExecauditError where they are not, and a manager is there to start us again.
        """
        flow = self._flow
        seen = flow.accounting.counts.seen
        self._check_at = time.monotonic() + self._check_s
        flow.refresh_rules()
        if self._selfcheck.run():
            notify("WATCHDOG=1")
        elif self._watchdog_s is not None and not is_first:
            raise ExecauditError(
                "Failed to see execs, also with new programs: ending, so that the service manager"
                " starts this daemon again"
            )
        if flow.accounting.counts.seen != seen:
            self._settle_soon()

    def _check_priority(self) -> None:
        """Look once, with the first check after the start: by then the manager has raised it."""
        if not self._has_checked_priority:
            self._has_checked_priority = True
            warn_of_ordinary_priority()

    # -- signals ------------------------------------------------------------------------------

    def _take_signals(self) -> None:
        pending, self._signals = self._signals, []
        for number in dict.fromkeys(pending):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._is_stopping = True
            elif number == signal.SIGHUP:
                self.reload()
            elif number == signal.SIGUSR1:
                for sink in self._flow.sinks:
                    sink.rotate()
            elif number == signal.SIGCONT:  # auditd's signal for the same
                self._flow.drain()
                self._status.write()

    def reload(self) -> None:
        """Put a new configuration in force between two batches, or keep the old and say why."""
        reloading()
        result = "ok"
        flow = self._flow
        try:
            reconfigure(flow, build_setup(load(self._paths), flow.host, flow.setup))
        except ExecauditError as error:
            result = str(error)
            for line in result.splitlines():
                log(WARNING, f"{line}, keeping the old configuration")
        else:
            loaded = flow.setup.loaded
            if capture_settings(loaded.config) != flow.capture.settings:
                log(WARNING, "A change in [capture] takes effect when execaudit is restarted")
            log(NOTICE, f"Configuration {loaded.config_hash[:12]} is in force")
        self._status.reload = {
            "time": flow.host.time(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
            "result": result,
            "count": self._status.reload.get("count", 0) + 1,
        }
        self._status.write()
        notify("READY=1", self._status.line())
