# SPDX-License-Identifier: Apache-2.0
"""What the daemon makes of events: collapsed failures, labels, redaction, selection, limits."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.totals import assert_totals_fit
from tests.integration.tracing import Record, execs_of

SECRET = "hunter2hunter2"


def search(directories: list[Path], name: str, *words: str) -> int:
    """Look for a command as execvp(3) does, in a process of its own; returns its pid."""
    pid = os.fork()
    if pid == 0:
        for directory in directories:
            try:
                os.execv(directory / name, [name, *words])  # noqa: S606
            except OSError:
                continue
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@pytest.mark.parametrize(("mode", "records"), [("collapsed", 1), ("all", 3), ("none", 1)])
def test_path_search_before_an_exec(
    engine: str, programs: Path, place: Path, mode: str, records: int
) -> None:
    path = [place / "first", place / "second", programs]
    with Daemon(place, engine, {"capture": {"failures": mode}}) as daemon:
        pid = search(path, "tiny", "looked-for")
        stop = daemon.stop()
        everything = daemon.records()
    found = execs_of(everything, pid)
    assert len(found) == records
    assert found[-1]["result"] == "success"
    tried = [str(directory / "tiny") for directory in path[:2]]
    if mode == "collapsed":
        assert found[0]["path_search"] == tried
    else:
        assert all("path_search" not in r for r in found)
        assert [r["filename"] for r in found[:-1]] == tried[: records - 1]
    assert_totals_fit(everything, stop)


def test_path_search_that_finds_nothing_is_one_failure(
    engine: str, place: Path, programs: Path
) -> None:
    path = [place / "first", place / "second", place / "third"]
    with Daemon(place, engine) as daemon:
        pid = search(path, "tiny-not-there")
        daemon.settle(programs / "tiny")
        stop = daemon.stop()
        everything = daemon.records()
    (failure,) = execs_of(everything, pid)
    assert failure["result"] == "failure"
    assert failure["errno"] == "ENOENT"
    assert failure["path_search"] == [str(directory / "tiny-not-there") for directory in path]
    assert_totals_fit(everything, stop)


def test_labels_and_severity_of_all_matching_rules_are_in_the_record(
    engine: str, programs: Path, place: Path
) -> None:
    rules = (
        '[[rule]]\naction = "label"\nlabels = ["a"]\nseverity = "notice"\ncomm = "tiny"\n'
        '[[rule]]\naction = "label"\nlabels = ["b"]\nseverity = "err"\nargv = "both"\n'
    )
    tiny = str(programs / "tiny")
    with Daemon(place, engine, rules=rules) as daemon:
        for words in (["one"], ["both"]):
            launch([tiny, *words]).wait()
        daemon.stop()
        records = {r["argv"][-1]: r for r in daemon.of_type("exec") if r.get("filename") == tiny}
    assert (records["one"]["labels"], records["one"]["severity"]) == (["a"], "notice")
    assert (records["both"]["labels"], records["both"]["severity"]) == (["a", "b"], "err")


@pytest.mark.parametrize(
    ("selection", "shown"),
    [
        ({"labels": ["b"]}, {"labelled"}),
        ({"min_severity": "warning"}, {"labelled"}),
        ({"labels": ["other", "a"]}, {"quiet"}),
    ],
)
def test_sink_takes_what_its_section_selects(
    place: Path, programs: Path, selection: dict[str, object], shown: set[str]
) -> None:
    rules = (
        '[[rule]]\naction = "label"\nlabels = ["a", "other"]\nseverity = "notice"\nargv = "quiet"\n'
        '[[rule]]\naction = "label"\nlabels = ["b"]\nseverity = "err"\nargv = "labelled"\n'
    )
    tiny = str(programs / "tiny")
    with Daemon(place, "auto", {"file": selection}, rules) as daemon:
        for word in ("plain", "quiet", "labelled"):
            launch([tiny, word]).wait()
        stop = daemon.stop()
        kinds = [r["type"] for r in daemon.records()]
        arguments = {r["argv"][-1] for r in daemon.of_type("exec") if r.get("argv")}
    assert arguments == shown
    # What is no event goes to every sink.
    assert (kinds[0], kinds[-1]) == ("start", "stop")
    assert stop["seen"] >= 3


def texts_of(record: Record) -> list[bytes]:
    """All text in a record, what is in base64 decoded."""
    exact = [*record.get("argv_b64", {}).values(), *record.get("env_b64", {}).values()]
    return [json.dumps(record).encode(), *map(base64.b64decode, exact)]


def test_secrets_are_in_no_form_in_the_file(engine: str, programs: Path, place: Path) -> None:
    tiny = str(programs / "tiny")
    commands: list[list[str | bytes]] = [
        [tiny, f"--password={SECRET}"],
        [tiny, "--token", SECRET],
        [tiny, f"https://user:{SECRET}@example.org/"],
        [tiny, b"--password=" + SECRET.encode() + b"\xff\xfe"],
        [tiny, b"caf\xe9", f"--secret={SECRET}"],
        [tiny, f"--password={SECRET}", "x" * 40_000],
    ]
    sections = {"capture": {"env": ["LANG", "DB_PASSWORD"]}}
    with Daemon(place, engine, sections) as daemon:
        children = [launch(argv) for argv in commands]
        child = launch([tiny, "plain"], env={"LANG": "C", "DB_PASSWORD": SECRET})
        for one in (*children, child):
            one.wait()
        daemon.stop()
        data = daemon.log.read_bytes()
        records = daemon.of_type("exec")
    assert SECRET.encode() not in data
    pids = [one.pid for one in children]
    by_pid = {r["pid"]: r for r in records if r.get("filename") == tiny}
    for pid in [*pids, child.pid]:
        assert SECRET.encode() not in b"\n".join(texts_of(by_pid[pid])), by_pid[pid]["argv"]
    assert by_pid[pids[0]]["argv"] == [tiny, "--password=<redacted:password>"]
    assert by_pid[pids[0]]["redacted"] == {"argv": [1]}
    assert by_pid[pids[1]]["redacted"] == {"argv": [2]}
    assert base64.b64decode(by_pid[pids[4]]["argv_b64"]["1"]) == b"caf\xe9"
    assert "redacted" in by_pid[child.pid]
    assert list(by_pid[child.pid]["redacted"]) == ["env"]


def test_limit_writes_its_burst_and_one_summary_with_the_exact_rest(
    engine: str, programs: Path, place: Path
) -> None:
    user, runs, burst = 100_000 + os.getpid(), 200, 10  # nobody else's
    sections = {"limits": {"per_uid": f"1/h burst {burst}", "interval": "1h"}}
    rules = f'[[rule]]\naction = "drop"\nnot.uid = {user}\n'
    with Daemon(place, engine, sections, rules) as daemon:
        for _ in range(runs):
            launch([str(programs / "tiny")], setup=lambda: os.setuid(user)).wait()
        stop = daemon.stop()
        records = daemon.records()
    (summary,) = [r for r in records if r["type"] == "summary"]
    execs = [r for r in records if r["type"] == "exec"]
    assert len(execs) == burst
    assert summary["uid"] == user
    assert summary["count"] == runs - burst
    assert summary["first"] <= summary["last"]
    assert stop["limited"] == runs - burst
    assert_totals_fit(records, stop)


def test_flood_of_one_user_leaves_what_others_did_in_place(
    engine: str, programs: Path, place: Path
) -> None:
    others, flood = 200, 600
    target = str(shutil.copy(programs / "tiny", place / "floodtarget"))
    rules = (
        f'[[rule]]\naction = "keep"\nexe = "{target}"\n'
        f'[[rule]]\naction = "keep"\nexe = "{programs}/tiny"\n'
        '[[rule]]\naction = "drop"\ntype = "exec"\n'
    )
    sections: dict[str, dict[str, object]] = {
        "file": {"max_file_bytes": "1M", "num_logs": 4},
        "limits": {"bytes_per_user": "16K/m burst 512K", "interval": "1s"},
    }
    user = 150_000 + os.getpid()
    place.chmod(0o755)
    with Daemon(place, engine, sections, rules) as daemon:
        for number in range(others):
            launch([target, f"other-{number}"]).wait()
        for number in range(flood):
            argv = [target, f"flood-{number}", *["x" * 30_000] * 2]
            subprocess.run(argv, check=True, user=user, group=user, stdout=subprocess.DEVNULL)
        daemon.settle(programs / "tiny")
        daemon.stop()
        records = daemon.records()
    mine = [r for r in records if r["type"] == "exec" and r.get("exe") == str(target)]
    words = sorted(r["argv"][1] for r in mine)
    # Four files of 1 MiB: without the bound 600 times 60,000 bytes push everything out.
    wanted = [f"other-{number}" for number in range(others)]
    wanted += [f"flood-{number}" for number in range(flood)]
    assert words == sorted(wanted)
    cut = [r for r in mine if "limit" in str(r.get("truncated"))]
    assert len(cut) > flood - 12
    assert all(r["argv"][1].startswith("flood-") for r in cut)
    summaries = [r for r in records if r["type"] == "summary"]
    assert sum(r["count"] for r in summaries) == len(cut)
    assert {r.get("auid", r.get("uid")) for r in summaries} <= {user, mine[-1].get("auid")}
    assert sum(r["cut_bytes"] for r in summaries) > len(cut) * 59_000


def test_parent_that_was_forked_and_called_no_exec_is_known(
    engine: str, programs: Path, place: Path
) -> None:
    shell = os.path.realpath("/bin/sh")
    script = f"({programs / 'tiny'} in-a-subshell; true); true"
    rules = f'[[rule]]\naction = "label"\nlabels = ["seen"]\nparent.exe = "{shell}"\n'
    with Daemon(place, engine, rules=rules) as daemon:
        running = subprocess.Popen(["/bin/sh", "-c", script])
        running.wait()
        daemon.stop()
        found = [r for r in daemon.records() if r.get("argv", [])[1:] == ["in-a-subshell"]]
    (record,) = found
    assert record["ppid"] != running.pid
    assert record["pexe"] == shell
    assert record["pcmdline"] == f"/bin/sh -c '{script}'"
    assert record["labels"] == ["seen"]


def test_program_of_a_parent_that_ran_before_the_daemon_is_known(
    programs: Path, place: Path
) -> None:
    shell = ["/bin/sh", "-c", f"read go; {programs / 'tiny'} of-old; true"]
    running = subprocess.Popen(shell, stdin=subprocess.PIPE)
    with running, Daemon(place, "libbpf") as daemon:
        running.communicate(b"\n")
        daemon.stop()
        (record,) = [r for r in daemon.records() if r.get("argv", [])[1:] == ["of-old"]]
    assert record["ppid"] == running.pid
    assert record["pexe"] == os.path.realpath("/bin/sh")
    assert "pcmdline" not in record
