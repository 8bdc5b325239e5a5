# SPDX-License-Identifier: Apache-2.0
"""Where the golden files lie, and how their lines are made: by the command, from the recording."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]
FORMS = {"jsonl": ("--json",), "table": ("--table", "-T", "-U", "-C", "-M")}
"""Suffix of each kind of lines, and the options that make it."""


def recordings() -> list[Path]:
    """All recordings, by name."""
    return sorted(FOLDER.glob("*.recording"))


def make_lines(recording: Path, form: str) -> bytes:
    """Return what `execaudit trace --replay` prints, with failures and exits, in UTC."""
    command = ["/usr/bin/python3", "-m", "execaudit", "trace", "--replay", str(recording)]
    result = subprocess.run(
        [*command, "-x", "--exits", *FORMS[form]],
        check=True,
        capture_output=True,
        cwd=CHECKOUT,
        env={**os.environ, "TZ": "UTC", "PYTHONIOENCODING": "utf-8"},
    )
    return result.stdout


def golden_records() -> list[dict[str, Any]]:
    """Return the records of all golden files."""
    lines = [path.read_bytes().splitlines() for path in sorted(FOLDER.glob("*.jsonl"))]
    return [json.loads(line) for of_file in lines for line in of_file]
