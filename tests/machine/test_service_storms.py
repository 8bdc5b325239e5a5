# SPDX-License-Identifier: Apache-2.0
"""The installed service in storms: it gets to run, and journald's rate limit is out of its way."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.building import build_programs
from tests.machine.conftest import installed
from tests.machine.service import UNIT, Service, wait_until

STORM = 40_000
BURST = 80_000
PIECES = 8
FEW = 8_000
# Room for a piece: journald gets to run when the storm pauses.
QUEUE = "[journal]\nqueue_bytes = '64M'\n"
# journald's own default is 10,000, and more where there is much free space.
LOW_LIMIT = "[Journal]\nRateLimitBurst=1000\n"
PLACE = "/opt/storms"


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    programs = build_programs(tmp_path_factory.mktemp("programs"))
    for service in installed(request, "bookworm"):
        for name in ("storm", "tiny"):
            service.container.copy(programs / name, f"{PLACE}/{name}", mode=0o755)
        service.container.write("/etc/systemd/journald.conf.d/test.conf", LOW_LIMIT)
        service.run("systemctl", "restart", "systemd-journald")
        service.configure(QUEUE)
        service.start()
        service.marked(service.mark())
        yield service


def storm(service: Service, count: int, name: str) -> None:
    """Execute a program of this name `count` times, on all processors as fast as they can."""
    program = Path(PLACE) / name
    service.run("ln", "-f", f"{PLACE}/tiny", str(program))
    assert service.output(f"{PLACE}/storm", str(count), "vfork", str(program)) == f"{count} 0"


def in_journal(service: Service, *names: str) -> int:
    """How many different execs of these programs the journal has."""
    service.run("journalctl", "--sync")
    fields = [f"EXECAUDIT_COMM={name}" for name in names]
    text = service.run("journalctl", "--quiet", "--output=cat", *fields).stdout
    found = re.findall(rf" ({PLACE}/\S+ \d+:\d+) \[pid", text)
    assert len(found) == len(set(found))
    return len(found)


def lost(service: Service) -> tuple[int, int]:
    """Events lost so far on the way to the daemon, and on the way to the journal."""
    status = service.status()
    return status["events"]["lost"], status["sinks"]["journal"]["lost"]


def is_journal_done(service: Service) -> bool:
    return bool(service.status()["sinks"]["journal"]["queue_depth"] == 0)


def test_storm_on_every_processor_does_not_keep_the_daemon_from_running(running: Service) -> None:
    before, _ = lost(running)
    storm(running, STORM, "everywhere")
    running.marked(running.mark())
    after, _ = lost(running)
    recorded = sum(record.get("comm") == "everywhere" for record in running.records())
    assert recorded + after - before >= STORM
    assert recorded >= STORM // 2  # of ordinary priority it records what the ring holds, 6,000


def test_all_of_a_burst_arrive_in_the_journal_with_the_rate_limit_lifted(running: Service) -> None:
    running.run("systemctl", "restart", UNIT)
    names = [f"burst{piece}" for piece in range(PIECES)]
    for name in names:
        storm(running, BURST // PIECES, name)
        wait_until(lambda: is_journal_done(running), "the journal's queue")
    assert lost(running) == (0, 0)
    assert in_journal(running, *names) == BURST


def test_few_arrive_where_the_rate_limit_is_in_force(running: Service) -> None:
    running.drop_in("[Service]\nLogRateLimitIntervalSec=0\nLogRateLimitBurst=0\n")
    running.run("systemctl", "restart", UNIT)
    for name in ("few0", "few1"):
        storm(running, FEW // 2, name)
        wait_until(lambda: is_journal_done(running), "the journal's queue")
    assert lost(running) == (0, 0)
    # journald says how many it suppressed when its interval is over: too long to wait for.
    assert 0 < in_journal(running, "few0", "few1") < FEW
