# SPDX-License-Identifier: Apache-2.0
"""Reports and trees stay small, whatever the log holds, and say what they leave out."""

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from execaudit.records.text import dumps
from execaudit.report.tables import Firsts, Table
from tests.integration.requirements import CHECKOUT, PYTHON
from tests.log_files import exec_fields
from tests.report_records import as_encoded

MEMORY_KIB = 64 << 10
# ru_maxrss would also count what the process was before it executed Python.
_MEASURED = """
import re, sys
from execaudit.cli.command_line import main
status = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
sys.exit(status)
"""


def all_different(path: Path, count: int, padding: str, every_s: float = 0.1) -> None:
    """Write a log in which every exec differs in everything."""
    failure = {"result": "failure", "errno": "ENOENT", "errno_code": 2, "hook": "execve"}
    with path.open("wb") as file:
        for number in range(count):
            text = f"{number:07}"
            fields = exec_fields(
                number * every_s, exe=f"/tmp/{text}{padding}", filename=f"/tmp/f{text}{padding}",
                pcomm=f"p{text}", comm=f"c{text}", host=f"h{text}", user=f"u{text}",
                unit=f"s{text}", tty=f"t{text}", container=text * 9,
            )  # fmt: skip
            file.write(dumps(as_encoded(fields | (failure if number % 2 else {}))) + b"\n")


@pytest.mark.parametrize(
    ("count", "padding", "every_s"),
    [(60_000, "", 0.1), (8000, "x" * 3500, 0.1), (20_000, "", 86_400)],
    ids=["many", "long", "days"],
)
@pytest.mark.parametrize("verb", ["report", "tree"])
def test_memory_stays_below_64_mib(
    tmp_path: Path, verb: str, count: int, padding: str, every_s: float
) -> None:
    log = tmp_path / "a.jsonl"
    all_different(log, count, padding, every_s)
    command = [PYTHON, "-c", _MEASURED, verb, "--json", "-q", "--file", str(log)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True)
    assert int(done.stderr.split()[-1]) < MEMORY_KIB
    if verb == "report":
        found = json.loads(done.stdout)
        assert found["execs"] == count
        for name in ("program", "user", "host"):
            rows = found[f"by_{name}"]
            assert sum(row["execs"] for row in rows) == count
            assert sum(row["failed"] for row in rows) == count // 2


def test_table_keeps_what_is_frequent_and_sums_up_the_rest() -> None:
    table = Table(limit=10)
    wanted: Counter[str] = Counter()
    for number in range(200):
        for value, count in ((f"often{number % 5}", 100), (f"once{number}", 1)):
            table.add(value, count, 0)
            wanted[value] += count
    assert len(table.counts) <= 20
    for value, count in wanted.most_common(5):
        assert table.counts[value] == [count, 0]
    shown = sum(execs for execs, _ in table.counts.values())
    assert shown + table.others[1] == wanted.total()
    assert table.others[0] + len(table.counts) == len(wanted)


def test_first_records_of_several_logs_are_the_earliest() -> None:
    firsts = Firsts(limit=2)
    firsts.merge({"a": {"time": "3"}, "b": {"time": "5"}}, 0)
    firsts.merge({"a": {"time": "2"}}, 0)
    firsts.merge({"b": {"time": "4"}, "c": {"time": "1"}}, 1)
    assert {value: each["time"] for value, each in firsts.found.items()} == {"a": "3", "b": "4"}
    assert firsts.is_full


def test_every_form_says_what_could_not_be_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(dumps(exec_fields(1)) + b"\nno record\n" + dumps(exec_fields(2)) + b"\n")
    said = {}
    for form in ("--json", "--csv", "--html=-", "-n10"):
        assert main(["report", "--file", str(log), form]) == 0
        said[form] = capfd.readouterr().out
    completeness = json.loads(said["--json"])["completeness"]
    assert (completeness["complete"], completeness["broken"]) == (False, 1)
    assert "unread,broken,1,,," in said["--csv"]
    assert "1 line is no record." in said["--html=-"]
    assert "Nothing is missing" not in said["--html=-"]
    assert "  1 line is no record\n" in said["-n10"]
