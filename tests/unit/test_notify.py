# SPDX-License-Identifier: Apache-2.0
"""The notification protocol, against a socket as the service manager's."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.daemon.notify import notify, reloading, watchdog_interval_s


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


def test_reload_is_told_with_its_time(manager: socket.socket) -> None:
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
    assert not notify("READY=1")
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
