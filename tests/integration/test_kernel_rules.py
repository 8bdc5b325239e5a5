# SPDX-License-Identifier: Apache-2.0
"""Drop rules that the kernel decides: which those are, that they drop exactly, what is counted."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.launching import launch
from tests.integration.requirements import ENGINES
from tests.integration.surroundings import OWN_CGROUP, cgroup, enter_cgroup
from tests.integration.totals import assert_totals_fit

RUNS = 25
SYSTEMD_CGROUPS = Path("/sys/fs/cgroup/systemd")
TEST_UID = 100_000 + os.getpid()
DROP = '[[rule]]\nname = "noise"\naction = "drop"\n'
KEEP = '[[rule]]\nname = "kept first"\naction = "keep"\nargv = "keep-me"\n'


@pytest.fixture
def target(programs: Path, place: Path) -> Path:
    """A program that nobody else runs, with a name that nothing else has."""
    return Path(shutil.copy(programs / "tiny", place / f"target-{os.getpid()}"))


def run_target(target: Path, setup: Callable[[], None] | None = None, *words: str) -> None:
    for number in range(RUNS):
        child = launch([str(target), *(words or (f"run-{number}",))], setup=setup)
        assert child.wait() == 0


def judged(
    daemon: Daemon, programs: Path, target: Path, setup: Callable[[], None] | None = None
) -> tuple[int, dict[str, Any]]:
    """Run the target; how many records there are of it, and the daemon's status."""
    run_target(target, setup)
    daemon.settle(programs / "tiny")
    status = daemon.status()
    stop = daemon.stop()
    records = daemon.records()
    assert_totals_fit(records, stop)
    assert stop["dropped"] == status["rules"]["noise"]["hits"]
    return sum(r.get("filename") == str(target) for r in records), status


@pytest.mark.parametrize("field", ["comm", "exe"])
def test_leading_drop_rule_is_decided_in_the_kernel(
    engine: str, programs: Path, place: Path, target: Path, field: str
) -> None:
    value = target.name if field == "comm" else str(target.resolve())
    with Daemon(place, engine, rules=f'{DROP}{field} = "{value}"\n') as daemon:
        written, status = judged(daemon, programs, target)
    assert written == 0
    assert status["rules"]["noise"] == {"hits": RUNS, "kernel_hits": RUNS}
    assert status["events"]["dropped"] == RUNS


def test_user_id_is_decided_in_the_kernel(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    with Daemon(place, engine, rules=f"{DROP}uid = {TEST_UID}\n") as daemon:
        run_target(target)  # as root: kept
        written, status = judged(daemon, programs, target, lambda: os.setuid(TEST_UID))
    assert written == RUNS
    assert status["rules"]["noise"] == {"hits": RUNS, "kernel_hits": RUNS}


@pytest.mark.parametrize("top", [None, SYSTEMD_CGROUPS], ids=["version 2", "systemd's own"])
def test_control_group_holds_for_all_below_it_in_the_kernel(
    engine: str, programs: Path, place: Path, target: Path, top: Path | None
) -> None:
    if top is not None and not top.is_dir():
        pytest.skip("all control groups are in version 2")
    rules = f'{DROP}cgroup = "{OWN_CGROUP}/kernel"\n'
    with (
        cgroup(f"{OWN_CGROUP}/kernel/below", top) as below,
        Daemon(place, engine, rules=rules) as daemon,
    ):
        written, status = judged(daemon, programs, target, partial(enter_cgroup, below))
    assert written == 0
    assert status["rules"]["noise"] == {"hits": RUNS, "kernel_hits": RUNS}


def test_rule_after_a_keep_is_not_decided_in_the_kernel(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    rules = f'{KEEP}{DROP}comm = "{target.name}"\n'
    with Daemon(place, engine, rules=rules) as daemon:
        run_target(target, None, "keep-me")
        written, status = judged(daemon, programs, target)
    assert written == RUNS
    assert status["rules"]["noise"] == {"hits": RUNS, "kernel_hits": 0}


def test_rule_with_two_conditions_is_not_decided_in_the_kernel(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    rules = f'{DROP}comm = "{target.name}"\nuid = {TEST_UID}\n'
    with Daemon(place, engine, rules=rules) as daemon:
        written, status = judged(daemon, programs, target)
    assert written == RUNS
    assert status["rules"]["noise"] == {"hits": 0, "kernel_hits": 0}


def test_replaced_program_is_dropped_still(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    with Daemon(place, engine, rules=f'{DROP}exe = "{target.resolve()}"\n') as daemon:
        fresh = Path(shutil.copy(programs / "tiny", place / "fresh"))
        fresh.rename(target)
        written, status = judged(daemon, programs, target)
    assert written == 0
    assert status["rules"]["noise"]["hits"] == RUNS


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_program_that_is_replaced_is_the_kernels_again_and_its_inode_nobodys(
    engine: str, programs: Path, place: Path, target: Path
) -> None:
    path = target.resolve()
    watched = {"WATCHDOG_USEC": "400000"}  # looks every 0.2 s
    with Daemon(place, engine, rules=f'{DROP}exe = "{path}"\n', environment=watched) as daemon:
        run_target(target)
        old = path.stat().st_ino
        shutil.copy(path, place / "new")
        (place / "new").rename(path)
        new_inode = path.stat().st_ino
        others = [Path(shutil.copy(path, place / f"other-{number}")) for number in range(20)]
        for other in others:
            launch([str(other)]).wait()

        def is_decided_in_kernel() -> bool:
            before = daemon.status()["rules"]["noise"]["kernel_hits"]
            launch([str(target)]).wait()
            return bool(daemon.status()["rules"]["noise"]["kernel_hits"] > before)

        wait_until(is_decided_in_kernel)
        (place / "second-name").hardlink_to(path)
        launch([str(place / "second-name")]).wait()
        daemon.settle(programs / "tiny")
        records = daemon.records()
        stop = daemon.stop()
        assert_totals_fit(daemon.records(), stop)
    assert new_inode != old
    names = [r["filename"] for r in records if r["type"] == "exec"]
    assert str(target) not in names
    assert [name for name in names if "/other-" in name] == [str(other) for other in others]
    assert str(place / "second-name") in names
