# SPDX-License-Identifier: Apache-2.0
"""A running process as a record: its own, whose facts are known otherwise."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from execaudit.errors import InvalidArgument
from execaudit.records.host import Host
from execaudit.rules.field_values import FIELDS
from execaudit.rules.proc_record import read_process, running_programs
from execaudit.rules.rule_set import RuleSet
from tests.rule_tables import compile_all, decide, explain


def test_own_process_is_read_in_full() -> None:
    fields = read_process(os.getpid(), Host.this())

    real, effective, saved = os.getresuid()
    assert (fields["uid"], fields["euid"], fields["suid"]) == (real, effective, saved)
    assert (fields["gid"], fields["egid"], fields["sgid"]) == os.getresgid()
    assert fields["exe"] == str(Path("/proc/self/exe").readlink())
    assert fields["cwd"] == str(Path.cwd())
    assert fields["ppid"] == os.getppid() == fields["ancestors"][0]["pid"]
    assert fields["comm"] == Path("/proc/self/comm").read_text().strip()
    cmdline = Path("/proc/self/cmdline").read_bytes()
    assert fields["argv"] == cmdline[:-1].decode().split("\0")
    assert fields["argc"] == len(fields["argv"])
    assert fields["cgroup"].startswith("/")
    assert fields["exe_mode"].startswith("0100")


def test_what_proc_does_not_tell_is_unknown_to_rules() -> None:
    fields = read_process(os.getpid(), Host.this())
    unknown = set(fields["unreadable"])

    assert unknown <= FIELDS.keys()
    assert not unknown & fields.keys()
    rules = compile_all({"action": "drop", "not": {"filename": "/x"}}, {"action": "keep", "uid": 0})
    assert explain(rules, fields)[0].matched is None


def test_process_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InvalidArgument, match="there is no such process"):
        read_process(4_194_304, Host.this())


def test_process_that_ended_runs_no_program() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(InvalidArgument, match="it runs no program"):
            read_process(pid, Host.this())
    finally:
        os.waitpid(pid, 0)


def test_name_of_the_parent_has_its_exact_bytes() -> None:
    own = Path("/proc/self/comm")
    name = own.read_bytes()
    own.write_bytes(b"a\xff")
    try:
        with subprocess.Popen(["sleep", "60"]) as child:
            try:
                fields = read_process(child.pid, Host.this())
            finally:
                child.kill()
    finally:
        own.write_bytes(name)
    assert (fields["pcomm"], fields["pcomm_b64"]) == ("a\ufffd", "Yf8=")


def test_running_programs_are_found_by_pid_and_start() -> None:
    fields = read_process(os.getpid(), Host.this())
    found = {pid: (ticks, exe) for pid, ticks, exe in running_programs()}
    ticks, exe = found[os.getpid()]
    assert exe == fields["exe"]

    rules = compile_all({"action": "drop", "parent": {"exe": exe}})
    rules.programs.remember_running(os.getpid(), ticks, exe)
    child = {"type": "exec", "parent_id": f"boot-{os.getpid():x}-{ticks * 10**7 + 12345:x}-7"}
    assert decide(rules, child).action == "drop"

    decide(rules, {"id": child["parent_id"], "exe": "/usr/bin/other"})
    assert decide(rules, child | {"x": 1}).action == "keep"


def test_new_rules_go_on_where_the_old_ones_ended() -> None:
    cron = {"action": "drop", "comm": "cron", "descendants": True}
    old = compile_all({"action": "keep", "uid": 7}, cron, {"action": "drop", "uid": 8})
    old.programs.remember(1, 1, 1, "/sbin/init")
    decide(old, {"type": "exec", "id": "boot-a-1-1", "comm": "cron", "result": "success"})
    decide(old, {"type": "exec", "uid": 7})
    child = {
        "type": "exec",
        "id": "boot-b-2-1",
        "ancestors": [{"id": "boot-a-1-2", "pid": 10, "comm": "sh"}],
    }

    new = compile_all(cron, {"action": "drop", "parent": {"exe": "/sbin/init"}})
    new.adopt(old)

    assert new.hits == [1, 0]
    assert decide(new, child).rules == (0,)
    assert decide(new, {"type": "exec", "parent_id": "boot-1-1-1"}).rules == (1,)
    other = RuleSet([])
    other.adopt(new)
    assert decide(other, child).action == "keep"
