# SPDX-License-Identifier: Apache-2.0
"""A daemon to which nothing happens sleeps."""

import json
import time
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon
from tests.integration.launching import launch
from tests.integration.requirements import DEADLINE_S, ENGINES

QUIET_S = 5.0  # much longer than the status interval of 1 s, shorter than from look to look
_LOOK_S = 0.1
# What is executed on this machine meanwhile stays in the kernel and wakes nobody.
DROP_ALL = "".join(
    f'[[rule]]\naction = "drop"\nuid = "{first}-{first + 1023}"\n'
    for first in (0, 60000, 61024, 64512)
)


def wake_ups(pid: int) -> int:
    """How often threads of a process have gone to sleep of their own accord."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_daemon_does_not_wake_up_while_nothing_happens(
    engine: str, programs: Path, place: Path
) -> None:
    sections: dict[str, dict[str, object]] = {
        "status": {"metrics": str(place / "execaudit.prom")},
        "limits": {"per_uid": "1/s", "interval": "1s"},
        "stdout": {"enabled": True},
    }
    with Daemon(place, engine, sections, DROP_ALL) as daemon:
        pid = daemon.running.pid
        launch([str(programs / "tiny")]).wait()
        deadline = time.monotonic() + DEADLINE_S
        before, since = wake_ups(pid), time.monotonic()
        while time.monotonic() - since < QUIET_S:
            assert time.monotonic() < deadline, "it never slept that long"
            time.sleep(_LOOK_S)
            now = wake_ups(pid)
            if now != before:
                before, since = now, time.monotonic()
        written = json.loads(daemon.status_file.read_text())
        asked = daemon.status()
    assert asked["uptime_s"] > written["uptime_s"] + QUIET_S - 1
