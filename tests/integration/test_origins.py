# SPDX-License-Identifier: Apache-2.0
"""Where a process came from whose parent is gone, and what ran before tracing began."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from execaudit.engine.running import read_running
from execaudit.records.place import path_bytes
from tests.integration.daemon_process import Daemon
from tests.integration.requirements import CHECKOUT, PYTHON, give_up
from tests.integration.tracing import Record, Tracer

# Forks so many times, each time to let the parent end, then executes.
FORK_AWAY = """
import os, sys
for _ in range(int(sys.argv[1])):
    parent = os.getpid()
    if os.fork():
        os._exit(0)
    os.setsid()
    while os.getppid() == parent:
        os.sched_yield()
os.execv(sys.argv[2], sys.argv[2:])
"""

# Two forks; the pids of the processes that come of them have one place in the kernel's table.
FORK_TO_ONE_PLACE = """
import os, sys
ENTRIES, EXECUTED, MISSED = 16384, 0, 1  # bpf/wire.h: ORIGIN_ENTRIES
first = os.fork()
if first:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]))
pid = os.getpid()
wanted = pid + ENTRIES if pid < ENTRIES else pid - ENTRIES
with open("/proc/sys/kernel/ns_last_pid", "w") as last:
    last.write(str(wanted - 1))
second = os.fork()
if second:
    os._exit(EXECUTED if second == wanted else MISSED)
while os.getppid() == pid:
    os.sched_yield()
if os.getpid() == wanted:
    os.execv(sys.argv[1], sys.argv[1:])
"""


def fork_away(program: Path, *words: str, steps: int = 2) -> None:
    """Run a program that a process has forked away; wait until it has ended."""
    argv = [PYTHON, "-c", FORK_AWAY, str(steps), str(program), *words]
    # Whoever is left holds the other end.
    subprocess.run(argv, check=True, stdout=subprocess.PIPE)


def record_of(records: list[Record], word: str) -> Record:
    (record,) = [
        r
        for r in records
        if r["type"] == "exec" and r.get("argv", [""])[-1] == word and r.get("comm") == "tiny"
    ]
    return record


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_process_that_was_forked_away_names_its_origin(
    tracer: Tracer, programs: Path, steps: int
) -> None:
    _, records = tracer.during(lambda: fork_away(programs / "tiny", "away", steps=steps))
    (origin,) = [
        r for r in records if r.get("argv", [])[-1:] == ["away"] and "tiny" not in r["exe"]
    ]

    record = record_of(records, "away")
    assert record["origin"] == origin["id"]
    assert origin["pid"] not in [each["pid"] for each in record["ancestors"]]


def test_origin_outlives_a_parent_whose_place_the_child_takes(
    tracer: Tracer, programs: Path
) -> None:
    argv = [PYTHON, "-c", FORK_TO_ONE_PLACE, str(programs / "tiny"), "placed"]

    def fork() -> None:
        for _ in range(50):  # somebody else may take the pid
            if not subprocess.run(argv, stdout=subprocess.PIPE, check=False).returncode:
                return
        raise AssertionError("the pid was never free")

    _, records = tracer.during(fork)
    record = record_of(records, "placed")
    executed = [r["id"] for r in records if r.get("argv", [""])[-1] == "placed"]
    assert record["origin"] == executed[executed.index(record["id"]) - 1]


def test_process_whose_parent_is_there_names_no_origin(tracer: Tracer, programs: Path) -> None:
    _, records = tracer.during(lambda: fork_away(programs / "tiny", "stays", steps=0))
    record = record_of(records, "stays")
    assert "origin" not in record
    assert record["ppid"] == os.getpid()


def test_rules_follow_the_origin(engine: str, programs: Path, place: Path) -> None:
    python = Path(PYTHON).resolve()
    rules = (
        f'[[rule]]\naction = "label"\nlabels = ["origin"]\norigin.exe = "{python}"\n'
        f'[[rule]]\naction = "label"\nlabels = ["ancestor"]\nancestor.exe = "{python}"\n'
        '[[rule]]\naction = "label"\nlabels = ["tree"]\nargv = "away"\ndescendants = true\n'
        'exe = "**/python*"\n'
    )
    with Daemon(place, engine, rules=rules) as daemon:
        fork_away(programs / "tiny", "away")
        daemon.settle(programs / "tiny")
        daemon.stop()
        record = record_of(daemon.records(), "away")
    assert record["labels"] == ["origin", "ancestor", "tree"]


def test_program_of_a_parent_that_ran_before_is_known(
    engine: str, programs: Path, place: Path
) -> None:
    shell = Path(shutil.copy("/bin/sh", place / "early-shell")).resolve()
    with subprocess.Popen([shell], stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        rules = f'[[rule]]\naction = "label"\nlabels = ["early"]\nparent.exe = "{shell}"\n'
        with Daemon(place, engine, rules=rules) as daemon:
            process.stdin.write(f"{programs}/tiny below; exit\n")
            process.stdin.close()
            process.wait()
            daemon.settle(programs / "tiny")
            daemon.stop()
            record = record_of(daemon.records(), "below")
    assert record["labels"] == ["early"]


def test_rule_that_a_reload_brings_knows_what_ran_before(
    engine: str, programs: Path, place: Path
) -> None:
    shell = Path(shutil.copy("/bin/sh", place / "early-shell")).resolve()
    with subprocess.Popen([shell], stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        with Daemon(place, engine) as daemon:
            rules = f'[[rule]]\naction = "label"\nlabels = ["early"]\nparent.exe = "{shell}"\n'
            daemon.configure({}, rules)
            assert daemon.call("reload").returncode == 0
            process.stdin.write(f"{programs}/tiny below; exit\n")
            process.stdin.close()
            process.wait()
            daemon.settle(programs / "tiny")
            daemon.stop()
            record = record_of(daemon.records(), "below")
    assert record["labels"] == ["early"]


def test_what_runs_is_read_with_the_identity_that_records_have(
    engine: str, tracer: Tracer, programs: Path
) -> None:
    child, records = tracer.during(lambda: tracer.run([str(programs / "tiny")]))
    parent = next(r for r in records if r["pid"] == child.pid)["parent_id"]

    one = next(each for each in read_running(engine) if each.pid == os.getpid())

    assert parent.endswith(f"-{one.pid:x}-{one.start_ns:x}-{one.exec_count:x}")
    assert path_bytes(one.path) == os.fsencode(Path(sys.executable).resolve())


def test_two_capabilities_are_enough_to_read_what_runs(engine: str) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        give_up("there is no setpriv")
    code = (
        "from execaudit.engine.running import read_running;"
        f"found = {{one.pid for one in read_running({engine!r})}};"
        f"assert {os.getpid()} in found, found"
    )
    both = "+bpf,+perfmon"
    argv = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    argv += [f"--inh-caps={both}", f"--ambient-caps={both}", f"--bounding-set=-all,{both}"]
    subprocess.run([*argv, PYTHON, "-c", code], check=True, cwd=CHECKOUT, env={"HOME": "/"})
