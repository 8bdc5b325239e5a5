# SPDX-License-Identifier: Apache-2.0
"""The status as a person reads it: what it says, and that nothing reaches the terminal raw."""

from typing import Any

from execaudit.daemon.control import overview
from tests.unit.status_sample import STATUS


def test_overview_says_what_counts() -> None:
    assert overview(STATUS) == [
        "execaudit   pid 71, up 1 d 2 h",
        "engine      libbpf; failures: not traced",
        "ring        4.0 MiB, at most 25 % full since the start",
        "config      SHA-256 abababababab",
        "reload      2026-11-23T02:04:06Z: $'rules.d/1.toml:1:1: rule[0].x: bad\\x07' (2 in all)",
        "process     25.0 MiB resident, 94.0 s of CPU (0.1 % of one), realtime priority",
        "",
        "events              seen      dropped      limited    collapsed         lost  undecodable"
        "   per second",
        "               1,234,567            2            3            4            5            0"
        "      1,234.6",
        "",
        "sink             written        bytes         lost   deselected       queued        state",
        "file               1,000      5.0 GiB            7            0            0      failing"
        "   $'/var/log/a\\x1b[2J.jsonl'",
        "",
        "rule hits            all    in kernel",
        "                      12            3   $'a\\nb'",
    ]


def test_overview_of_a_daemon_that_has_just_started() -> None:
    process = {"age_s": 0.5, "cpu_s": 0.4, "is_realtime": False, "resident_bytes": 25 << 20}
    empty: dict[str, Any] = {"rules": {}, "reload": {}, "sinks": {}}
    lines = overview({**STATUS, **empty, "uptime_s": 0.0, "process": process})
    (said,) = [line for line in lines if line.startswith("process")]
    assert said.endswith("0.4 s of CPU (80.0 % of one), ordinary priority")
    assert lines[0].endswith("up 0 s")
    assert not any(line.startswith(("reload", "rule hits")) for line in lines)
