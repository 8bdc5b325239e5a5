# SPDX-License-Identifier: Apache-2.0
"""Hundreds of thousands of programs, users, units and arguments, none twice: no table grows on.

EXECAUDIT_BOUND_EXECS sets how many. A million takes six minutes.
"""

import gc
import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType

from execaudit.daemon.limits import Rate
from execaudit.formats.encoders import make_encoder
from execaudit.wire import record
from tests.flows import EncodingSink, make_setup, running
from tests.records import exec_record, leaf_first, make_host

EXECS = int(os.environ.get("EXECAUDIT_BOUND_EXECS", "150000"))
BATCH = 1000
FAILURES = 10  # one exec of so many fails
MOST = 70_000  # entries of one table; the largest bound is 65,536
NUMBER = b"0000000"
RULES = (
    {"action": "label", "labels": ["new"], "exe": "/opt/p*", "argv": "*-7*"},
    {"action": "label", "labels": ["below"], "ancestor": {"exe": "/opt/p0000001"}},
    {"action": "label", "labels": ["tree"], "exe": "/opt/p00*", "descendants": True},
)


class Template:
    """A raw record in which a number stands for everything that differs."""

    def __init__(self, error: int = 0) -> None:
        self._raw = exec_record(
            b"run-" + NUMBER,
            filename=b"/opt/p" + NUMBER + b"\0",
            exe=leaf_first(b"/opt/p" + NUMBER),
            cgroup=leaf_first(b"/system.slice/u" + NUMBER + b".service"),
            ancestors=(),
            error=error,
        )
        self._at = [at for at in range(len(self._raw)) if self._raw.startswith(NUMBER, at)]
        head = {name: record.HEAD.offset(name) for name in ("seq", "time_ns")}
        body = {name: record.EXEC.offset(name) for name in ("pid", "uid", "start_ns", "exe_ino")}
        self._places = {**head, **body}

    def make(self, number: int, seq: int) -> bytes:
        raw = bytearray(self._raw)
        digits = b"%07d" % number
        for at in self._at:
            raw[at : at + 7] = digits
        places = self._places
        struct.pack_into("@Q", raw, places["seq"], seq)
        struct.pack_into("@Q", raw, places["time_ns"], 10**12 + number * 1000)
        struct.pack_into("@I", raw, places["pid"], 2 + number % 4_000_000)
        struct.pack_into("@I", raw, places["uid"], 10 + number)
        struct.pack_into("@Q", raw, places["start_ns"], 10**11 + number * 1000)
        struct.pack_into("@Q", raw, places["exe_ino"], number)
        return bytes(raw)


def join(records: Iterable[bytes]) -> tuple[bytes, list[int]]:
    parts, offsets, at = [], [], 0
    for raw in records:
        offsets.append(at + 8)
        parts.append(bytes(8) + raw + bytes(-len(raw) % 8))
        at += len(parts[-1])
    return b"".join(parts), offsets


def batches() -> Iterator[tuple[bytes, list[int]]]:
    exec_, failure = Template(), Template(error=-2)
    execs = failures = 0
    for begin in range(0, EXECS, BATCH):
        records = []
        for number in range(begin, begin + BATCH):
            if number % FAILURES == 0:
                failures += 1
                records.append(failure.make(number, failures))
            else:
                execs += 1
                records.append(exec_.make(number, execs))
        yield join(records)


def tables(of: object) -> list[tuple[int, str]]:
    """Return the sizes of all containers that can be reached from an object, largest first."""
    seen: set[int] = set()
    waiting, found = [of], []
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, (type, ModuleType, FunctionType)):
            continue
        seen.add(id(each))
        if isinstance(each, (dict, list, set, deque, bytes, bytearray, tuple, frozenset)):
            found.append((len(each), type(each).__name__))
        waiting += gc.get_referents(each)
    return sorted(found, reverse=True)


def test_no_table_grows_beyond_its_bound_with_ever_other_execs() -> None:
    host = make_host()
    sinks = [EncodingSink(make_encoder(name, host, "execaudit")) for name in ("execaudit", "ecs")]
    setup = make_setup(*sinks, rules=RULES, rate=Rate(1000, 60))
    with running(setup, host, exits=True) as (flow, _):
        for buf, offsets in batches():
            flow._take(buf, offsets)
            flow.flush()
        flow.release_failures(10**18)
        assert flow.accounting.counts.seen == EXECS
        assert tables(flow)[0][0] <= MOST, tables(flow)[:10]
