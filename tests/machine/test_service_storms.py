# SPDX-License-Identifier: Apache-2.0
"""The installed service in storms: it gets to run, and journald's rate limit is out of its way."""

from collections.abc import Iterator

import pytest

from tests.machine.conftest import installed
from tests.machine.service import UNIT, Service, wait_until
from tests.machine.storms import (
    begin,
    end,
    in_file,
    in_journal,
    lost,
    lost_records,
    numbers,
    prepare,
    storm,
    wait_for_journal,
    wait_for_room,
)

STORM = 40_000
BURST = 80_000
FEW = 8_000
# journald's own default is 10,000, and more where there is much free space.
LOW_LIMIT = "[Journal]\nRateLimitBurst=1000\n"


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    for service in installed(request, "bookworm"):
        prepare(service, tmp_path_factory.mktemp("programs"))
        service.container.write("/etc/systemd/journald.conf.d/test.conf", LOW_LIMIT)
        service.run("systemctl", "restart", "systemd-journald")
        service.configure()
        service.start()
        service.marked(service.mark())
        yield service


def written(service: Service) -> int:
    """How many records the running daemon has written to the file."""
    count: int = service.status()["sinks"]["file"]["written"]
    return count


def test_storm_on_every_processor_does_not_keep_the_daemon_from_running(running: Service) -> None:
    storm(running, STORM, "everywhere")
    wait_for_room(running)
    running.marked(running.mark())
    recorded = in_file(running, "everywhere")
    # What was lost on another processor is known a little later.
    wait_until(lambda: recorded + lost(running) >= STORM, "what was lost")
    assert recorded >= STORM // 2  # of ordinary priority it records what the ring holds, 6,000


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_storm_on_every_processor_is_recorded_across(running: Service, how: str) -> None:
    before, already, lost_before = running.pid, written(running), lost_records(running)
    storming = begin(running, STORM, f"across-{how}")
    wait_until(lambda: written(running) > 2000 + already, "the storm")
    if how == "kill":
        running.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    else:
        running.run("systemctl", "restart", UNIT)
    end(storming, STORM)
    wait_until(lambda: running.pid not in (0, before), "another process")
    wait_for_room(running)
    running.marked(running.mark())
    found = numbers(running, f"across-{how}")
    # What was lost on another processor is known a little later.
    wait_until(lambda: STORM - len(found) <= lost_records(running) - lost_before, "what was lost")
    gap = running.of_type("start")[-1]["gap"]
    assert gap["traced"] is True
    assert found.total() - len(found) <= gap.get("repeated", 0)
    assert ("repeated" in gap) <= (how == "kill")


def test_all_of_a_burst_arrive_in_the_journal_with_the_rate_limit_lifted(running: Service) -> None:
    running.run("systemctl", "restart", UNIT)
    storm(running, BURST, "burst")
    running.marked(running.mark())
    wait_for_journal(running)
    assert lost(running) == lost(running, "journal") == 0
    assert in_journal(running, "burst") == BURST


def test_few_arrive_where_the_rate_limit_is_in_force(running: Service) -> None:
    running.drop_in("[Service]\nLogRateLimitIntervalSec=0\nLogRateLimitBurst=0\n")
    running.run("systemctl", "restart", UNIT)
    for name in ("few0", "few1"):
        storm(running, FEW // 2, name)
        wait_for_journal(running)
    assert lost(running) == lost(running, "journal") == 0
    # journald says how many it suppressed when its interval is over: too long to wait for.
    assert in_journal(running, "few0", "few1") < FEW
