# SPDX-License-Identifier: Apache-2.0
"""Runs of `execaudit search` for tests, over a log that was rotated once."""

from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from tests.log_files import exec_fields, lines_of, rotated


def write_log(directory: Path) -> Path:
    """Write 200 execs of three users, one a second, half of them rotated; return the log."""
    path = directory / "execaudit.jsonl"
    rotated(path, 150).write_bytes(lines_of(*(exec_fields(s, uid=s % 3) for s in range(100))))
    path.write_bytes(lines_of(*(exec_fields(s, uid=s % 3) for s in range(100, 200))))
    return path


def search(capfd: pytest.CaptureFixture[str], log: Path, *words: str) -> tuple[int, str, str]:
    """Search a log; return the exit status, standard output and standard error."""
    status = main(["search", "--file", str(log), *words])
    out, err = capfd.readouterr()
    return status, out, err
