# SPDX-License-Identifier: Apache-2.0
"""The previous run, as the `start` record describes it (docs/service-records.md).

Owns the members `gap` and `previous`: when and how the previous run ended, if the kernel went on
tracing, and how many events it saw. It reports nothing itself.
"""

import struct
from typing import Any

from execaudit.daemon.handover.adoption import Adopted
from execaudit.daemon.handover.checkpoint import Checkpoint
from execaudit.kernel.ring import Ring
from execaudit.records.host import Host

Members = dict[str, Any]


def adopted_fields(host: Host, adopted: Adopted, ring: Ring, now_ns: int) -> Members:
    """Return the members for a run whose programs went on tracing; `ring` is its capture's."""
    checkpoint, slots = adopted.checkpoint, adopted.capture.slots()
    gap: Members = {
        "first": host.time(checkpoint.time_ns),
        "last": host.time(now_ns),
        "ended": "stop" if checkpoint.is_stopped else "crash",
        "traced": True,
        **_waiting_counts(checkpoint, slots),
    }
    if adopted.file.batch_end > checkpoint.position:
        gap["repeated"] = ring.count(adopted.file.batch_end)
    if adopted.mismatch:
        gap["why"] = adopted.mismatch
    dropped = adopted.capture.dropped() - checkpoint.kernel_dropped
    return {"gap": gap, "previous": _totals_until_now(checkpoint, dropped)}


def unadopted_fields(
    host: Host, last_record: dict[str, Any] | None, reason: str, now_ns: int
) -> Members:
    """Return the members for a run known by its last record only; empty for a first start.

    `reason` says why the stored descriptors are not used; "" if there are none.
    """
    gap: Members = {}
    if last_record is not None:
        if isinstance(last_record.get("time"), str):
            gap["first"] = last_record["time"]
        gap["last"] = host.time(now_ns)
        gap["ended"] = "stop" if _is_end(last_record) else "crash"
        if last_record.get("boot") != host.boot:
            gap["rebooted"] = True
    elif not reason:
        return {}
    gap["traced"] = False
    if reason:
        gap["why"] = reason
    return {"gap": gap}


def _is_end(last_record: dict[str, Any]) -> bool:
    kind = last_record.get("type")
    return kind == "stop" or (kind == "seal" and last_record.get("reason") == "stop")


def _waiting_counts(checkpoint: Checkpoint, slots: list[list[bytes]]) -> Members:
    """Return how many events the kernel saw since the checkpoint, and how many of them it lost."""
    known = {key: (seq, lost) for key, seq, _, lost in checkpoint.streams}
    waiting = lost = 0
    for hook, per_cpu in enumerate(slots):
        for cpu, raw in enumerate(per_cpu):
            known_seq, known_lost = known.get(cpu << 3 | hook, (0, 0))
            now_seq, now_lost = struct.unpack_from("@2Q", raw)
            waiting += max(0, now_seq - known_seq)
            lost += max(0, now_lost - known_lost)
    return {"events": waiting + len(checkpoint.held_back), "lost": lost}


def _totals_until_now(checkpoint: Checkpoint, dropped: int) -> Members:
    """Return the counts of the run, with what the kernel's rules have dropped since."""
    totals = checkpoint.totals._asdict()
    totals["seen"] += dropped - len(checkpoint.held_back)
    totals["dropped"] += dropped
    return totals
