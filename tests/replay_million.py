# SPDX-License-Identifier: Apache-2.0
"""Sends made events through the daemon's flow and sinks, and says what memory that took.

    python -m tests.replay_million EVENTS DIRECTORY

No two events are alike: processes and arguments are others each time; users, programs and units
change after some thousand, so that every table that remembers something is filled to its bound.
Prints a JSON object: the resident KiB after each tenth of the events, and what the sinks counted.
"""

import json
import os
import re
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

from execaudit.config.schema import File, Journal
from execaudit.daemon.flow import Flow
from execaudit.daemon.limits import Rate
from execaudit.formats.encoders import make_encoder
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSink
from execaudit.wire import record
from tests.flows import make_setup, running
from tests.records import PARENT, START_NS, exec_record, exit_record, leaf_first, make_host

RULES: list[dict[str, Any]] = [
    {"action": "label", "labels": ["tree"], "exe": "/opt/*1", "descendants": True},
    {"action": "label", "labels": ["child"], "parent": {"exe": "/opt/*"}},
    {"action": "label", "labels": ["failed"], "result": "failure"},
    {"action": "drop", "comm": "noise"},
]
NUMBER, SELDOM = b"#########", b"@@@@@@@@@"
_SELDOM_EVERY = 4096
FILE_BYTES = 16 << 20
_HEAD = struct.Struct("@QQ")  # seq, time_ns
_HEAD_AT = record.HEAD.offset("seq")
_U32, _U64 = struct.Struct("@I"), struct.Struct("@Q")


class Template:
    """A raw record in which numbers are put."""

    def __init__(self, raw: bytes) -> None:
        layout = record.EXIT if raw[4] == record.KIND_EXIT else record.EXEC
        self.raw = bytearray(raw)
        self.hook = raw[record.HEAD.offset("hook")]
        self._pids = [
            layout.offset(name) for name in ("pid", "tid") if name in layout_names(layout)
        ]
        self._start_at = layout.offset("start_ns")
        self._uid_at = layout.offset("uid")
        self._texts, self._seldom = _find_all(raw, NUMBER), _find_all(raw, SELDOM)

    def fill(self, seq: int, time_ns: int, number: int, process: int) -> bytearray:
        raw = self.raw
        _HEAD.pack_into(raw, _HEAD_AT, seq, time_ns)
        for at in self._pids:
            _U32.pack_into(raw, at, process % 4_000_000 + 2)
        _U64.pack_into(raw, self._start_at, START_NS + process * 1_000_000)
        _U32.pack_into(raw, self._uid_at, number // _SELDOM_EVERY)
        for places, value in ((self._texts, number), (self._seldom, number // _SELDOM_EVERY)):
            text = b"%09d" % value
            for at in places:
                raw[at : at + len(text)] = text
        return raw


def _find_all(raw: bytes, text: bytes) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(text), raw)]


def layout_names(layout: record.Layout) -> set[str]:
    return {name for name, _ in layout.members}


def templates() -> list[tuple[Template, int]]:
    """A batch. Each with what to add to the process of the one before: 0 is the same."""
    path = b"/opt/" + SELDOM
    found: dict[str, Any] = {"filename": path + b"\0", "exe": leaf_first(path), "comm": SELDOM}
    cgroup = leaf_first(b"/system.slice/job-" + SELDOM + b".service")
    usual: list[tuple[bytes, int]] = [
        (exec_record(b"ls", b"-l", NUMBER), 1),
        (exec_record(b"x", b"-c", b"echo " + NUMBER, b"y", **found), 1),
        (exec_record(b"sh", b"-c", b"echo '" + NUMBER + b"'", env=(b"LANG=C",)), 1),
        (exec_record(b"x", NUMBER, cgroup=cgroup), 1),
        (exec_record(b"noise", NUMBER, comm=b"noise"), 1),
        (exec_record(b"lost", NUMBER, error=-2, filename=path + b"\0"), 1),
        (exec_record(b"lost", NUMBER, ancestors=(PARENT,), **found), 0),
        (exit_record(status=0x100), 0),
    ]
    unusual = [
        (exec_record(b"x", b"--password=" + NUMBER), 1),
        (exec_record(b"x", b"\xff" + NUMBER), 1),
        (exec_record(b"x", NUMBER, comm=NUMBER, exe=leaf_first(b"/opt/" + NUMBER)), 1),
    ]
    return [(Template(raw), step) for raw, step in [*usual * 32, *unusual]]


def read_and_forget(listener: socket.socket) -> int:
    """A journald that is quick; its pid."""
    child = os.fork()
    if not child:
        buffer = bytearray(1 << 16)
        while True:
            listener.recv_into(buffer)
    return child


class Chain:
    """The daemon's flow, with both its sinks and all that can be configured."""

    def __init__(self, flow: Flow, directory: Path) -> None:
        setup, host = flow.setup, flow.host
        file = File(path=str(directory / "execaudit.jsonl"), max_file_bytes=FILE_BYTES, num_logs=2)
        self.flow = flow
        self.file = FileSink(file, make_encoder("execaudit", host, "execaudit"))
        self.journal = JournalSink(
            Journal(),
            make_encoder("journal", host, "execaudit"),
            socket_path=str(directory / "socket"),
        )
        setup.sinks += [self.file, self.journal]

    def take(self, buf: bytes, offsets: list[int]) -> None:
        self.flow._take(buf, offsets)
        self.flow.release_failures(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        self.flow.flush()
        for sink in (self.file, self.journal):
            sink.notices.take()
        while (deadline := self.journal.on_timer(time.monotonic())) is not None:
            time.sleep(max(deadline - time.monotonic(), 0))


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") // 1024


def replay(chain: Chain, events: int) -> list[int]:
    """Resident KiB after each tenth."""
    made = templates()
    seqs = [0] * len(record.HOOKS)
    resident: list[int] = []
    process = number = 0
    now_ns = START_NS + 10**9
    while number < events:
        buf, offsets = bytearray(), []
        for template, step in made:
            process += step
            number += 1
            now_ns += 10_000
            seqs[template.hook] += 1
            offsets.append(len(buf))
            buf += template.fill(seqs[template.hook], now_ns, number, process)
            buf += bytes(-len(buf) % 8)
        chain.take(bytes(buf), offsets)
        if number * 10 // events > len(resident):
            chain.flow.pressure.is_swollen = True  # a tenth of a million comes in large batches
            chain.flow.settle()  # which returns freed memory, as in the daemon
            resident.append(resident_kib())
    return resident


def main() -> None:
    events, directory = int(sys.argv[1]), Path(sys.argv[2])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(directory / "socket"))
    reader = read_and_forget(listener)
    setup = make_setup(rules=RULES, rate=Rate(1e9, 1000))
    try:
        with running(setup, make_host(), exits=True) as (flow, _):
            chain = Chain(flow, directory)
            resident = replay(chain, events)
            totals = flow.totals()
        answer = {
            "resident_kib": resident,
            "seen": totals["seen"],
            "gone": sum(totals[name] for name in ("dropped", "limited", "collapsed", "lost")),
            "written": [sink.counters.written for sink in (chain.file, chain.journal)],
            "lost": [sink.counters.lost for sink in (chain.file, chain.journal)],
            "file_bytes": chain.file.counters.bytes,
        }
    finally:
        os.kill(reader, signal.SIGKILL)
        os.waitpid(reader, 0)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
