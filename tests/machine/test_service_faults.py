# SPDX-License-Identifier: Apache-2.0
"""The installed service while something around it fails: journald, the disk, its configuration."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.conftest import installed
from tests.machine.service import CONFIG, LOG, UNIT, Service, wait_until
from tests.machine.storms import in_file, in_journal, lost, prepare, storm, wait_for_journal

JOURNALD = "systemd-journald.service"
FOLDER = str(Path(LOG).parent)
STORM = 6_000  # several times what waits for journald in the small queue
SMALL_QUEUE = "[journal]\nqueue_bytes = '256K'\n"
NOT_CONFIGURED = 6


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    for service in installed(request, "bookworm"):
        prepare(service, tmp_path_factory.mktemp("programs"))
        service.start()
        yield service


@pytest.fixture
def small_queue(running: Service) -> Iterator[None]:
    running.configure(SMALL_QUEUE)
    running.run("systemctl", "reload", UNIT)
    yield
    running.configure()
    running.run("systemctl", "reload", UNIT)


def lost_by(service: Service, sink: str) -> int:
    return sum(r["count"] for r in service.of_type("lost") if r.get("sink") == sink)


def lost_in_journal(service: Service) -> int:
    """Return what the journal itself says that it did not get."""
    entries = service.container.journal("EXECAUDIT_TYPE=lost", "EXECAUDIT_SINK=journal")
    return sum(int(entry["EXECAUDIT_COUNT"]) for entry in entries)


def generations(service: Service) -> int:
    return int(service.output("sh", "-c", f"ls {LOG}* | wc -l"))


def test_restart_of_journald_costs_nothing(running: Service) -> None:
    storm(running, 500, "before")
    running.run("systemctl", "restart", JOURNALD)
    storm(running, 500, "after")
    running.marked(running.mark())
    wait_for_journal(running)
    assert in_journal(running, "before") == in_journal(running, "after") == 500
    assert lost(running, "journal") == 0


@pytest.mark.usefixtures("small_queue")
def test_journald_that_stands_still_costs_its_own_entries_alone(running: Service) -> None:
    journald = str(running.container.main_pid(JOURNALD))
    daemon = running.pid
    running.run("kill", "-STOP", journald)
    try:
        storm(running, STORM, "stalled")
        running.marked(running.mark())
        assert in_file(running, "stalled") == STORM
        assert lost(running) == 0
        assert not lost_by(running, "journal")  # told of when journald takes entries again
    finally:
        running.run("kill", "-CONT", journald)
    wait_until(lambda: lost_by(running, "journal"), "the record of what journald did not get")
    word = running.mark()
    running.marked(word)
    wait_for_journal(running)
    arrived = in_journal(running, "stalled")
    assert 0 < arrived < STORM
    # Execs of others on this machine are among the lost, too, and may fill the queue once more.
    assert arrived + lost_by(running, "journal") >= STORM
    wait_until(lambda: lost_by(running, "journal") == lost(running, "journal"), "the exact sum")
    wait_until(lambda: lost_in_journal(running) == lost_by(running, "journal"), "the same there")
    assert running.pid == daemon


@pytest.mark.parametrize("how", ["signal", "verb"])
def test_file_is_rotated_when_asked(running: Service, how: str) -> None:
    word, before = running.mark(), generations(running)
    running.marked(word)
    if how == "signal":
        running.run("systemctl", "kill", "--kill-whom=main", "--signal=USR1", UNIT)
    else:
        running.run("execaudit", "rotate")
    wait_until(lambda: generations(running) == before + 1, "another generation")
    assert len(running.marked(word)) == 1
    running.marked(running.mark())


def test_file_is_rotated_by_size_and_all_generations_have_every_exec(running: Service) -> None:
    running.configure("[file]\nmax_file_bytes = '1M'\nnum_logs = 0\n")
    running.run("systemctl", "reload", UNIT)
    before = generations(running)
    storm(running, 4000, "rotating")
    running.marked(running.mark())
    assert in_file(running, "rotating") == 4000
    assert generations(running) >= before + 5
    newest = running.output("sh", "-c", f"stat --format=%s $(ls -t {LOG}.* | head -5)").split()
    assert all(int(size) <= 1 << 20 for size in newest)
    running.run("rm", CONFIG)
    running.run("systemctl", "reload", UNIT)


@contextlib.contextmanager
def small_disk(service: Service) -> Iterator[None]:
    """Have the service's log directory on a file system of 1 MiB."""
    service.run("systemctl", "stop", UNIT)
    service.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=750", "small", FOLDER)
    service.run("chown", "execaudit:execaudit", FOLDER)
    try:
        service.run("systemctl", "start", UNIT)
        yield
    finally:
        service.run("systemctl", "stop", UNIT)
        service.run("umount", FOLDER)
        service.run("systemctl", "start", UNIT)


def test_full_disk_is_counted_and_writing_goes_on_when_there_is_room(running: Service) -> None:
    with small_disk(running):
        storm(running, 2000, "full")
        wait_until(lambda: lost(running, "file"), "the full disk")
        wait_until(lambda: in_journal(running, "full") == 2000, "all in the journal")
        running.run("mount", "-o", "remount,size=64m", FOLDER)
        wait_until(lambda: lost_by(running, "file"), "the record of what was missed")
        running.marked(running.mark())
        written, missed = in_file(running, "full"), lost_by(running, "file")
        assert 0 < written < 2000
        assert written + missed >= 2000
        assert missed == lost(running, "file")
        reasons = {r["reason"] for r in running.of_type("lost") if r.get("sink") == "file"}
        assert reasons == {"disk_full"}
        assert any("No space left on device" in text for text in running.said())


def test_mistake_in_the_configuration_leaves_the_last_good_one_in_force(running: Service) -> None:
    good = running.status()["config_hash"]
    running.configure("[file]\npth = '/tmp/x'\n")
    running.run("systemctl", "restart", UNIT)
    running.marked(running.mark())
    status = running.status()
    assert status["config_hash"] == good
    mistake = f"{CONFIG}:2:1: file.pth: is an unknown key"
    assert status["config_error"].startswith(mistake)
    assert running.of_type("start")[-1]["config_error"].startswith(mistake)
    assert [text for text in running.said("-p", "err") if text.startswith(mistake)]
    assert "mistakes" in running.show("StatusText")
    running.run("rm", CONFIG)
    running.run("systemctl", "reload", UNIT)
    assert running.status()["config_error"] == ""


def test_mistake_in_the_first_configuration_fails_once_and_says_where(running: Service) -> None:
    running.run("systemctl", "stop", UNIT)
    running.configure("[file]\npth = '/tmp/x'\n")
    running.run("rm", "/var/lib/execaudit/last-good-configuration.json")
    assert running.run("systemctl", "start", UNIT, check=False).returncode != 0
    shown = [running.show(p) for p in ("ActiveState", "SubState", "ExecMainStatus", "NRestarts")]
    assert shown == ["failed", "failed", str(NOT_CONFIGURED), "0"]
    assert any(f"{CONFIG}:2:1: file.pth: is an unknown key" in text for text in running.said())
    running.run("rm", CONFIG)
    running.run("systemctl", "start", UNIT)
    running.marked(running.mark())


def test_daemon_that_is_not_allowed_to_trace_fails_once(running: Service) -> None:
    running.drop_in("[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n")
    try:
        running.run("systemctl", "stop", UNIT)  # or else it goes on with what is loaded
        assert running.run("systemctl", "start", UNIT, check=False).returncode != 0
        shown = [running.show(p) for p in ("ActiveState", "ExecMainStatus", "NRestarts")]
        assert shown == ["failed", "4", "0"]
    finally:
        running.run("rm", f"/etc/systemd/system/{UNIT}.d/test.conf")
        running.run("systemctl", "daemon-reload")
    running.run("systemctl", "start", UNIT)
