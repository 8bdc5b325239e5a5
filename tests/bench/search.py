# SPDX-License-Identifier: Apache-2.0
"""Searches of a gigabyte of records beside what else searches such files.

Owns what is run, in turns within one run, and the ratios. `./dev bench search`; the log is made
once and stays in the cache.
"""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.search_corpus import BEGIN_S, write_corpus
from tests.bench.tables import align

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("EXECAUDIT_CACHE", "/var/cache/execaudit-dev")) / "search"
LITERAL = '"exe":"/usr/bin/curl"'
_SMALL_LINES = 2000
_PLAIN = """
import json, sys
count = 0
for path in sys.argv[2:]:
    for line in open(path, "rb"):
        count += json.loads(line).get("exe") == sys.argv[1]
print(count)
"""
_DUCKDB = """
import sys, duckdb
print(duckdb.sql(f"select count(*) from read_json_auto({sys.argv[2:]!r}, union_by_name=true,"
                 f" ignore_errors=true) where exe = '{sys.argv[1]}'").fetchone()[0])
"""
_PLAIN_SUMS = """
import collections, json, sys
tables = collections.defaultdict(collections.Counter)
for path in sys.argv[1:]:
    for line in open(path, "rb"):
        record = json.loads(line)
        if record["type"] == "exec":
            for name in ("host", "user", "exe", "unit", "container", "tty", "pcomm", "errno"):
                if name in record:
                    tables[name][record[name]] += 1
            tables["minute"][record["time"][:16]] += 1
print(json.dumps(tables))
"""
_DUCKDB_SUMS = """
import sys, duckdb
sets = ", ".join(f"({name})" for name in
                 ("host", '"user"', "exe", "unit", "container", "tty", "pcomm", "errno"))
columns = {name: "VARCHAR" for name in ("type", "time", "host", "user", "exe", "unit", "container",
                                        "tty", "pcomm", "errno")}
print(len(duckdb.sql(
    f"select host, \\"user\\", exe, unit, container, tty, pcomm, errno, count(*) from"
    f" read_json({sys.argv[1:]!r}, format='newline_delimited', columns={columns!r})"
    f" where type = 'exec' group by grouping sets ({sets})").fetchall()))
"""


class Run(NamedTuple):
    """One command that is measured.

    Attributes:
        name: what the table calls it.
        command: started as it is.
        limit: the name of another one, and how many times as long this one may take.

    """

    name: str
    command: Sequence[str]
    limit: tuple[str, float] | None = None


class Cost(NamedTuple):
    """What one start took."""

    seconds: float
    cpu_s: float
    peak_mib: float


def measure_search(*, rounds: int, quick: bool) -> str:
    """Return the table."""
    files = 2 if quick else 10
    folder = CACHE / str(files)
    if not (folder / "execaudit.jsonl").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        corpus = write_corpus(folder, files)
        with (folder / "small").open("wb") as small, corpus.path.open("rb") as log:
            small.writelines(line for _, line in zip(range(_SMALL_LINES), log, strict=False))
        _write_audit(folder / "audit.log", files * 62_000)
    runs = _runs(folder)
    costs: dict[str, list[Cost]] = {run.name: [] for run in runs}
    for _ in range(rounds):
        for run in runs:
            costs[run.name].append(_start(run.command))
    return _render(runs, costs, sum(each.stat().st_size for each in _logs(folder)))


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("execaudit.jsonl*"))


def _runs(folder: Path) -> list[Run]:
    paths = list(map(str, _logs(folder)))
    search = _verb("search")
    log_option = ["--file", str(folder / "execaudit.jsonl")]
    log = [*search, *log_option]
    hour = ["--since", f"@{BEGIN_S + 86400}", "--until", f"@{BEGIN_S + 86400 + 3600}"]
    runs = [
        Run("grep -c", ["grep", "-c", LITERAL, *paths]),
        Run("start-up, first result", [*search, "--file", str(folder / "small"), "-n", "1"]),
        Run("search, literal", [*log, "exe=/usr/bin/curl", "-c"], ("grep -c", 3)),
        Run("search, frequent literal", [*log, "user=alice", "-c"]),
        Run("search, glob negated", [*log, "not", "exe=/usr/**", "-c"]),
        Run("search, regular expression", [*log, r"cmdline~curl.*\|", "-c"]),
        Run("search, one hour of 14 days", [*log, *hour, "-c"]),
        Run("search, the last 10", [*log, "-n", "10"]),
        Run(
            "Python, json of every line",
            ["/usr/bin/python3", "-c", _PLAIN, "/usr/bin/curl", *paths],
        ),
    ]
    runs += [
        Run("Python, sums by json of every line", ["/usr/bin/python3", "-c", _PLAIN_SUMS, *paths]),
        Run(
            "report",
            [*_verb("report"), *log_option, "--json", "--no-history"],
            ("Python, sums by json of every line", 1 / 4),
        ),
        Run("report, one hour of 14 days", [*_verb("report"), *log_option, *hour]),
        Run("tree of a login", [*_verb("tree"), *log_option, _shell(folder)]),
        Run("tree of a login, --up", [*_verb("tree"), *log_option, "--up", _shell(folder)]),
    ]
    optional = {
        "rg": Run("ripgrep -c", ["rg", "-c", LITERAL, *paths]),
        "jq": Run("jq", ["jq", "-c", 'select(.exe == "/usr/bin/curl")', *paths]),
        "ausearch": Run(
            "ausearch -x", ["ausearch", "-if", str(folder / "audit.log"), "-x", "/usr/bin/curl"]
        ),
        "aureport": Run("aureport -x", ["aureport", "-if", str(folder / "audit.log"), "-x"]),
    }
    runs += [run for program, run in optional.items() if shutil.which(program)]
    if importlib.util.find_spec("duckdb"):
        runs.append(Run("DuckDB", [sys.executable, "-c", _DUCKDB, "/usr/bin/curl", *paths]))
        runs.append(Run("DuckDB, sums", [sys.executable, "-c", _DUCKDB_SUMS, *paths]))
    return runs


def _verb(name: str) -> list[str]:
    return ["/usr/bin/python3", "-m", "execaudit", name, "-q"]


def _shell(folder: Path) -> str:
    """Return the identity of a process that others are below."""
    with (folder / "small").open("rb") as small:
        parents = (json.loads(line)["parent_id"] for line in small)
        return next(str(each) for each in parents if "-1-" not in each)


def _start(command: Sequence[str]) -> Cost:
    began = time.monotonic()
    # Into a pipe: grep stops at the first match where its output goes to /dev/null.
    child = subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdout
    while child.stdout.read(1 << 20):
        pass
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    child.stdout.close()
    return Cost(
        time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    )  # fmt: skip


def _write_audit(path: Path, count: int) -> None:
    """Write as many execs as audit records, so that ausearch has as many events."""
    with path.open("w") as file:
        for number in range(count):
            stamp = f"audit({BEGIN_S + number * 2}.{number % 1000:03}:{number})"
            exe = "curl" if not number % 2000 else "ls"
            file.write(
                f"type=SYSCALL msg={stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2"
                f" a2=3 a3=4 items=2 ppid=900 pid={1000 + number % 30000} auid=1000 uid=1000"
                f" gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0"
                f' ses=3 comm="{exe}" exe="/usr/bin/{exe}" key="exec"\n'
                f'type=EXECVE msg={stamp}: argc=2 a0="{exe}" a1="-la"\n'
                f'type=CWD msg={stamp}: cwd="/srv"\n'
                f'type=PATH msg={stamp}: item=0 name="/usr/bin/{exe}" inode=1 dev=08:01'
                " mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL\n"
                f"type=PROCTITLE msg={stamp}: proctitle=6C73002D6C61\n"
            )


def _render(runs: Sequence[Run], costs: dict[str, list[Cost]], size: int) -> str:
    medians = {
        name: Cost(*(statistics.median(column) for column in zip(*each, strict=True)))
        for name, each in costs.items()
    }
    grep_s = medians["grep -c"].seconds
    rows = [
        [
            run.name,
            f"{medians[run.name].seconds:.3f}",
            f"{medians[run.name].cpu_s:.3f}",
            f"{medians[run.name].seconds / grep_s:.2f}",
            f"{medians[run.name].peak_mib:.0f}",
            _verdict(run, medians),
        ]
        for run in runs
    ]
    head = ["", "s", "CPU s", "times grep", "MiB", "limit"]
    return f"{size / 1e9:.2f} GB of records\n\n{align([head, *rows], left=1)}"


def _verdict(run: Run, medians: dict[str, Cost]) -> str:
    if run.limit is None:
        return ""
    other, times = run.limit
    ratio = medians[run.name].seconds / medians[other].seconds
    return f"{ratio:.2f} of {times:g} times {other}"
