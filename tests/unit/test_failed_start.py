# SPDX-License-Identifier: Apache-2.0
"""The reason why a command ends, for a person and for the journal."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "execaudit", "daemon", "--config", "/nowhere/a.toml"]


def errors_of(environment: dict[str, str], output: Path) -> list[str]:
    """Return what the daemon wrote into the file as it failed to start."""
    with output.open("a") as file:
        done = subprocess.run(COMMAND, cwd=CHECKOUT, env=environment, stderr=file, check=False)
    assert done.returncode == 6
    return output.read_text().splitlines()


def test_journal_gets_the_reason_as_an_error(tmp_path: Path) -> None:
    output = tmp_path / "errors"
    output.touch()
    status = output.stat()
    stream = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    lines = errors_of({**os.environ, **stream}, output)
    assert lines
    assert all(line.startswith("<3>") for line in lines)


def test_person_gets_no_priority(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    (first, *_) = errors_of(environment, tmp_path / "errors")
    assert first.startswith("execaudit: Failed")
