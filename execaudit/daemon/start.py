# SPDX-License-Identifier: Apache-2.0
"""From nothing, or from what the process before left, to a flow in which events come in.

Owns the order of things at the start: the `start` record stands before all others, and what is kept
with the service manager is complete before the daemon says that it is ready.
"""

import time
from typing import Any

from execaudit.daemon import store, takeover
from execaudit.daemon.build import Parts, capture_settings
from execaudit.daemon.flow import SINKS, Flow
from execaudit.daemon.gap import gap_fields, previous_totals, waiting_fields
from execaudit.daemon.ledger import Ledger, Standing
from execaudit.daemon.log import log
from execaudit.daemon.takeover import Left
from execaudit.engine.choice import open_capture
from execaudit.errors import ExecauditError
from execaudit.kernel import kept, libbpf
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.sinks.accounting import NOTICE, WARNING
from execaudit.wire import record


def begin(host: Host, parts: Parts) -> Flow:
    """A flow whose capture is attached and kept, with what the run before left drained."""
    config = parts.loaded.config
    settings = capture_settings(config)
    left = takeover.find_left(host, config.capture.engine, settings)
    if left is None or left.capture is None or left.standing is None:
        return _begin_anew(host, parts, left)
    standing = left.standing
    flow = Flow(host, parts, left.capture, left.ledger, standing)
    missed = _last_record(parts) | _gap(flow, left, standing)
    if left.misfit:
        log(NOTICE, f"Loading other programs than those of the run before: {left.misfit}")
        with open_capture(config.capture.engine, settings) as fresh:
            flow.tell.start(fresh, missed)
            _account(flow, standing)
            takeover.forget(left.names)
            flow.replace(fresh.take(), None)
        _keep(flow)
    else:
        flow.tell.start(left.capture, missed)
        _account(flow, standing)
        flow.resume_rules()
    return flow


def _begin_anew(host: Host, parts: Parts, left: Left | None) -> Flow:
    config = parts.loaded.config
    last = _last_record(parts)
    gap = gap_fields(host, last.get("last_record"), None, _now_ns())
    if gap:
        gap["traced"] = False
    if left is not None:
        takeover.forget(left.names)
        gap["why"] = left.misfit
        log(WARNING, f"Failed to go on with the programs of the run before: {left.misfit}")
    with open_capture(config.capture.engine, capture_settings(config)) as fresh:
        flow = Flow(host, parts, fresh.take())
    flow.attach()
    flow.tell.start(flow.capture, last | ({"gap": gap} if gap else {}))
    _keep(flow)
    return flow


def renew(flow: Flow) -> None:
    """Put new programs and a new ring in the place of those in use, which can not be repaired.

    Raises as `open_capture` and `Capture.attach`; then nothing has changed.
    """
    names = [*kept.descriptors(flow.capture), takeover.LEDGER]
    with open_capture(flow.capture.engine, flow.capture.settings) as fresh:
        if flow.ledger is not None:
            takeover.forget(names)
        flow.replace(fresh.take(), None)
    flow.capture.close_trials()
    _keep(flow)


def _keep(flow: Flow) -> None:
    """Have the manager keep what the next process needs, where there is one."""
    if not store.is_there():
        return
    try:
        streams = libbpf.num_possible_cpus() * len(record.HOOKS)
        ledger = Ledger.create(kept.describe(flow.capture, flow.host.boot), streams)
    except ExecauditError as error:
        log(WARNING, f"{error}, a restart will miss events")
        return
    flow.use_ledger(ledger)
    takeover.keep(flow.capture, ledger)


def _account(flow: Flow, standing: Standing) -> None:
    """Read what the ring has, and tell what of the run before can not be delivered any more."""
    reason = "closed" if standing.is_stopped else "crash"
    counts = dict(zip(SINKS, standing.undelivered, strict=False))
    flow.tell.undelivered(counts, reason, standing.time_ns)
    flow.drain()
    repeats = flow.pipeline.repeats
    if repeats is not None and (held := repeats.take_held()):
        flow.tell.lost(flow.pipeline.lose("crash", held, standing.time_ns, _now_ns()))


def _last_record(parts: Parts) -> dict[str, Any]:
    for sink in parts.sinks:
        tail = getattr(sink, "tail", None)
        if tail is not None and tail.last:
            return {"last_record": tail.last}
    return {}


def _gap(flow: Flow, left: Left, standing: Standing) -> FieldDict:
    gap = gap_fields(flow.host, None, standing, _now_ns())
    gap |= {"traced": True, **waiting_fields(standing, flow.capture.slots())}
    if left.ledger is not None and left.ledger.writing > standing.position:
        gap["repeated"] = flow.ring.count(left.ledger.writing)
    if left.misfit:
        gap["why"] = left.misfit
    dropped = flow.capture.dropped() - standing.totals[-1]
    return {"gap": gap, "previous": previous_totals(standing, dropped)}


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
