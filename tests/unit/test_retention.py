# SPDX-License-Identifier: Apache-2.0
"""For how many days records stay, as status and doctor say it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from execaudit.config.schema import File
from execaudit.daemon.control import overview
from execaudit.doctor.installed import check_journal_room
from execaudit.sinks.retention import days_kept, file_room, journal_room
from tests.unit.config_tree import write_file
from tests.unit.status_sample import STATUS

DAY = 86400
MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("settings", "room"),
    [
        ({}, (11 * 100 * MIB, 10 * DAY)),
        ({"num_logs": 0}, (2 * GIB, 30 * DAY)),
        ({"keep_bytes": 500 * MIB, "keep_age": 5 * DAY}, (500 * MIB, 5 * DAY)),
        ({"num_logs": 0, "keep_bytes": 0, "keep_age": 0}, (0, 0)),
        ({"max_file_bytes": 0, "max_age": 0, "keep_age": 0}, (2 * GIB, 0)),
    ],
    ids=str,
)
def test_room_of_the_file_is_its_tightest_bound(
    settings: dict[str, Any], room: tuple[int, float]
) -> None:
    defaults = {
        "max_file_bytes": 100 * MIB, "num_logs": 10, "max_age": DAY, "keep_age": 30 * DAY,
        "keep_bytes": 2 * GIB,
    }  # fmt: skip
    assert file_room(File(**{**defaults, **settings})) == room


def test_room_of_the_journal_is_what_is_configured(tmp_path: Path) -> None:
    (tmp_path / "var/log/journal").mkdir(parents=True)
    write_file(tmp_path, "etc/systemd/journald.conf", "[Journal]\n#SystemMaxUse=1G\n")
    disk = os.statvfs(tmp_path)
    assert journal_room(tmp_path) == min(disk.f_blocks * disk.f_frsize // 10, 4 * GIB)
    write_file(tmp_path, "usr/lib/systemd/journald.conf.d/10-a.conf", "SystemMaxUse=32M\n")
    assert journal_room(tmp_path) == 32 * MIB
    write_file(tmp_path, "etc/systemd/journald.conf.d/20-b.conf", "[Journal]\nSystemMaxUse = 64M\n")
    assert journal_room(tmp_path) == 64 * MIB
    write_file(tmp_path, "etc/systemd/journald@execaudit.conf", "[Journal]\nSystemMaxUse=2G\n")
    assert journal_room(tmp_path, "execaudit") == 2 * GIB


def test_days_are_those_of_the_present_rate() -> None:
    file = {"path": "/x", "written": 1000, "bytes": DAY}
    assert days_kept(file, DAY, 3 * DAY, 0) == 3
    assert days_kept(file, DAY, 3 * DAY, 2 * DAY) == 2
    assert days_kept(file, 10, 3 * DAY, 0) is None
    assert days_kept({**file, "written": 0}, DAY, 3 * DAY, 5 * DAY) == 5
    journal = {"written": 1000, "bytes": 1_000_000}
    assert days_kept(journal, DAY, 3_072_000, 0) == 1  # an entry takes more than was sent


def test_status_says_how_long_records_stay() -> None:
    sinks = {
        "file": {**STATUS["sinks"]["file"], "room_bytes": 10 * GIB, "room_s": 0},
        "journal": {
            "written": 1000, "bytes": 1 << 20, "lost": 0, "deselected": 0, "queue_depth": 0,
            "room_bytes": 32 * MIB,
        },
    }  # fmt: skip
    (said,) = [line for line in overview({**STATUS, "sinks": sinks}) if line.startswith("kept")]
    assert said == (
        "kept        at this rate: file 2.2 days in 10.0 GiB;"
        " journal 11.9 days in 32.0 MiB, if nobody else writes there"
    )


@pytest.mark.parametrize(("written", "status"), [(1000, "pass"), (100_000, "warn")])
def test_doctor_warns_of_a_journal_that_is_soon_full(
    tmp_path: Path, written: int, status: str
) -> None:
    (tmp_path / "var/log/journal").mkdir(parents=True)
    write_file(tmp_path, "etc/systemd/journald.conf", "[Journal]\nSystemMaxUse=32M\n")
    running = {"uptime_s": DAY, "sinks": {"journal": {"written": written, "bytes": written}}}
    write_file(tmp_path, "run/execaudit/status.json", json.dumps(running))
    check = check_journal_room(tmp_path)
    assert check.status == status
    assert "32 MiB for all services: full after " in check.found
    assert ("log-namespace" in check.advice) is (status == "warn")
