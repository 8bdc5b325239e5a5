# SPDX-License-Identifier: Apache-2.0
"""A sealed log through kills, rotators, a clock that is set and restored backups: never altered.

Short forms of `./dev evidence-trial`, which kills 200 times; and Debian's own logrotate.
"""

import itertools
import json
import random
import re
import time
import tomllib
from pathlib import Path

import pytest

from execaudit.verify.findings import ALTERED, UNKNOWN, WHOLE
from tests import logrotate
from tests.evidence_trial.sealed_run import SealedRun
from tests.evidence_trial.trial import try_series
from tests.evidence_trial.troubles import SERIES
from tests.integration.daemon_process import wait_until
from tests.integration.launching import launch
from tests.integration.requirements import give_up, require_root
from tests.sealed_logs import findings, verify

KILLS = {"kills": 4, "own rotation": 4, "logrotate": 3}


@pytest.fixture(autouse=True)
def needs() -> None:
    require_root()
    if not logrotate.FOUND:
        give_up("logrotate is not installed")


@pytest.mark.parametrize("name", SERIES)
def test_log_that_goes_through_troubles_is_never_called_altered(
    name: str, programs: Path, place: Path
) -> None:
    account = try_series(name, KILLS[name], programs, place, seed=2)

    assert account.seen["kills"] == KILLS[name]
    assert account.seen["lines"] > 0
    assert name != "kills" or set(account.found) == {"whole"}


@pytest.fixture
def run(programs: Path, place: Path) -> SealedRun:
    settings = SERIES["logrotate"].settings
    chance = random.Random(1)  # noqa: S311 - not for secrets
    return SealedRun(place, programs, settings, chance, is_public=False)


def marks(run: SealedRun) -> list[str]:
    """Return the marks of the execs that are recorded, in the order of the files' seals."""
    (log,) = verify([run.daemon.log.parent], [run.key])[1]
    lines = itertools.chain(*(Path(path).read_bytes().splitlines() for path in log.files))
    records = [json.loads(line) for line in lines if b'"mark-' in line]
    return [record["argv"][-1] for record in records]


def execute(run: SealedRun, programs: Path, mark: str) -> None:
    launch([str(programs / "tiny"), mark]).wait()
    wait_until(lambda: any(mark.encode() in data for data in run.daemon.contents()))


def test_logrotate_that_moves_the_file_loses_nothing(run: SealedRun, programs: Path) -> None:
    wanted = [f"mark-{number}" for number in range(3)]
    with run.daemon as daemon:
        for mark in wanted:
            execute(run, programs, mark)
            run.logrotate.move(daemon.running.pid)
            wait_until(lambda: daemon.log.exists() and daemon.log.stat().st_size > 0)
        assert (daemon.log.parent / "execaudit.jsonl.3").exists()
        run.finish()

    assert verify([run.daemon.log], [run.key])[0] == WHOLE
    assert marks(run) == wanted


def test_logrotate_by_the_example_leaves_removing_to_execaudit(programs: Path, place: Path) -> None:
    commented = re.findall(r"^#   (.*)", logrotate.EXAMPLE.read_text(), flags=re.MULTILINE)
    settings = tomllib.loads("\n".join(commented))["file"] | {"num_logs": 2}
    chance = random.Random(1)  # noqa: S311 - not for secrets
    run = SealedRun(place, programs, settings, chance, is_public=False)
    with run.daemon as daemon:
        for number in range(5):
            execute(run, programs, f"mark-{number}")
            # Its names differ by the second.
            wait_until(lambda: time.strftime("%Y%m%dT%H%M%S") not in str(daemon.files()))
            run.logrotate.follow_example(daemon.running.pid)
            wait_until(lambda: daemon.log.exists() and daemon.log.stat().st_size > 0)
        wait_until(lambda: len(daemon.files()) == 3)
        run.daemon.running.terminate()
        run.daemon.running.wait()

    verdict, logs = verify([run.daemon.log.parent], [run.key])
    assert verdict == WHOLE
    assert "retention" in {finding.kind for each in logs for finding in each.findings}


def test_logrotate_that_empties_the_file_is_named_or_lost_nothing(
    run: SealedRun, programs: Path
) -> None:
    with run.daemon, run.storm():
        execute(run, programs, "mark-0")
        run.logrotate.copy_and_truncate()
        execute(run, programs, "mark-1")
        run.daemon.running.terminate()
        run.daemon.running.wait()
    verdict, logs = verify([run.daemon.log], [run.key])

    assert verdict != ALTERED
    assert findings(logs).keys() <= {"emptied", "unreadable"}
    assert (verdict == UNKNOWN) == bool(findings(logs))
    assert {"mark-0", "mark-1"} <= set(marks(run))
