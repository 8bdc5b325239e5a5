# SPDX-License-Identifier: Apache-2.0
"""systemd's descriptor store, against a socket as the service manager's."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from execaudit.daemon.handover import descriptor_store
from tests.integration.requirements import CHECKOUT

TAKE = """
import os
os.environ["LISTEN_PID"] = str({pid})
from execaudit.daemon.handover.descriptor_store import take
for name, fd in take().items():
    print(name, os.pread(fd, 9, 0).decode(), os.get_inheritable(fd))
print(take(), *[name for name in os.environ if name.startswith("LISTEN_")])
"""


def take_in_child(tmp_path: Path, names: str, pid: str = "os.getpid()") -> list[str]:
    """Hand three files over, as the manager does, from descriptor 3 up."""
    for number in (3, 4, 5):
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
    return done.stdout.splitlines()


def test_descriptors_come_by_name_once_and_are_not_inherited(tmp_path: Path) -> None:
    lines = take_in_child(tmp_path, "one:two:three")
    assert lines == ["one file3 False", "two file4 False", "three file5 False", "{}"]


def test_second_descriptor_of_a_name_is_left_out(tmp_path: Path) -> None:
    assert take_in_child(tmp_path, "one:one:two") == ["one file3 False", "two file5 False", "{}"]


def test_descriptors_of_another_process_are_not_taken(tmp_path: Path) -> None:
    assert take_in_child(tmp_path, "one:two:three", pid="1") == ["{}"]


def test_descriptor_is_sent_with_its_name_and_removed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        read_fd, write_fd = os.pipe()
        assert descriptor_store.put("pipe", write_fd)
        message, (sent,), _, _ = socket.recv_fds(manager, 100, 2)
        assert message == b"FDSTORE=1\nFDNAME=pipe\nFDPOLL=0"
        os.write(sent, b"x")
        assert os.read(read_fd, 1) == b"x"
        assert descriptor_store.remove("pipe")
        assert manager.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=pipe"
        for fd in (read_fd, write_fd, sent):
            os.close(fd)


def test_without_a_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not descriptor_store.is_available()
    assert not descriptor_store.put("null", 0)
