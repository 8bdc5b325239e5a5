# SPDX-License-Identifier: Apache-2.0
"""Standard output and error that are closed, full or left by their reader."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from execaudit.wire import record
from tests.log_files import exec_fields, lines_of

EXECAUDIT = ("/usr/bin/python3", "-m", "execaudit")
COMMANDS = (
    ["--help"],
    ["--version"],
    ["trace", "--help"],
    ["trace", "--ebpf"],
    ["trace", "--table", "--replay", "RECORDING"],
    ["doctor"],
)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of no events: the table still has its line of titles."""
    header = {
        "format": "execaudit recording",
        "wire": record.WIRE_VERSION,
        "byteorder": sys.byteorder,
        "host": "h",
        "boot": "0" * 32,
        "wall_offset_ns": 0,
    }
    path = tmp_path / "recording"
    path.write_text(json.dumps(header) + "\n")
    return path


def run(command: list[str], recording: Path, redirections: str) -> tuple[int, str]:
    """Exit status and standard error (unless redirected) of a command with shell redirections."""
    words = [str(recording) if word == "RECORDING" else word for word in command]
    # Buffered as for everybody: a test runner may have asked Python for the opposite.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    result = subprocess.run(
        ["bash", "-c", f'exec "$@" {redirections}', "bash", *EXECAUDIT, *words],
        capture_output=True,
        env=environ,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stderr.decode()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_full_disk_on_stdout_is_one_sentence(command: list[str], recording: Path) -> None:
    status, stderr = run(command, recording, ">/dev/full")
    assert (status, stderr) == (
        1,
        "execaudit: Failed to write standard output: No space left on device\n",
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_closed_stdout_is_one_sentence(command: list[str], recording: Path) -> None:
    status, stderr = run(command, recording, ">&-")
    assert (status, stderr) == (
        1,
        "execaudit: Failed to write standard output: it is closed\n",
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_reader_that_left_ends_the_command_quietly(command: list[str], recording: Path) -> None:
    # Nobody ever reads from this pipe.
    status, stderr = run(command, recording, "> >(exec <&-)")
    assert "Traceback" not in stderr
    assert "Exception" not in stderr
    assert status == 0 or "doctor" in command


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_full_disk_on_both_still_gives_the_exit_status(command: list[str], recording: Path) -> None:
    assert run(command, recording, ">/dev/full 2>/dev/full") == (1, "")


def test_messages_never_go_to_stdout_when_stderr_is_closed(recording: Path) -> None:
    result = subprocess.run(
        ["bash", "-c", '"$@" 2>&-', "bash", *EXECAUDIT, "trace", "--replay", str(recording)],
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, b"")


@pytest.mark.parametrize("verb", ["search", "report", "tree", "verify"])
def test_output_that_fails_is_trouble_where_one_is_an_answer(
    recording: Path, tmp_path: Path, verb: str
) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(lines_of(exec_fields(1)))
    words = [verb, *(["--file"] if verb != "verify" else []), str(log)]
    status, stderr = run(words, recording, ">/dev/full")
    assert status == 2
    assert "execaudit: Failed to write standard output: No space left on device\n" in stderr


def test_verdict_stays_where_the_reader_has_left(recording: Path, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(lines_of(exec_fields(1)))
    assert run(["verify", str(log)], recording, "> >(exec <&-; sleep 0.3)")[0] == 2


def test_error_shows_no_control_characters(recording: Path) -> None:
    _, stderr = run(["trace", "--replay", "/none\x1b[31m"], recording, "")
    assert stderr == "execaudit: Failed to open '/none\\x1b[31m': No such file or directory\n"


def test_standard_output_that_others_made_non_blocking_is_waited_for(recording: Path) -> None:
    read_end, write_end = os.pipe()
    try:
        os.set_blocking(write_end, False)
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += os.write(write_end, b"x" * 65536)
        words = [*EXECAUDIT, "trace", "--table", "--replay", str(recording)]
        with subprocess.Popen(words, stdout=write_end) as traced:
            os.close(write_end)
            waits = Path(f"/proc/{traced.pid}/wchan")
            while traced.poll() is None and "poll" not in waits.read_text():
                os.sched_yield()  # until it waits, or has failed
            with os.fdopen(read_end, "rb") as reader:
                assert reader.read()[filled:].startswith(b"COMM ")
        assert traced.returncode == 0
    finally:
        for fd in (read_end, write_end):
            with contextlib.suppress(OSError):
                os.close(fd)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (["search", "--file", "-"], 2),
        (["verify", "-"], 2),
        (["convert", "--to", "ecs", "-"], 1),
        (["redact", "-"], 1),
    ],
)
def test_closed_stdin_is_one_sentence(command: list[str], wanted: int, recording: Path) -> None:
    status, stderr = run(command, recording, "<&-")
    assert stderr == "execaudit: Failed to read standard input: it is closed\n"
    assert status == wanted


def test_full_disk_names_the_file_that_is_cleaned_in_place(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    data = lines_of(*(exec_fields(s, argv=["mysql", "-phunter2"]) for s in range(100)))
    path.write_bytes(data)
    script = 'ulimit -f 8; trap "" XFSZ; exec "$@"'
    result = subprocess.run(
        ["bash", "-c", script, "bash", *EXECAUDIT, "redact", "--in-place", str(path)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = result.stderr.decode()
    assert said == f"execaudit: Failed to clean '{path}' in place: File too large\n"
    assert result.returncode == 1
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]
