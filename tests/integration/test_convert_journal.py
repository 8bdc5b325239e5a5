# SPDX-License-Identifier: Apache-2.0
"""`execaudit convert --journal` beside a real journald."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from execaudit.config.schema import Journal
from execaudit.records.journal import wire_entry
from execaudit.sinks.journal import JournalSink
from tests.golden.files import golden_records
from tests.integration.requirements import CHECKOUT, PYTHON
from tests.journald import Journald, running_journald
from tests.sinks import FinishedEntries, write


@pytest.fixture(scope="module")
def journald() -> Iterator[Journald]:
    with running_journald() as journald:
        yield journald


FORGED = """MESSAGE=forged
EXECAUDIT_TYPE=exec
EXECAUDIT_PID=none
EXECAUDIT_UNIT=converted
"""


def test_convert_takes_what_only_the_daemon_can_write(journald: Journald) -> None:
    sink = JournalSink(Journal(), FinishedEntries(), socket_path=journald.socket_path)
    write(sink, [wire_entry({**golden_records()[0], "unit": "converted"}, "execaudit")])
    sink.close()
    anybody = ["setpriv", "--reuid=65534", "--clear-groups", "logger", "--journald"]
    subprocess.run(journald.inside(*anybody), input=FORGED.encode(), check=True)
    journald.run("true")

    def convert(*options: str) -> "subprocess.CompletedProcess[str]":
        verb = [PYTHON, "-m", "execaudit", "convert", "--to", "execaudit", "--journal"]
        command = journald.entering(CHECKOUT, [*verb, *options, "EXECAUDIT_UNIT=converted"])
        return subprocess.run(command, check=False, capture_output=True, text=True)

    genuine, everything = convert(), convert("--untrusted")
    assert (genuine.returncode, genuine.stderr) == (0, "")
    assert json.loads(genuine.stdout)["unit"] == "converted"
    assert (everything.returncode, everything.stdout) == (0, genuine.stdout)
    assert "1 not converted, 1 converted" in everything.stderr


def test_convert_reads_a_namespace_of_the_journal(journald: Journald) -> None:
    verb = [PYTHON, "-m", "execaudit", "convert", "--to", "execaudit", "--journal"]
    command = journald.entering(CHECKOUT, [*verb, "--namespace", "other"])
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")  # a namespace of its own, without entries
