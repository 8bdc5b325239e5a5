# SPDX-License-Identifier: Apache-2.0
"""Trees, reports and the last minute of a real journal are those of a log of the same records."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execaudit.records.journal import wire_entry
from execaudit.records.text import dumps
from execaudit.store.times import SECOND_NS, show_time
from tests.integration.requirements import CHECKOUT, PYTHON
from tests.journald import Journald, running_journald
from tests.log_files import exec_fields
from tests.process_world import World
from tests.report_records import random_records

WORLD = World(4, 300)
RECORDS: list[dict[str, Any]] = [*WORLD.records, *random_records(4, 300)]
RECENT_S = 100


def _send(journald: Journald, records: list[dict[str, Any]]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(journald.socket_path)
        for record in records:
            sender.send(wire_entry(record, "execaudit"))


@pytest.fixture(scope="module")
def journald() -> Iterator[Journald]:
    with running_journald() as running:
        _send(running, RECORDS)
        yield running


def _ask_journal(journald: Journald, *words: str) -> bytes:
    code = "import os, sys; os.chdir(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])"
    return journald.run_raw(
        "sh", "-c", '"$@" || [ $? = 1 ]', "sh",
        sys.executable, "-c", code, str(CHECKOUT), PYTHON, "-m", "execaudit", *words, "--journal",
    )  # fmt: skip


def _ask_file(path: Path, *words: str) -> str:
    command = [PYTHON, "-m", "execaudit", *words, "--file", str(path)]
    return subprocess.run(command, stdout=-1, check=False, text=True, cwd=CHECKOUT).stdout


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "a.jsonl"
    path.write_bytes(b"".join(dumps(record) + b"\n" for record in RECORDS))
    return path


@pytest.mark.parametrize("words", [["7"], ["--up", "7"], ["user=alice"], []])
def test_trees_are_the_same(journald: Journald, log: Path, words: list[str]) -> None:
    command = ["tree", "--json", "-q", *words]
    shown = list(map(json.loads, _ask_journal(journald, *command).splitlines()))
    wanted = list(map(json.loads, _ask_file(log, *command).splitlines()))
    assert shown == wanted
    assert shown


@pytest.mark.parametrize("words", [[], ["--failed"], ["user=alice", "not", "unit=nginx.service"]])
@pytest.mark.parametrize("period", [[], ["--no-history", "--since", "2026-11-18T11:20:00Z"]])
def test_reports_are_the_same(
    journald: Journald, log: Path, words: list[str], period: list[str]
) -> None:
    command = ["report", "--json", "-q", "-n", "0", *words, *period]
    shown = json.loads(_ask_journal(journald, *command))
    wanted = json.loads(_ask_file(log, *command))
    for each in (shown, wanted):
        for name in ("completeness", "records", "period", "timeline"):
            del each[name]
    assert shown == wanted


def test_what_is_new_is_the_same(journald: Journald, tmp_path: Path) -> None:
    begin_ns = time.time_ns() - RECENT_S * SECOND_NS
    recent = [
        {**record, "host": "recent", "time": show_time(begin_ns + index * SECOND_NS // 4)}
        for index, record in enumerate(random_records(9, 300))
        if record["type"] == "exec"
    ]
    recent.append({**recent[-1], "exe": "/usr/bin/new", "user": "newcomer"})
    _send(journald, recent)
    log = tmp_path / "a.jsonl"
    log.write_bytes(b"".join(dumps(record) + b"\n" for record in recent))
    since = show_time(begin_ns + RECENT_S // 2 * SECOND_NS)
    command = ["report", "--json", "-q", "-n", "0", "host=recent", "--since", since]
    shown = json.loads(_ask_journal(journald, *command))["first_seen"]
    assert shown == json.loads(_ask_file(log, *command))["first_seen"]
    assert [row["value"] for row in shown["user"]] == ["newcomer"]


def test_last_minute_is_counted(journald: Journald) -> None:
    fields = exec_fields(0, exe="/of/this/minute")
    _send(journald, [{**fields, "time": show_time(time.time_ns())}])
    shown = _ask_journal(journald, "top", "--batch", "-n", "1")
    assert b"/of/this/minute" in shown
