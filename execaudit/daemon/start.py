# SPDX-License-Identifier: Apache-2.0
"""From nothing, or from what the process before left, to a flow in which events come in.

Owns the order of things at the start: the `start` record stands before all others, and what
systemd keeps is complete before the daemon says that it is ready.
"""

import time
from typing import Any

from execaudit.daemon.flow import Flow
from execaudit.daemon.handover import adoption
from execaudit.daemon.handover.adoption import Adopted, Unusable
from execaudit.daemon.handover.previous_run import adopted_fields, unadopted_fields
from execaudit.daemon.log import log
from execaudit.daemon.recapture import keep_descriptors, replace_capture
from execaudit.daemon.running import remember_running
from execaudit.daemon.setup import Setup, capture_settings, kernel_keys
from execaudit.engine.choice import open_capture
from execaudit.records.host import Host
from execaudit.sinks.notices import NOTICE, WARNING


def begin(host: Host, setup: Setup) -> Flow:
    """Return a flow whose capture is attached, with what the run before left drained."""
    config = setup.config
    settings = capture_settings(config)
    previous = adoption.find_previous(host.boot, config.capture.engine, settings)
    if not isinstance(previous, Adopted):
        return _begin_fresh(host, setup, previous)
    flow = Flow(host, setup, previous.capture)
    flow.resume(previous.file, previous.checkpoint)
    remember_running(setup.rules, config.capture.engine)
    missed = _last_record(setup) | adopted_fields(host, previous, flow.ring, _now_ns())
    config_hash = setup.loaded.config_hash
    if previous.mismatch:
        log(NOTICE, f"Loading other programs than those of the run before: {previous.mismatch}")
        with open_capture(config.capture.engine, settings) as fresh:
            flow.report.start(fresh, config_hash, missed)
            _account_previous(flow, previous)
            adoption.withdraw(previous.names)
            replace_capture(flow, fresh)
        keep_descriptors(flow)
    else:
        flow.report.start(previous.capture, config_hash, missed)
        _account_previous(flow, previous)
        flow.set_rules(kernel_keys(setup), setup)
    return flow


def _begin_fresh(host: Host, setup: Setup, unusable: Unusable | None) -> Flow:
    capture = setup.config.capture
    missed = _last_record(setup)
    reason = unusable.reason if unusable is not None else ""
    gap = unadopted_fields(host, missed.get("last_record"), reason, _now_ns())
    if unusable is not None:
        adoption.withdraw(unusable.names)
        log(WARNING, f"Failed to go on with the programs of the run before: {reason}")
    with open_capture(capture.engine, capture_settings(setup.config)) as fresh:
        flow = Flow(host, setup, fresh.take())
    flow.attach()
    remember_running(setup.rules, capture.engine)
    flow.report.start(flow.capture, setup.loaded.config_hash, missed | gap)
    keep_descriptors(flow)
    return flow


def _account_previous(flow: Flow, previous: Adopted) -> None:
    """Read what the ring has, and report what the run before cannot deliver any more."""
    checkpoint = previous.checkpoint
    reason = "closed" if checkpoint.is_stopped else "crash"
    flow.report.undelivered(checkpoint.undelivered, reason, checkpoint.time_ns)
    flow.drain()
    if flow.duplicates is not None and (missing := flow.duplicates.take_missing()):
        lost = flow.accounting.lose("crash", missing, checkpoint.time_ns, _now_ns())
        flow.report.lost(lost)


def _last_record(setup: Setup) -> dict[str, Any]:
    """Return the last record of the run before, as the `start` record has it."""
    for sink in setup.sinks:
        if sink.last_record:
            return {"last_record": sink.last_record}
    return {}


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
