# SPDX-License-Identifier: Apache-2.0
"""Recordings of real execs give exactly the lines beside them (made again by `./dev golden`)."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.golden.files import FOLDER, FORMS, make_lines, recordings

NAMES = [path.stem for path in recordings()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_recording_gives_the_golden_lines(name: str, form: str) -> None:
    recording = FOLDER / f"{name}.recording"

    assert make_lines(recording, form) == recording.with_suffix(f".{form}").read_bytes()


def records(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{name}.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def test_recordings_cover_every_type_and_the_unusual_forms() -> None:
    everything = [fields for name in NAMES for fields in records(name)]
    fields_seen = Counter(name for fields in everything for name in fields)

    assert {"exec", "exit", "lost"} == {fields["type"] for fields in everything}
    assert fields_seen.keys() >= {
        "argv_b64", "auid", "cgroup", "cwd_deleted", "deleted", "duration_ns", "env", "errno",
        "euser", "exit_code", "filename_b64", "hook", "interp", "memfd", "nspid", "privileged",
        "root", "script", "ses", "signal", "truncated", "tty", "unit",
    }  # fmt: skip


def test_recordings_are_small_and_name_no_real_machine() -> None:
    for path in recordings():
        assert path.stat().st_size < 100_000
    hosts = {fields["host"] for name in NAMES for fields in records(name)}
    assert hosts == {"golden"}


def test_every_golden_file_belongs_to_a_recording() -> None:
    stems = {path.stem for form in FORMS for path in FOLDER.glob(f"*.{form}")}

    assert stems == set(NAMES)
    assert len(NAMES) >= 7
    assert Path(FOLDER / "workload.py").exists()
