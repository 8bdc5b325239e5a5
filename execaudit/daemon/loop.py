# SPDX-License-Identifier: Apache-2.0
"""`execaudit daemon`: the loop that runs for years.

Owns waiting, timers and signals. One thread, one loop; nothing in it waits for a disk, a journal
or a reader. What happens to records is in `flow`, what a configuration means in `setup`.
"""

import argparse
import contextlib
import math
import os
import select
import signal
import time

from execaudit.config.configuration import Paths, load
from execaudit.config.files import choose_paths
from execaudit.daemon.failed_turn import UNEXPLAINED, failed_turn
from execaudit.daemon.flow import Flow
from execaudit.daemon.gathering import Gathering
from execaudit.daemon.last_good import keep, set_up
from execaudit.daemon.log import log
from execaudit.daemon.priority import warn_of_ordinary_priority
from execaudit.daemon.prune import take_prune
from execaudit.daemon.replacement import reconfigure
from execaudit.daemon.reports import (
    log_notices,
    report_incidents,
    report_programs,
    report_suppressed,
)
from execaudit.daemon.selfcheck.tracing_check import SelfCheck
from execaudit.daemon.settling import Settling
from execaudit.daemon.setup import build_setup, capture_settings
from execaudit.daemon.start import begin, end
from execaudit.daemon.status_writer import StatusWriter
from execaudit.daemon.systemd import notify, reloading, watchdog_interval_s
from execaudit.errors import EXIT_OK, ExecauditError, failed_call
from execaudit.kernel.heap import use_one_heap
from execaudit.records.host import Host
from execaudit.sinks.file import FileSink
from execaudit.sinks.notices import NOTICE, WARNING

_FILLED, _FILLED_BYTES = 4, 1 << 20  # a quarter of the ring, or so much: bpf/output.h wakes us
_PROGRAMS_S = 0.25  # until a thread that reads new programs is looked after
_CHECK_S = 30.0  # where no watchdog wants it more often
_SIGNALS = (
    *(signal.SIGHUP, signal.SIGUSR1, signal.SIGCONT, signal.SIGTERM),
    signal.SIGINT,
)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM; return the exit status."""
    use_one_heap()
    paths = choose_paths(args.config, args.root)
    host = Host.this()
    daemon = Daemon(paths, begin(host, set_up(paths, host)))
    try:
        daemon.run()
    except UNEXPLAINED as error:
        raise failed_turn(error) from error
    return EXIT_OK


class Daemon:
    """The running daemon."""

    def __init__(self, paths: Paths, flow: Flow) -> None:
        self._paths = paths
        self._flow = flow
        self._signals: list[int] = []
        self._is_stopping = False
        self._settling = Settling(time.monotonic())
        self._gathering = Gathering()
        self._deadline_s = 0.0
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
        if not flow.setup.config_error:
            keep(self._paths, flow.setup.loaded)
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
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)  # ending, Python lets them kill it
            os.close(read_fd)
            os.close(write_fd)

    def _listen(self) -> None:
        """Let the ring in use wake us, by a descriptor of our own: the ring may be closed first."""
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
        flow, gathering = self._flow, self._gathering
        ring = flow.ring
        if ring is not self._ring:
            self._listen()
        has_begun = gathering.has_begun
        # The descriptor wakes us once; what a drain left there wakes nobody again.
        is_left = ring.has_more() and not has_begun
        fds = {fd for fd, _ in self._poll.poll(0 if is_left else self._left_s())}
        now_s = time.monotonic()
        if ring.has_more() and not has_begun:
            gathering.begin(now_s)
        # Awake again during a pause: the ring fills up.
        is_urgent = signal_fd in fds or (has_begun and self._ring_fd in fds)
        is_over = is_urgent or self._is_over(now_s)
        if not is_over and now_s < self._deadline_s and ring.has_more():
            return  # to settle waits as well: the turn that takes what is there does it
        self._work(now_s, is_over=is_over)
        if signal_fd in fds:
            with contextlib.suppress(OSError):  # which signals came is noted elsewhere
                os.read(signal_fd, 4096)
        self._take_signals()
        self._run_timers()
        if flow.ring.is_holding and not gathering.has_begun:
            gathering.begin(now_s, is_holding=True)
        self._deadline_s = self._next_s()

    def _work(self, now_s: float, *, is_over: bool) -> None:
        """Take what is in the ring if the pause is over, and settle if that is due."""
        flow = self._flow
        flow.follow_name()
        has_more = flow.ring.has_more()
        if is_over:
            self._gathering.end(now_s, is_taken=has_more)
        if not has_more:
            flow.follow_host()
            if is_over and flow.ring.keeps_last:
                flow.ring.keeps_last = False
                flow.flush()
        elif is_over:
            flow.ring.keeps_last = self._gathering.is_steady
            if now_s >= self._settling.due_s:
                self._settle(now_s)
            else:
                flow.drain()
            self._settle_soon(now_s)

    def _is_over(self, now_s: float) -> bool:
        """Return True if what is in the ring must not wait any longer."""
        ring, gathering = self._flow.ring, self._gathering
        if not gathering.has_begun:
            return False
        if now_s >= gathering.end_s(self._flow.setup.config.capture.max_delay):
            return True
        return ring.pending() >= min(ring.size // _FILLED, _FILLED_BYTES)

    # -- timers -------------------------------------------------------------------------------

    def _settle_soon(self, now_s: float) -> None:
        search = self._flow.path_search
        self._settling.note_events(
            now_s,
            is_pressed=self._flow.pressure.is_full,
            is_searching=search is not None and bool(search.pending),
        )

    def _settle(self, now_s: float) -> None:
        flow, settling = self._flow, self._settling
        settle = flow.settle if settling.are_counts_due(now_s) else flow.settle_failures
        is_searching = settle()
        settling.note_settled(now_s, is_searching=is_searching)

    def _settles_s(self) -> float:
        """Return when settling is due; what is in the ring is taken by the same turn."""
        is_waiting = self._gathering.has_begun and self._flow.ring.has_more()
        return math.inf if is_waiting else self._settling.due_s

    def _left_s(self) -> float:
        """Return seconds until the next timer, or the end of the pause."""
        until_s = self._deadline_s
        if self._gathering.has_begun:
            end_s = self._gathering.end_s(self._flow.setup.config.capture.max_delay)
            until_s = min(until_s, end_s)
        until_s = min(until_s, self._settles_s())
        return max(0.0, until_s - time.monotonic())

    def _next_s(self) -> float:
        """Return when the next timer is due; when to settle is no part of it."""
        now_s = time.monotonic()
        flow = self._flow
        of_sinks = [sink.on_timer(now_s) for sink in flow.sinks]
        deadlines = [at for at in of_sinks if at is not None]
        deadlines.append(self._check_at)
        if self._status.has_news:
            deadlines.append(self._status.due_s)
        if flow.awaits_programs:
            deadlines.append(now_s + _PROGRAMS_S)
        if self._is_limiting:
            deadlines.append(self._limits_at)
        return min(deadlines)

    @property
    def _is_limiting(self) -> bool:
        limits = self._flow.setup.limits
        return limits is not None and limits.has_unreported

    def _run_timers(self) -> None:
        flow = self._flow
        now_s = time.monotonic()
        if now_s >= self._settles_s():
            self._settle(now_s)
        is_limiting = self._is_limiting
        if now_s >= self._limits_at or not is_limiting:
            self._limits_at = now_s + flow.setup.config.limits.interval
            if is_limiting:
                report_suppressed(flow, flow.setup.limits)
        report_incidents(flow, flow.sinks)
        report_programs(flow)
        flow.sealer.pass_on()
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
        try:
            flow.refresh_rules()
        except OSError as error:
            failure = failed_call("look for what rules name", error)
            log(WARNING, f"{failure}, trying again with the next check")
        flow.follow_baseline()
        if self._selfcheck.run():
            notify("WATCHDOG=1")
        elif self._watchdog_s is not None and not is_first:
            raise ExecauditError(
                "Failed to see execs, also with new programs: ending, so that the service manager"
                " starts this daemon again"
            )
        if flow.accounting.counts.seen != seen:
            flow.pressure.is_swollen = True  # small batches leave free memory as well, in time
            self._settle_soon(self._check_at - self._check_s)

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
                self._rotate()
            elif number == signal.SIGCONT:  # auditd's signal for the same
                self._flow.drain()
                self._status.write()

    def _rotate(self) -> None:
        """Rotate the file, and remove rotated ones where `execaudit rotate --prune` asks for it."""
        path = self._flow.setup.config.status.path
        keep = take_prune(path) if path else None
        for sink in self._flow.sinks:
            sink.rotate()
            if keep is not None and isinstance(sink, FileSink):
                sink.prune(keep)

    def reload(self) -> None:
        """Put a new configuration in force between two batches, or keep the old and say why."""
        reloading()
        result, notes = "ok", []
        flow = self._flow
        try:
            reconfigure(flow, build_setup(load(self._paths), flow.host, flow.setup))
        except (ExecauditError, OSError) as error:
            result = str(error if isinstance(error, ExecauditError) else failed_turn(error))
            self._check_at = 0.0  # rules may be in the kernel in part
            for line in result.splitlines():
                log(WARNING, f"{line}, keeping the old configuration")
        else:
            loaded = flow.setup.loaded
            keep(self._paths, loaded)
            if capture_settings(loaded.config) != flow.capture.settings:
                notes.append("A change in [capture] takes effect when execaudit is restarted")
                log(WARNING, notes[0])
            log(NOTICE, f"Configuration {loaded.config_hash[:12]} is in force")
        self._status.reload = {
            "time": flow.host.time(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
            "result": result,
            "notes": notes,
            "count": self._status.reload.get("count", 0) + 1,
        }
        self._status.write()
        notify("READY=1", self._status.line())
