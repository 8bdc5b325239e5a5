# SPDX-License-Identifier: Apache-2.0
"""How many instructions of this processor an event takes in the daemon, counted by valgrind.

Counts do not depend on what else the machine does, so a test can hold them to a baseline
(`instructions.json`, made again by `./dev bench baseline`). A run of many events less a run of few
leaves out the start of Python. `python -m tests.bench.instructions WAY EVENTS` is such a run.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).with_name("instructions.json")
TOLERANCE = 1.10
ROOT = Path(__file__).parent.parent.parent
# Copies by "rep movsb" would count once for each byte, on processors that have it.
_TUNABLES = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff"}
FEW, MANY, BATCH = 256, 1792, 128
WAYS: dict[str, dict[str, Any]] = {
    "json": {},
    "journal": {"format": "journal"},
    "rules and limits": {"has_rules": True, "has_limits": True},
    "secret": {"word": b"--password=######"},
    "failure": {"error": -2, "filename": b"/bin/######/grep\0", "pids": 1, "word": b"x"},
    "exit": {"is_exit": True},
}
"""What is measured: the usual exec as JSON and as journal entry, and ways that were slow once."""

_STARTS = ("json", "journal", "rules and limits")  # the other ones start as the first does


def _rules() -> Any:
    from execaudit.rules.conditions import Lookups
    from execaudit.rules.rule_set import compile_rules
    from tests.bench.mixed_rules import mixed_rules
    from tests.rule_tables import Table

    more: list[dict[str, Any]] = [
        {"action": "label", "labels": ["tree"], "exe": "/usr/sbin/cron", "descendants": True},
        {"action": "label", "labels": ["child"], "parent": {"exe": "/usr/sbin/cron"}},
    ]
    tables = [Table(rule, index) for index, rule in enumerate(mixed_rules(100) + more)]
    rules, _ = compile_rules(tables, Lookups(user=lambda _: None, group=lambda _: None))
    return rules


def _batch(
    begin: int, *, is_exit: bool = False, pids: int = BATCH, word: bytes = b"######", **members: Any
) -> tuple[bytes, list[int]]:
    """Copies of one record with numbers of their own, which costs little beside what is measured.

    Six "#" are a number in a text. The events of a batch come from so many processes.
    """
    from execaudit.wire import record
    from tests.records import exec_record, exit_record, join

    layout = record.EXIT if is_exit else record.EXEC
    one = (
        exit_record(hook=0)
        if is_exit
        else exec_record(b"grep", b"-rn", b"--include=*.py", word, hook=0, **members)
    )
    buf, (first,) = join(one)
    step = len(buf) + -len(buf) % 8
    batch = bytearray(buf.ljust(step, b"\0") * BATCH)
    offsets = list(range(first, first + step * BATCH, step))
    mark = one.find(b"######")
    pid_at = (
        [layout.offset("pid")] if is_exit else [layout.offset(n) for n in ("pid", "tid", "nspid")]
    )
    seq_at, start_at = record.HEAD.offset("seq"), layout.offset("start_ns")
    for number, at in enumerate(offsets):
        seq = begin + number
        pid = begin + number % pids
        struct.pack_into("@QQ", batch, at + seq_at, seq, 10**12 + seq * 1000)
        struct.pack_into("@Q", batch, at + start_at, pid * 999)
        for field_at in pid_at:
            struct.pack_into("@I", batch, at + field_at, pid)
        if mark >= 0:
            batch[at + mark : at + mark + 6] = b"%06d" % seq
    return bytes(batch), offsets


def run(name: str, events: int) -> None:
    """Put so many events of a way through a flow; nothing is written."""
    from execaudit.daemon.limits import Rate
    from execaudit.formats.encoders import make_encoder
    from tests.flows import EncodingSink, make_setup, running
    from tests.records import make_host

    way = dict(WAYS[name])
    host = make_host()
    encoder = make_encoder(way.pop("format", "execaudit"), host, "execaudit")
    setup = make_setup(
        EncodingSink(encoder), rate=Rate(1e9, 10**9) if way.pop("has_limits", False) else None
    )
    setup.rules = _rules() if way.pop("has_rules", False) else None
    with running(setup, host, exits=True) as (flow, _):
        for begin in range(1, events, BATCH):
            flow._take(*_batch(begin, **way))
            flow.release_failures(0, are_all=True)
            flow.flush()


def _count(name: str, events: int) -> int:
    """Instructions of a whole run."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
               "/usr/bin/python3", "-S", "-m", "tests.bench.instructions", name,
               str(events)]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": "0", **_TUNABLES}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"Failed to count instructions: {done.stderr[-2000:]}")
    return int(found[1].replace(",", ""))


def measure() -> dict[str, int]:
    """Instructions per event of each way, making the raw records included."""
    jobs = [(name, MANY) for name in WAYS] + [(name, FEW) for name in _STARTS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(jobs, pool.map(lambda job: _count(*job), jobs), strict=True))
    return {
        name: (counts[name, MANY] - counts[name if name in _STARTS else "json", FEW])
        // (MANY - FEW)
        for name in WAYS
    }


def processor_and_python() -> str:
    """What the counts belong to: with another Python or machine they are others."""
    return f"{os.uname().machine}, Python {sys.version.split()[0]}"


def record_baseline() -> str:
    """Measure, and keep it as what later runs are held to."""
    text = json.dumps({"of": processor_and_python(), "instructions": measure()}, indent=2) + "\n"
    BASELINE.write_text(text)
    return text


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
