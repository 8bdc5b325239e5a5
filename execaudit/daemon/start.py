# SPDX-License-Identifier: Apache-2.0
"""The beginning of a flow, from nothing or from what the previous process left; and its end.

Owns the order: the `start` record comes before all others, systemd has all it is to keep before the
daemon says that it is ready, and the `stop` record is the last.
"""

import time
from typing import Any

from execaudit.daemon import systemd
from execaudit.daemon.flow import Flow
from execaudit.daemon.handover import adoption, process_memory
from execaudit.daemon.handover.adoption import Adopted, Unusable
from execaudit.daemon.handover.previous_run import adopted_fields, unadopted_fields
from execaudit.daemon.handover.process_memory import ProcessMemory
from execaudit.daemon.log import log
from execaudit.daemon.replacement import keep_descriptors, replace_capture
from execaudit.daemon.reports import (
    log_notices,
    report_incidents,
    report_lost,
    report_start,
    report_stop,
    report_suppressed,
    report_undelivered,
)
from execaudit.daemon.running import remember_running
from execaudit.daemon.setup import Setup, capture_settings
from execaudit.engine.choice import open_capture
from execaudit.kernel.capture import Capture
from execaudit.records.host import Host
from execaudit.records.text import FieldDict
from execaudit.sinks.notices import NOTICE, WARNING


def begin(host: Host, setup: Setup) -> Flow:
    """Return a flow with an attached capture, after draining what the previous run left."""
    config = setup.config
    settings = capture_settings(config)
    fds = systemd.take_descriptors()
    processes = ProcessMemory.from_descriptor(fds.pop(process_memory.NAME, None))
    previous = adoption.find_previous(fds, host.boot, config.capture.engine, settings)
    processes.restore(setup.rules, is_traced=isinstance(previous, Adopted))
    if not isinstance(previous, Adopted):
        return _begin_fresh(host, setup, processes, previous)
    flow = Flow(host, setup, previous.capture, processes)
    flow.resume(previous.file, previous.checkpoint)
    remember_running(flow.commands, setup, flow.capture.engine)
    missed = _last_record(setup) | adopted_fields(host, previous, flow.ring, _now_ns())
    if previous.mismatch:
        log(NOTICE, f"Replacing the programs of the run before: {previous.mismatch}")
        with open_capture(config.capture.engine, settings) as fresh:
            _begin_log(flow, fresh, missed)
            _account_previous(flow, previous)
            adoption.withdraw(previous.names)
            replace_capture(flow, fresh)
        keep_descriptors(flow)
    else:
        _begin_log(flow, previous.capture, missed)
        _account_previous(flow, previous)
        flow.set_rules(setup.kernel_keys(), setup)
    return flow


def _begin_fresh(
    host: Host, setup: Setup, processes: ProcessMemory, unusable: Unusable | None
) -> Flow:
    missed = _last_record(setup)
    reason = unusable.reason if unusable is not None else ""
    gap = unadopted_fields(host, missed.get("last_record"), reason, _now_ns())
    if unusable is not None:
        adoption.withdraw(unusable.names)
        log(WARNING, f"Failed to go on with the programs of the run before: {reason}")
    with open_capture(setup.config.capture.engine, capture_settings(setup.config)) as fresh:
        flow = Flow(host, setup, fresh.take(), processes)
    flow.attach()
    remember_running(flow.commands, setup, flow.capture.engine)
    _begin_log(flow, flow.capture, missed | gap)
    keep_descriptors(flow)
    return flow


def _begin_log(flow: Flow, capture: Capture, missed: FieldDict) -> None:
    """Write the `start` record and seal it, with what the previous run left unsealed."""
    flow.sealer.begin(flow.setup.config.seal)
    report_start(flow, capture, missed)
    flow.sealer.seal("start")
    flow.sealer.tidy()


def _account_previous(flow: Flow, previous: Adopted) -> None:
    """Read what the ring has, and report what the previous run can no longer deliver."""
    checkpoint = previous.checkpoint
    reason = "closed" if checkpoint.is_stopped else "crash"
    report_undelivered(flow, checkpoint.undelivered, reason, checkpoint.time_ns)
    flow.drain()
    if flow.duplicates is not None and (missing := flow.duplicates.take_missing()):
        report_lost(flow, flow.accounting.lose("crash", missing, checkpoint.time_ns, _now_ns()))


def _last_record(setup: Setup) -> dict[str, Any]:
    """Return the member `last_record` of the `start` record, if the previous run left one."""
    for sink in setup.sinks:
        if sink.last_record:
            return {"last_record": sink.last_record}
    return {}


def end(flow: Flow, *, is_kept: bool) -> None:
    """Drain, settle, write the last record, close. Programs that are kept stay attached."""
    if not is_kept:
        flow.capture.detach()
    flow.follow_name()
    flow.follow_host()
    flow.settle()
    flow.release_failures(_now_ns(), are_all=True)
    report_suppressed(flow, flow.setup.limits)
    report_incidents(flow, flow.sinks)
    if flow.setup.baseline is not None:
        flow.emit(*flow.setup.baseline.close())
    report_stop(flow)
    flow.sealer.seal("stop")
    for sink in flow.sinks:
        sink.close()
    log_notices(flow.sinks)
    flow.close()


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
