# SPDX-License-Identifier: Apache-2.0
"""Notifications and the store for descriptors, against a socket as the service manager's."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.daemon.systemd import (
    has_manager,
    notify,
    reloading,
    remove_descriptor,
    store_descriptor,
    watchdog_interval_s,
)
from tests.integration.requirements import CHECKOUT

TAKE = """
import os
os.environ["LISTEN_PID"] = str({pid})
from execaudit.daemon.systemd import take_descriptors
for name, fd in take_descriptors().items():
    print(name, os.pread(fd, 9, 0).decode(), os.get_inheritable(fd))
print(take_descriptors(), *[name for name in os.environ if name.startswith("LISTEN_")])
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_assignments_arrive_in_one_message(manager: socket.socket) -> None:
    assert notify("READY=1", "STATUS=fine")
    assert manager.recv(100) == b"READY=1\nSTATUS=fine"


def test_abstract_address_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0execaudit-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@execaudit-{os.getpid()}")
        assert notify("READY=1")
        assert listening.recv(100) == b"READY=1"


def test_reload_is_reported_with_its_time(manager: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    reloading()
    first, second = manager.recv(100).split(b"\n")
    assert first == b"RELOADING=1"
    assert int(second.removeprefix(b"MONOTONIC_USEC=")) >= before


def test_manager_that_takes_nothing_is_not_waited_for(manager: socket.socket) -> None:
    assert manager.fileno() >= 0
    sent = 0
    while notify("STATUS=again"):
        sent += 1
        assert sent < 100_000
    assert not notify("WATCHDOG=1")


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not has_manager()
    assert not notify("READY=1")
    assert not store_descriptor("null", 0)
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    assert not notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [("4000000", None, 2.0), ("4000000", "1", None), ("x", None, None), ("0", None, None)],
)
def test_watchdog_is_fed_twice_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, interval: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert watchdog_interval_s() == interval


@pytest.mark.parametrize(
    ("names", "pid", "taken"),
    [
        (
            "one:two:three",
            "os.getpid()",
            ["one file3 False", "two file4 False", "three file5 False"],
        ),
        ("a:a:b", "os.getpid()", ["a file3 False", "b file5 False"]),
        ("a:b:c", "1", []),
    ],
)
def test_descriptors_come_once_each_not_inherited_and_to_their_process_alone(
    tmp_path: Path, names: str, pid: str, taken: list[str]
) -> None:
    for number in (3, 4, 5):  # as the manager hands them over, from descriptor 3 up
        (tmp_path / str(number)).write_text(f"file{number}")
    shell = " ".join(f"{number}<{tmp_path / str(number)}" for number in (3, 4, 5))
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, TAKE.format(pid=pid)],
        cwd=CHECKOUT,
        env={**os.environ, "LISTEN_FDS": "3", "LISTEN_FDNAMES": names},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [*taken, "{}"]


def test_descriptor_is_sent_with_its_name_and_removed_by_it(manager: socket.socket) -> None:
    read_fd, write_fd = os.pipe()
    assert store_descriptor("pipe", write_fd)
    message, (sent,), _, _ = socket.recv_fds(manager, 100, 2)
    assert message == b"FDSTORE=1\nFDNAME=pipe\nFDPOLL=0"
    os.write(sent, b"x")
    assert os.read(read_fd, 1) == b"x"
    assert remove_descriptor("pipe")
    assert manager.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=pipe"
    for fd in (read_fd, write_fd, sent):
        os.close(fd)
