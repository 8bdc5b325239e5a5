# SPDX-License-Identifier: Apache-2.0
"""What somebody with enough rights can do to a running daemon's descriptors.

Owns the ways into another process: pidfd_getfd(2), as a debugger does, and code that its Python
imports before anything else.
"""

import ctypes
import mmap
import os
import platform
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from execaudit.wire import record
from tests.integration.daemon_process import Daemon, wait_until

_PIDFD_GETFD = 438
# epoll_wait(2); where there is none, epoll_pwait(2).
_EPOLL_WAIT = {"x86_64": "232", "aarch64": "22"}[platform.machine()]
# Waits for a file, then turns the first descriptor that shows a text into /dev/null; with DEAF set,
# programs attached from then on are ones that do nothing.
_SITECUSTOMIZE = """
import os, threading, time

def cut():
    while not os.path.exists(os.environ["CUT_WHEN"]):
        time.sleep(0.01)
    if "DEAF" in os.environ:
        from execaudit.kernel import hooks
        attach = hooks.attach
        hooks.attach = lambda program, point: attach(hooks.load_trial(point), point)
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            shown = os.readlink(f"/proc/self/fd/{name}") + open(f"/proc/self/fdinfo/{name}").read()
        except OSError:
            continue
        if os.environ["CUT"] in shown:
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, int(name), inheritable=False)
            os.close(null)
            break

threading.Thread(target=cut, daemon=True).start()
"""


class Cutter:
    """Cuts a link of daemons that are started with `environment`, once it is told to."""

    def __init__(self, place: Path, what: str, *, is_deaf: bool = False) -> None:
        (place / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        self._flag = place / "cut"
        self.environment = {"PYTHONPATH": str(place), "CUT_WHEN": str(self._flag), "CUT": what}
        if is_deaf:
            self.environment["DEAF"] = "1"

    def cut(self) -> None:
        self._flag.touch()

    def stop(self) -> None:
        """Leave later daemons alone."""
        self._flag.unlink()


def take_map(pid: int, kind: int, value_bytes: int) -> int:
    """Take a descriptor of a process's BPF map from it. Only one map is to fit."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    wanted = (f"map_type:\t{kind}\n", f"value_size:\t{value_bytes}\n")
    try:
        for path in Path(f"/proc/{pid}/fdinfo").iterdir():
            info = path.read_text()
            if all(line in info for line in wanted):
                return int(libc.syscall(_PIDFD_GETFD, pidfd, int(path.name), 0))
    finally:
        os.close(pidfd)
    raise AssertionError(f"process {pid} has no such map")


class Positions:
    """The positions in a ring, which its reader's mapping shares."""

    def __init__(self, fd: int) -> None:
        page = mmap.PAGESIZE
        self._consumer = mmap.mmap(fd, page)
        self._producer = mmap.mmap(fd, page, prot=mmap.PROT_READ, offset=page)

    @property
    def consumer(self) -> int:
        return int(struct.unpack_from("@Q", self._consumer)[0])

    @consumer.setter
    def consumer(self, position: int) -> None:
        self._consumer[:8] = struct.pack("@Q", position)

    @property
    def producer(self) -> int:
        return int(struct.unpack_from("@Q", self._producer)[0])

    def close(self) -> None:
        self._consumer.close()
        self._producer.close()


@contextmanager
def stopped_reader(daemon: Daemon) -> Iterator[Positions]:
    """A daemon that stands still, and the positions in its ring."""
    pid = daemon.running.pid
    fd = take_map(pid, 27, 0)
    positions = Positions(fd)
    os.close(fd)
    _stop_waiting(daemon)
    try:
        yield positions
    finally:
        daemon.running.send_signal(signal.SIGCONT)
        positions.close()


def _stop_waiting(daemon: Daemon) -> None:
    """Stop a daemon where it waits for events: elsewhere it may be about to set the position."""
    pid = daemon.running.pid
    is_stopped = False
    while not is_stopped:
        wait_until(lambda: _is_waiting(pid), lambda: daemon.stderr)
        daemon.running.send_signal(signal.SIGSTOP)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            pass
        is_stopped = _is_waiting(pid)
        if not is_stopped:
            daemon.running.send_signal(signal.SIGCONT)


def _is_waiting(pid: int) -> bool:
    """Return True if a process is in the system call by which the daemon waits."""
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == _EPOLL_WAIT


def take_config(daemon: Daemon) -> int:
    """Take a daemon's map "config" from it."""
    return take_map(daemon.running.pid, 2, record.CONFIG.size)
