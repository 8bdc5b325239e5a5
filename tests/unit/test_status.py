# SPDX-License-Identifier: Apache-2.0
"""The status file and the metrics: replaced whole, in the form that Prometheus reads."""

import json
import os
import re
from pathlib import Path

import pytest

from execaudit.daemon.control import read_status
from execaudit.daemon.status_writer import metrics_text, replace_file
from execaudit.errors import ExecauditError

STATUS = {
    "pid": 1,
    "uptime_s": 1.5,
    "engine": "libbpf",
    "events": {"seen": 3, "limited": 1},
    "sinks": {
        "file": {"written": 2, "bytes": 9, "is_failing": False, "path": "/x"},
        "journal": {"written": 4, "bytes": 8, "is_failing": True},
    },
    "rules": {'odd "name"\\': {"hits": 5}},
    "process": {"cpu_s": 0.25, "resident_bytes": 4096},
}


def test_metrics_have_every_number_with_labels_and_types() -> None:
    lines = metrics_text(STATUS).splitlines()
    assert "execaudit_events_seen_total 3" in lines
    assert 'execaudit_sink_written_total{sink="file"} 2' in lines
    assert 'execaudit_sink_is_failing{sink="journal"} 1' in lines
    assert 'execaudit_rule_hits_total{rule="odd \\"name\\"\\\\"} 5' in lines
    assert "execaudit_uptime_seconds 1.5" in lines
    assert "execaudit_process_cpu_seconds_total 0.25" in lines
    assert "# TYPE execaudit_process_resident_bytes gauge" in lines
    assert "# TYPE execaudit_sink_bytes_total counter" in lines
    assert "libbpf" not in "".join(lines)


def test_lines_of_a_metric_stand_together_under_its_type() -> None:
    current, seen = "", set()
    for line in metrics_text(STATUS).splitlines():
        if match := re.match(r"# TYPE (\S+) ", line):
            current = match[1]
            assert current not in seen
            seen.add(current)
        else:
            assert re.match(r"\w+", line)[0] == current  # type: ignore[index]


def test_status_is_read_back_while_its_writer_runs(tmp_path: Path) -> None:
    path = str(tmp_path / "status.json")
    replace_file(path, json.dumps({"pid": os.getpid(), "a": 1}), 0o640)
    assert read_status(path) == {"pid": os.getpid(), "a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]


def test_status_of_a_daemon_that_is_gone_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "status.json")
    with pytest.raises(ExecauditError, match="not running"):
        read_status(path)
    replace_file(path, '{"pid": 1073741824}', 0o640)
    with pytest.raises(ExecauditError, match="not running any more"):
        read_status(path)


def test_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExecauditError, match="No such file"):
        replace_file(str(tmp_path / "no" / "x"), "", 0o600)
    assert list(tmp_path.iterdir()) == []
