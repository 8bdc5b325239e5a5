# SPDX-License-Identifier: Apache-2.0
"""Tries what docs/siem.md says of a fleet in ClickHouse. By hand: it is half a gigabyte.

    python3 -m venv /tmp/chdb && /tmp/chdb/bin/pip install chdb-core-lite
    PYTHONPATH=. /tmp/chdb/bin/python -m tests.siem_fleet 2000000

Generates so many records of 1,000 hosts, loads them with shipped tables and views, a part of them
twice, runs the page's queries, and compares each answer with sums made here, without a database.
"""

import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from chdb import session

from execaudit.records.text import dumps
from execaudit.store.times import SECOND_NS, show_time
from tests.siem import SIEM, queries

HOSTS = 1000
DAYS = 30
_USUAL = 120
_PARENTS = ("bash", "sh", "cron", "sshd", "systemd", "make")
_TWICE = 100_000


class Fleet:
    """Generates records, and sums them up.

    Attributes:
        first_of_host: when a host ran a program first, with user and arguments.
        first: when any did, and where.
        hosts: which have run a program.
        pairs: how often a parent started a program, and on which hosts.
        missing: what the daemon said is missing.

    """

    def __init__(self, count: int) -> None:
        self._chance = random.Random(1)  # noqa: S311
        self._count = count
        self._end_ns = time.time_ns()
        self.first_of_host: dict[tuple[str, str], tuple[str, str, list[str]]] = {}
        self.first: dict[str, tuple[str, str]] = {}
        self.hosts: dict[str, set[str]] = defaultdict(set)
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.pair_hosts: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.missing: Counter[tuple[str, str, str]] = Counter()
        self.missed_events: Counter[tuple[str, str, str]] = Counter()

    def write(self, file: BinaryIO) -> None:
        """Write all records, in the order of their times."""
        step_ns = DAYS * 86400 * SECOND_NS // self._count
        begin_ns = self._end_ns - DAYS * 86400 * SECOND_NS
        for number in range(self._count):
            record = self._record(number, show_time(begin_ns + number * step_ns))
            file.write(dumps(record) + b"\n")

    def _record(self, number: int, stamp: str) -> dict[str, Any]:
        chance = self._chance
        host = f"host{chance.randrange(HOSTS):04}"
        base = {"time": stamp, "host": host, "boot": f"{hash_of(host):032x}", "cpu": number % 4}
        kind = chance.random()
        if kind < 0.0005:
            return self._missing(base, "lost", "ring", {"reason": "ring"}, chance.randrange(1, 9))
        if kind < 0.0007:
            gap = {"first": stamp, "last": stamp, "ended": "crash", "traced": False}
            return self._missing(base, "start", "crash", {"gap": gap, "pid": 1}, 0)
        if kind < 0.0008:
            gap = {"first": stamp, "last": stamp, "ended": "stop", "traced": True}
            return {**base, "type": "start", "pid": 1, "gap": gap}
        if kind < 0.0009:
            return self._missing(base, "repair", "silent", {"reason": "silent"}, 0)
        return self._exec({**base, "type": "exec", "seq": number})

    def _missing(
        self, base: dict[str, Any], kind: str, why: str, members: dict[str, Any], count: int
    ) -> dict[str, Any]:
        record = {**base, "type": kind, "first": base["time"], "last": base["time"], **members}
        if kind == "start":
            del record["first"], record["last"]
        if count:
            record["count"] = count
        self.missing[base["host"], kind, why] += 1
        self.missed_events[base["host"], kind, why] += count
        return record

    def _exec(self, record: dict[str, Any]) -> dict[str, Any]:
        chance = self._chance
        # A few programs are new, most are everywhere.
        is_new = not chance.randrange(4000)
        name = f"odd{record['seq']}" if is_new else f"usual{chance.randrange(_USUAL)}"
        exe, user = f"/usr/bin/{name}", chance.choice(("root", "alice", "bob"))
        parent = "nginx" if not chance.randrange(50_000) else chance.choice(_PARENTS)
        argv = [name, str(record["seq"])]
        failed = chance.random() < 0.1
        record |= {
            "id": f"{record['boot'][:12]}-1-{record['seq']:x}-1", "pid": 100, "uid": 0,
            "user": user, "comm": name, "exe": exe, "argv": argv, "pcomm": parent,
            "result": "failure" if failed else "success",
        }  # fmt: skip
        if failed:
            return {**record, "errno": "ENOENT", "errno_code": 2, "hook": "execve"}
        stamp, host = record["time"], record["host"]
        self.first_of_host.setdefault((host, exe), (stamp, user, argv))
        self.first.setdefault(exe, (stamp, host))
        self.hosts[exe].add(host)
        self.pairs[parent, exe] += 1
        self.pair_hosts[parent, exe].add(host)
        return record


def hash_of(text: str) -> int:
    """Return a number that is the same in every run."""
    return int.from_bytes(text.encode().ljust(16, b"."), "big")


def shown(stamp: str) -> str:
    """Return a time as ClickHouse shows it."""
    return stamp.replace("T", " ").removesuffix("Z")


def wanted_answers(fleet: Fleet, now_s: float) -> list[set[tuple[Any, ...]]]:
    """Return the answers to the page's queries."""

    def since(days: int) -> str:
        return f"{datetime.fromtimestamp(now_s - days * 86400, UTC):%Y-%m-%d %H:%M:%S}"

    new_of_hosts = {
        (host, exe, shown(stamp), user, tuple(argv))
        for (host, exe), (stamp, user, argv) in fleet.first_of_host.items()
        if shown(stamp) >= since(1)
    }
    new = {
        (exe, shown(stamp), host, len(fleet.hosts[exe]))
        for exe, (stamp, host) in fleet.first.items()
        if shown(stamp) >= since(7)
    }
    rare = {
        (*pair, count, len(fleet.pair_hosts[pair]))
        for pair, count in fleet.pairs.items()
        if count <= 3 and len(fleet.pair_hosts[pair]) <= 2
    }
    missing = {
        (*what, fleet.missed_events[what], stretches) for what, stretches in fleet.missing.items()
    }
    return [new_of_hosts, new, rare, missing]


NAMES = (
    ("host", "exe", "since", "who", "how"), ("exe", "since", "first_on", "on_hosts"),
    ("pcomm", "exe", "times", "on_hosts"), ("host", "type", "reason", "events", "stretches"),
)  # fmt: skip


def main(count: int) -> int:
    """Generate, load, ask, compare; the exit status."""
    house = session.Session()
    for name in ("execaudit.sql", "fleet.sql"):
        house.query((SIEM / "clickhouse" / name).read_text())
    fleet = Fleet(count)
    with tempfile.TemporaryDirectory() as folder:
        path, again = Path(folder) / "all.jsonl", Path(folder) / "again.jsonl"
        with path.open("wb") as file:
            fleet.write(file)
        with path.open("rb") as file, again.open("wb") as part:
            part.writelines(line for _, line in zip(range(_TWICE), file, strict=False))
        for each in (path, again):
            began = time.monotonic()
            house.query(
                f"INSERT INTO execaudit FROM INFILE '{each}'"
                " SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow"
            )
            print(f"loaded {each.stat().st_size / 1e6:.0f} MB in {time.monotonic() - began:.1f} s")
    house.query("SET output_format_json_quote_64bit_integers = 0")
    wrong = 0
    now_s = float(house.query("SELECT toUnixTimestamp(now())", "TSV").data())
    for query, names, wanted in zip(
        queries("clickhouse"), NAMES, wanted_answers(fleet, now_s), strict=True
    ):
        # "now" is a little later in each query than in the one before.
        fixed = query.replace("now()", f"toDateTime({int(now_s)}, 'UTC')")
        began = time.monotonic()
        rows = map(json.loads, house.query(fixed, "JSONEachRow").data().splitlines())
        found = {
            tuple(tuple(row[name]) if name == "how" else row[name] for name in names)
            for row in rows
        }
        print(f"{time.monotonic() - began:.3f} s, {len(found)} rows, {len(wanted)} wanted: {names}")
        if found != wanted:
            wrong += 1
            print("too many:", list(found - wanted)[:3], "missing:", list(wanted - found)[:3])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000))
