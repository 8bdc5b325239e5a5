# SPDX-License-Identifier: Apache-2.0
"""The installed service on hosts without a journal, without a disk to write on, without /var."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.machine.service import LOG, UNIT, Service, wait_until

JOURNALD = (
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
)
JOURNALD_SOCKET = "/run/systemd/journal/socket"


@pytest.fixture
def stopped(shared: Service) -> Iterator[Service]:
    yield shared
    shared.run("systemctl", "stop", UNIT)
    shared.run("systemctl", "reset-failed", UNIT, check=False)


@contextlib.contextmanager
def mounted(service: Service, path: str, *options: str) -> Iterator[None]:
    """Have another file system at a path while the service is not running."""
    service.run("mount", *options, path)
    try:
        yield
    finally:
        service.run("systemctl", "stop", UNIT)
        service.run("umount", "--lazy", path)  # PID 1 may still remove private directories


def test_without_journald_execs_go_to_the_file(stopped: Service) -> None:
    stopped.run("systemctl", "stop", *JOURNALD)
    stopped.run("rm", "-f", JOURNALD_SOCKET)
    try:
        stopped.run("systemctl", "mask", "--runtime", *JOURNALD)
        stopped.run("systemctl", "start", UNIT)
        assert stopped.marked(stopped.mark())
        assert stopped.show("NRestarts") == "0"
        assert stopped.status()["events"]["lost"] == 0
    finally:
        stopped.run("systemctl", "unmask", "--runtime", *JOURNALD)
        stopped.run("systemctl", "start", *JOURNALD)


def test_read_only_disk_fails_once_and_says_which_directory(stopped: Service) -> None:
    with mounted(stopped, "/var/log", "-t", "tmpfs", "-o", "ro", "tmpfs"):
        assert stopped.run("systemctl", "start", UNIT, check=False).returncode
        wait_until(lambda: stopped.show("SubState") == "failed", "the failure")
        shown = [stopped.show(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
        assert shown == ["failed", "240", "0"]
    said = stopped.container.journal("--grep=Failed to set up special execution directory")
    assert [entry["MESSAGE"].partition(": ")[2] for entry in said] == [
        "Failed to set up special execution directory in /var/log: Read-only file system"
    ]


def test_read_only_disk_suffices_for_the_journal_alone(stopped: Service) -> None:
    with (
        mounted(stopped, "/var/log", "-t", "tmpfs", "-o", "ro", "tmpfs"),
        stopped.shipped_drop_in("journal-only"),
    ):
        assert stopped.show("ActiveState") == "active"
        assert stopped.show("NRestarts") == "0"
        assert set(stopped.status()["sinks"]) == {"journal"}
        stopped.run("systemctl", "stop", UNIT)


def test_empty_var_is_filled_with_what_the_service_needs(stopped: Service) -> None:
    with mounted(stopped, "/var", "-t", "tmpfs", "tmpfs"):
        stopped.run("systemctl", "start", UNIT)
        assert stopped.marked(stopped.mark())
        assert stopped.output("stat", "--format=%U:%G %a", LOG) == "execaudit:execaudit 640"
        assert stopped.show("NRestarts") == "0"
