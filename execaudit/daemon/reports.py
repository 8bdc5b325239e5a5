# SPDX-License-Identifier: Apache-2.0
"""The daemon's own records in the stream: start, stop, lost, config, repair, summary.

Owns writing them: each is in the sinks when a function returns. `records.service_records` and
`records.lost` define their fields.
"""

import time
from collections.abc import Iterable

from execaudit.daemon.flow import Flow
from execaudit.daemon.limits import Limits
from execaudit.daemon.log import log
from execaudit.kernel.capture import Capture
from execaudit.records import service_records
from execaudit.records.lost import Incident, Lost, lost_fields, sink_lost_fields
from execaudit.records.text import FieldDict
from execaudit.sinks.sink import Sink


def report_start(flow: Flow, capture: Capture, missed: FieldDict) -> None:
    """Write the first record; `capture` is the one in use from now on."""
    hook = capture.failure_hook
    how = (hook.name if hook else "", capture.failure_hook_error)
    config_hash = flow.setup.loaded.config_hash
    if flow.setup.config_error:
        missed = {"config_error": flow.setup.config_error, **missed}
    flow.emit(service_records.start_fields(flow.host, capture.engine, how, config_hash, missed))


def report_stop(flow: Flow) -> None:
    """Write the last record."""
    flow.emit(service_records.stop_fields(flow.host, flow.totals()))


def report_config(flow: Flow, old_hash: str) -> None:
    """Report that another configuration is in force, if it is another one."""
    new_hash = flow.setup.loaded.config_hash
    if new_hash != old_hash:
        flow.emit(service_records.config_fields(flow.host, old_hash, new_hash))


def report_repair(flow: Flow, how: tuple[str, list[str], bool], first_ns: int) -> None:
    """Report that execs may have gone unseen; `how` as `repair_fields` has it."""
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    flow.emit(service_records.repair_fields(flow.host, how, first_ns, now_ns))


def report_lost(flow: Flow, *losses: Lost) -> None:
    """Report losses."""
    flow.emit(*[lost_fields(lost, flow.host) for lost in losses])


def report_undelivered(flow: Flow, counts: dict[str, int], reason: str, first_ns: int) -> None:
    """Report records that sinks of the previous run took and did not deliver, by sink."""
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    for name, count in counts.items():
        if count:
            incident = Incident(reason, count, first_ns, now_ns, None, None)
            flow.emit(sink_lost_fields(flow.host, name, incident))


def report_incidents(flow: Flow, sinks: Iterable[Sink]) -> None:
    """Report each outage of a sink that has ended."""
    for sink in sinks:
        for incident in sink.losses.take():
            flow.emit(sink_lost_fields(flow.host, sink.name, incident))


def report_suppressed(flow: Flow, limits: Limits | None) -> None:
    """Write one summary for each key that was over its limit."""
    if limits is None:
        return
    for field, limit in (*limits.by_field.items(), *limits.volumes.items()):
        for each in limit.take_suppressed():
            by, counted = (field, each.key), (each.count, each.cut_bytes)
            span = each.first_ns, each.last_ns
            flow.emit(service_records.summary_fields(flow.host, by, counted, *span))


def report_programs(flow: Flow) -> None:
    """Report the programs that were read since the last call."""
    if flow.awaits_programs and (baseline := flow.setup.baseline) and baseline.programs:
        records = baseline.programs.take()
        if records:
            flow.emit(*records)


def log_notices(sinks: Iterable[Sink]) -> None:
    """Write the messages of sinks into the log."""
    for sink in sinks:
        for priority, text in sink.notices.take():
            log(priority, text)
