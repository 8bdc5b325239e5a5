# SPDX-License-Identifier: Apache-2.0
"""What is known of the time between two runs, for the `start` record (docs/record.md).

Owns how it is told: when the run before ended and how, whether the kernel went on tracing, and what
that gave. It looks at nothing itself.
"""

import struct
from typing import Any

from execaudit.daemon.ledger import Standing
from execaudit.records.host import Host
from execaudit.records.place import FieldDict

_TOTALS = ("seen", "dropped", "limited", "collapsed", "lost", "undecodable")


def gap_fields(
    host: Host, last: dict[str, Any] | None, standing: Standing | None, now_ns: int
) -> FieldDict:
    """The gap, as far as the last record and the ledger tell; empty for a first start."""
    if standing is not None:
        ended = "stop" if standing.is_stopped else "crash"
        return {"first": host.time(standing.time_ns), "last": host.time(now_ns), "ended": ended}
    if last is None:
        return {}
    fields: FieldDict = {"first": last["time"]} if isinstance(last.get("time"), str) else {}
    fields |= {
        "last": host.time(now_ns),
        "ended": "stop" if last.get("type") == "stop" else "crash",
    }
    if last.get("boot") != host.boot:
        fields["rebooted"] = True
    return fields


def waiting_fields(standing: Standing, slots: list[list[bytes]]) -> FieldDict:
    """How many events the kernel saw that the run before did not, and how many of them it lost."""
    known = {key: (seq, lost) for key, seq, _, lost in standing.streams}
    waiting = lost = 0
    for hook, per_cpu in enumerate(slots):
        for cpu, raw in enumerate(per_cpu):
            seq, told = known.get(cpu << 3 | hook, (0, 0))
            now_seq, now_lost = struct.unpack_from("@2Q", raw)
            waiting += max(0, now_seq - seq)
            lost += max(0, now_lost - told)
    return {"events": waiting + len(standing.held), "lost": lost}


def previous_totals(standing: Standing, dropped: int) -> FieldDict:
    """Counts of the run before, as in a `stop` record; `dropped` by the kernel's rules since."""
    totals = dict(zip(_TOTALS, standing.totals, strict=False))
    totals["seen"] += dropped - len(standing.held)
    totals["dropped"] += dropped
    return dict(totals)
