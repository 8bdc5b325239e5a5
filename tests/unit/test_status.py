# SPDX-License-Identifier: Apache-2.0
"""The status file and the metrics: replaced whole, in the form that Prometheus reads."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from execaudit.daemon.control import read_status
from execaudit.daemon.status_writer import metrics_text
from execaudit.errors import ExecauditError
from execaudit.replace_file import replace_file
from tests.unit.status_sample import STATUS as SAMPLE

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


@pytest.fixture
def is_daemon() -> Iterator[None]:
    """Have this process handle the signals that a daemon handles."""
    numbers = (signal.SIGHUP, signal.SIGUSR1, signal.SIGCONT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("is_daemon")
def test_status_is_read_back_while_its_writer_runs(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    replace_file(path, json.dumps({"pid": os.getpid(), "a": 1}).encode(), mode=0o640)
    assert read_status(str(path)) == {"pid": os.getpid(), "a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]


def test_status_of_a_daemon_that_is_gone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    with pytest.raises(ExecauditError, match="not running"):
        read_status(str(path))
    path.write_text('{"pid": 1073741824}')
    with pytest.raises(ExecauditError, match="not running any more"):
        read_status(str(path))


@pytest.mark.parametrize("verb", ["status", "reload", "rotate"])
def test_process_that_has_the_number_of_a_daemon_that_is_gone_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    path = tmp_path / "status.json"
    with subprocess.Popen(["sleep", "60"]) as other:
        path.write_text(json.dumps({"pid": other.pid}))
        assert main([verb, "--status-file", str(path)]) == 1
        assert "is not running any more" in capsys.readouterr().err
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize(
    "content",
    ["[]", "7", "{}", '{"pid": "1"}', '{"pid": -1}', '{"pid": true}', "[" * 100_000, "\0", ""],
    ids=lambda content: content[:12],
)
def test_file_that_is_no_status_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "status.json"
    path.write_text(content)
    assert main(["status", "--status-file", str(path)]) == 1
    assert f"Failed to read '{path}': " in capsys.readouterr().err


@pytest.mark.usefixtures("is_daemon")
def test_status_of_another_version_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "status.json"
    odd: list[dict[str, object]] = [{}, {"sinks": []}, {**STATUS, "uptime_s": "x"}]
    for members in odd:
        path.write_text(json.dumps({**members, "pid": os.getpid()}))
        assert main(["status", "--status-file", str(path)]) == 1
        assert "another version wrote it" in capsys.readouterr().err


@pytest.mark.usefixtures("is_daemon")
def test_status_shows_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "status.json"
    path.write_text(json.dumps({**SAMPLE, "pid": os.getpid(), "engine": "\x1b[31m"}))
    assert main(["status", "--status-file", str(path)]) == 0
    assert "engine      \\x1b[31m;" in capsys.readouterr().out


def test_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "no" / "x", b"")
    assert list(tmp_path.iterdir()) == []


def test_file_is_replaced_over_what_a_killed_process_of_this_number_left(tmp_path: Path) -> None:
    path = tmp_path / "x"
    (tmp_path / f"x.{os.getpid()}.part").write_text("half")
    replace_file(path, b"whole", mode=0o640)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"whole", 0o640)
