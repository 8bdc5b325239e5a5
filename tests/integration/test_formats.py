# SPDX-License-Identifier: Apache-2.0
"""What a real daemon writes in each format, and what comes back from a real journal."""

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from execaudit.config.schema import Journal
from execaudit.formats.encoders import make_line
from execaudit.records.journal import wire_entry
from execaudit.sinks.journal import JournalSink
from tests.golden.files import golden_records
from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.requirements import CHECKOUT, PYTHON
from tests.journald import running_journald
from tests.schemas import check_all, check_ecs, check_ocsf, check_own
from tests.sinks import FinishedEntries, write
from tests.unit.record_samples import DAEMON_RECORDS

CHECKS = {"execaudit": check_all, "ecs": check_ecs, "ocsf": check_ocsf}
LINE_BYTES = 16 << 10
DATASET = {
    "execaudit": lambda line: line["type"],
    "ecs": lambda line: line["event"]["dataset"].removeprefix("execaudit."),
    "ocsf": lambda line: line["metadata"]["event_code"],
}
ARGV = {
    "execaudit": lambda line: line.get("argv"),
    "ecs": lambda line: line.get("process", {}).get("args"),
    "ocsf": lambda line: line.get("process", {}).get("cmd_line", "").split(" "),
}


@pytest.mark.parametrize("name", CHECKS)
def test_daemon_writes_lines_that_fit_the_schema(
    engine: str, programs: Path, place: Path, name: str
) -> None:
    tiny = str(programs / "tiny")
    mark = uuid.uuid4().hex  # other tests run at the same time
    rules = '[[rule]]\naction = "label"\nlabels = ["a"]\nseverity = "err"\nargv = "labelled"\n'
    sections = {
        "capture": {"exits": True, "failures": "all"},
        "file": {"format": name, "max_line_bytes": LINE_BYTES},
    }
    with Daemon(place, engine, sections, rules) as daemon:
        for words in (["one", "é"], ["labelled"], [mark, "x" * 9000, "y" * 9000, "end"]):
            launch([tiny, *words]).wait()
        subprocess.run(["/bin/sh", "-c", "exec ./not-there"], check=False, capture_output=True)
        daemon.call("reload")
        daemon.settle(programs / "tiny")
        daemon.running.terminate()
        assert daemon.running.wait() == 0, daemon.stderr
    lines = [line for file in daemon.files() for line in file.read_bytes().splitlines(True)]
    documents = [json.loads(line) for line in lines]

    assert max(map(len, lines)) <= LINE_BYTES
    for document in documents:
        check_own(name, document)
        CHECKS[name](document)
    kinds = [DATASET[name](document) for document in documents]
    assert {kinds[0], kinds[-1]} == {"start", "stop"}
    assert {"exec", "exit"} <= set(kinds)
    argvs = [ARGV[name](document) or [] for document in documents]
    assert any(argv[1:] == ["one", "é"] for argv in argvs)
    (long,) = [argv for argv in argvs if argv[1:2] == [mark] and argv[-1] == "end"]
    assert len(" ".join(long)) < 18_000


def test_records_come_back_from_a_real_journal_exactly() -> None:
    records: list[dict[str, Any]] = [*golden_records(), *DAEMON_RECORDS]
    huge = {**records[0], "argv": ["x" * 300_000, "\x1b\n"], "labels": ["a", "b"]}
    records.append(huge)
    with running_journald() as journald:
        sink = JournalSink(Journal(), FinishedEntries(), socket_path=journald.socket_path)
        write(sink, [wire_entry(record, "execaudit") for record in records])
        sink.close()
        assert sink.counters.lost == 0
        command = [PYTHON, "-m", "execaudit", "convert", "--journal", "--directory"]
        back = {
            to: journald.run_raw(
                "env", f"PYTHONPATH={CHECKOUT}", *command, "/run/log/journal", "--to", to
            )
            for to in ("execaudit", "ecs")
        }
        only = journald.run_raw(
            "env", f"PYTHONPATH={CHECKOUT}", *command, "/run/log/journal", "--to", "execaudit",
            "EXECAUDIT_TYPE=stop",
        )  # fmt: skip

    assert [json.loads(line) for line in back["execaudit"].splitlines()] == records
    documents = [json.loads(make_line(record, "ecs")) for record in records]
    found = [json.loads(line) for line in back["ecs"].splitlines()]
    for document in [*documents, *found]:
        document.pop("message", None)  # it names members in the order in which it finds them
    assert found == documents
    assert [json.loads(line)["type"] for line in only.splitlines()] == ["stop"]
