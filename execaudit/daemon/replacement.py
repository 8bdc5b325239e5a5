# SPDX-License-Identifier: Apache-2.0
"""Replaces the configuration or the capture in use.

Owns the order of the steps: no event is doubled or judged by half of a configuration, and events
between two captures are counted. Owns also what the new one takes over from the old.
"""

import time

from execaudit.daemon.flow import Flow
from execaudit.daemon.handover import adoption
from execaudit.daemon.path_search import PathSearch
from execaudit.daemon.reports import (
    log_notices,
    report_config,
    report_incidents,
    report_lost,
    report_suppressed,
)
from execaudit.daemon.running import remember_running
from execaudit.daemon.setup import Setup, env_names
from execaudit.engine.choice import open_capture
from execaudit.errors import ExecauditError
from execaudit.kernel.capture import Capture
from execaudit.sinks.sink import Sink

_LAST_EVENTS_S = 1.0


def reconfigure(flow: Flow, setup: Setup) -> None:
    """Put another setup in force. Raises OSError or ExecauditError; the old one goes on then."""
    flow.drain()  # the old rules judge what was captured under them
    old = flow.setup
    try:
        flow.set_rules(setup.kernel_keys(), old)
    except (OSError, ExecauditError):
        _discard(setup, old)
        raise
    if flow.path_search is not None and not setup.collapses:
        flow.release_failures(time.clock_gettime_ns(time.CLOCK_BOOTTIME), are_all=True)
        flow.path_search = None
    elif flow.path_search is None and setup.collapses:
        flow.path_search = PathSearch()
    flow.flush()
    if setup.rules is not None and old.rules is not None:
        setup.rules.adopt(old.rules)  # with the hits that the kernel had counted until now
    if setup.wants_programs and not old.wants_programs:
        remember_running(flow.commands, setup, flow.capture.engine)
    setup.closing = [sink for sink in old.sinks if sink not in setup.sinks]
    flow.setup = setup
    setup.use_commands(flow.commands)
    flow.pressure.is_swollen = True  # by both
    old.programs.close()
    for change in setup.changes:
        change()
    flow.sealer.reconfigure(setup.config.seal, old.sinks)
    flow.sealer.tidy()
    if old.baseline is not None and old.baseline is not setup.baseline:
        flow.emit(*old.baseline.close())
    flow.follow_baseline()
    flow.decoder.select_env(env_names(setup.config))
    flow.decoder.forget_places()  # their fields hold, what rules and encoders kept does not
    report_suppressed(flow, old.limits)
    _close_sinks(flow, setup.closing)
    report_config(flow, old.loaded.config_hash)


def _discard(setup: Setup, old: Setup) -> None:
    """Close what a setup opened: a new sink holds the lock of its file."""
    setup.programs.close()
    if setup.baseline is not None and setup.baseline is not old.baseline:
        setup.baseline.close()
    for sink in setup.sinks:
        if sink not in old.sinks:
            sink.close()


def _close_sinks(flow: Flow, closing: list[Sink]) -> None:
    """Close the sinks that are not used any more; the new ones get their counts and records."""
    successors = {sink.name: sink for sink in flow.setup.sinks}
    while closing:
        closing[0].close(successors.get(closing[0].name))
        closed = [closing.pop(0)]
        report_incidents(flow, closed)
        log_notices(closed)


def restart_capture(flow: Flow) -> None:
    """Load programs and maps again, as at a start. Raises OSError or ExecauditError."""
    names = adoption.descriptor_names(flow.capture) if flow.file is not None else []
    with open_capture(flow.capture.engine, flow.capture.settings) as fresh:
        replace_capture(flow, fresh)
    adoption.withdraw(names)
    flow.capture.close_trials()
    keep_descriptors(flow)


def keep_descriptors(flow: Flow) -> None:
    """Store in systemd, if there is one, what the next process needs."""
    file = adoption.create_checkpoint_file(flow.capture, flow.host.boot)
    if file is not None:
        flow.use_file(file)
        adoption.hand_over(flow.capture, file)


def replace_capture(flow: Flow, fresh: Capture) -> int:
    """Go on with another capture; return how many events took place between the two.

    The old one is muted and read to its end; it goes on counting until the new one is attached.
    Events that it counted are reported as lost. The old capture is closed, and `fresh` is left
    empty. If `fresh` cannot be attached, the old one goes on.
    """
    old = flow.capture
    flow.set_rules({}, flow.setup)  # from here on its count of dropped events stands still
    dropped = old.dropped()
    first_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    old.mute()
    slots, misses = _drain_to_the_end(flow)
    try:
        fresh.attach()
    except ExecauditError:
        flow.set_rules(flow.setup.kernel_keys(), flow.setup)
        raise
    fresh = fresh.take()
    _close_accounting(flow, slots, misses)
    missed = _count_between(old, fresh, dropped)
    last_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    fresh.set_rules(flow.setup.kernel_keys())
    flow.dropped_before += dropped - flow.dropped_at_start
    flow.ring.close()
    if flow.file is not None:
        flow.file.close()
    old.close()
    flow.use_capture(fresh)
    if missed:
        report_lost(flow, flow.accounting.lose("handover", missed, first_ns, last_ns))
    flow.flush()
    return missed


def _drain_to_the_end(flow: Flow) -> tuple[list[list[bytes]], dict[int, int]]:
    """Read a muted capture to its end; a program of it may still run for a moment.

    Return its counters and misses, read before the last events.
    """
    end_s = time.monotonic() + _LAST_EVENTS_S
    while True:
        slots, misses = flow.capture.slots(), flow.capture.misses()
        flow.drain()
        is_over = flow.accounting.has_all(slots) or not flow.ring.is_readable()
        if is_over or time.monotonic() >= end_s:
            return slots, misses


def _close_accounting(flow: Flow, slots: list[list[bytes]], misses: dict[int, int]) -> None:
    """Report what a capture has lost, and deliver the events that wait for others of it."""
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    report_lost(flow, *flow.accounting.close(slots, misses, now_ns))
    flow.decoder.drop_all_chunks()
    flow.release_failures(now_ns, are_all=True)  # their positions are in the old ring


def _count_between(old: Capture, fresh: Capture, dropped: int) -> int:
    """Return how many events the muted capture counted before the new one was attached.

    Both count until the old one is closed, so they are compared at a moment without events.
    """
    for _ in range(100):
        before = fresh.seen()
        missed = old.dropped() - dropped - before
        if fresh.seen() == before:
            break
    return max(0, missed)
