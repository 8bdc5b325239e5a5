# SPDX-License-Identifier: Apache-2.0
"""Searches of a real journal give what a plain reading of its entries gives."""

import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execaudit.query.matches import read_matches
from execaudit.query.record_values import RecordValues
from execaudit.records.journal import wire_entry
from execaudit.rules.condition_tree import evaluate
from tests.golden.files import golden_records
from tests.journald import Journald, running_journald
from tests.log_files import exec_fields, own_fields
from tests.search_matches import LOOKUPS, MATCHES

CHECKOUT = Path(__file__).resolve().parents[2]
_FORGE = """
import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect("/run/systemd/journal/socket")
sender.send(sys.stdin.buffer.read())
"""


def _records() -> list[dict[str, Any]]:
    return [
        *golden_records(),
        *(
            exec_fields(s, uid=s % 3, labels=["web", f"l{s}"][: s % 2 + 1], pid=s)
            for s in range(200)
        ),
        exec_fields(300, exe="/tmp/caf\ufffd", exe_b64="L3RtcC9jYWbp", unreadable=["argv"]),
        own_fields("lost", 310, reason="ring", count=3, first="2026-11-18T11:11:40.000000000Z",
                   last="2026-11-18T11:11:50.000000000Z"),
        own_fields("lost", 311, reason="full", count=3, sink="file"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def journald() -> Iterator[Journald]:
    with running_journald() as running:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(running.socket_path)
            for record in _records():
                sender.send(wire_entry(record, "execaudit"))
        yield running


def _search(journald: Journald, *words: str) -> list[dict[str, Any]]:
    command = ["/usr/bin/python3", "-m", "execaudit", "search", "--json", "-q", *words]
    code = "import os, sys; os.chdir(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])"
    text = journald.run_raw(
        "sh", "-c", '"$@" || [ $? = 1 ]', "sh",
        sys.executable, "-c", code, str(CHECKOUT), *command,
    )  # fmt: skip
    return [json.loads(line) for line in text.splitlines()]


def _reference(words: list[str]) -> list[dict[str, Any]]:
    node = read_matches(words, LOOKUPS)
    return [
        record
        for record in _records()
        if node is None or evaluate(node, RecordValues(record).value) is True
    ]


def test_every_record_comes_back(journald: Journald) -> None:
    assert _search(journald, "--journal") == _records()


@pytest.mark.parametrize("seed", range(25))
def test_query_finds_what_a_plain_reading_finds(journald: Journald, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    safe = [match for match in MATCHES if match.isascii()]
    words = [
        *(["not"] if not chance.randrange(4) else []),
        *chance.sample(safe, chance.choice((1, 1, 2))),
    ]
    assert _search(journald, "--journal", *words) == _reference(words), words


def test_backwards_and_the_last_few(journald: Journald) -> None:
    assert _search(journald, "--journal", "-r", "uid=1") == _reference(["uid=1"])[::-1]
    assert _search(journald, "--journal", "-n", "3", "uid=1") == _reference(["uid=1"])[-3:]


def test_journal_of_another_host_is_a_directory(journald: Journald) -> None:
    found = _search(journald, "--directory", "/run/log/journal", "uid=1")
    assert sorted(found, key=_key) == sorted(_reference(["uid=1"]), key=_key)


def _key(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


def test_entries_of_others_are_left_out_unless_asked_for(journald: Journald) -> None:
    forged = exec_fields(400, uid=4711)
    subprocess.run(
        journald.inside(
            "setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", _FORGE
        ),
        input=wire_entry(forged, "execaudit"), check=True,
    )  # fmt: skip
    assert _search(journald, "--journal", "uid=4711") == []
    assert _search(journald, "--journal", "--untrusted", "uid=4711") == [forged]


def test_checkpoint_goes_on_behind_the_last_entry(journald: Journald, tmp_path: Path) -> None:
    place = str(tmp_path / "place")
    assert len(_search(journald, "--journal", "--checkpoint", place)) == len(_records())
    assert _search(journald, "--journal", "--checkpoint", place) == []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(journald.socket_path)
        sender.send(wire_entry(exec_fields(500, uid=4712), "execaudit"))
    found = _search(journald, "--journal", "--checkpoint", place)
    assert [record["uid"] for record in found] == [4712]


def test_losses_of_the_journal_are_said(journald: Journald) -> None:
    done = subprocess.run(
        journald.entering(
            CHECKOUT,
            ["/usr/bin/python3", "-m", "execaudit", "search", "--journal", "-c", "--summary"],
        ),
        check=True, capture_output=True,
    )  # fmt: skip
    account = json.loads(done.stderr)
    # "full" was the file's alone.
    assert {each["why"] for each in account["missing"] if each["kind"] == "lost"} == {"ring"}
