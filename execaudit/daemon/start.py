# SPDX-License-Identifier: Apache-2.0
"""From nothing, or from what the process before left, to a flow in which events come in.

Owns the order of things at the start: the `start` record stands before all others, and what is kept
with the service manager is complete before the daemon says that it is ready.
"""

import time
from typing import Any

from execaudit.daemon.build import Parts, capture_settings
from execaudit.daemon.flow import Flow
from execaudit.daemon.handover import adoption
from execaudit.daemon.handover.adoption import Adopted, Unusable
from execaudit.daemon.handover.previous_run import adopted_fields, unadopted_fields
from execaudit.daemon.log import log
from execaudit.engine.choice import open_capture
from execaudit.records.host import Host
from execaudit.sinks.accounting import NOTICE, WARNING


def begin(host: Host, parts: Parts) -> Flow:
    """A flow whose capture is attached and kept, with what the run before left drained."""
    config = parts.loaded.config
    settings = capture_settings(config)
    previous = adoption.find_previous(host.boot, config.capture.engine, settings)
    if not isinstance(previous, Adopted):
        return _begin_anew(host, parts, previous)
    flow = Flow(host, parts, previous.capture, previous.file, previous.checkpoint)
    last_record = _last_record(parts)
    missed = {"last_record": last_record} if last_record else {}
    missed |= adopted_fields(host, previous, flow.ring, _now_ns())
    if previous.mismatch:
        log(NOTICE, f"Loading other programs than those of the run before: {previous.mismatch}")
        with open_capture(config.capture.engine, settings) as fresh:
            flow.tell.start(fresh, missed)
            _account(flow, previous)
            adoption.withdraw(previous.names)
            flow.replace(fresh)
        flow.keep()
    else:
        flow.tell.start(previous.capture, missed)
        _account(flow, previous)
        flow.resume_rules()
    return flow


def _begin_anew(host: Host, parts: Parts, unusable: Unusable | None) -> Flow:
    config = parts.loaded.config
    last_record = _last_record(parts)
    missed = {"last_record": last_record} if last_record else {}
    reason = unusable.reason if unusable else ""
    missed |= unadopted_fields(host, last_record, reason, _now_ns())
    if unusable is not None:
        adoption.withdraw(unusable.names)
        log(WARNING, f"Failed to go on with the programs of the run before: {reason}")
    with open_capture(config.capture.engine, capture_settings(config)) as fresh:
        flow = Flow(host, parts, fresh.take())
    flow.attach()
    flow.tell.start(flow.capture, missed)
    flow.keep()
    return flow


def _account(flow: Flow, previous: Adopted) -> None:
    """Read what the ring has, and report what the run before cannot deliver any more."""
    checkpoint = previous.checkpoint
    reason = "closed" if checkpoint.is_stopped else "crash"
    flow.tell.undelivered(checkpoint.undelivered, reason, checkpoint.time_ns)
    flow.drain()
    if flow.duplicates is not None and (missing := flow.duplicates.take_missing()):
        flow.tell.lost(flow.pipeline.lose("crash", missing, checkpoint.time_ns, _now_ns()))


def _last_record(parts: Parts) -> dict[str, Any] | None:
    for sink in parts.sinks:
        tail = getattr(sink, "tail", None)
        if tail is not None and tail.last:
            return dict(tail.last)
    return None


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
