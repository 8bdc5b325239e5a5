# SPDX-License-Identifier: Apache-2.0
"""The service manager's descriptor store (sd_pid_notify_with_fds(3), systemd.service(5)).

Owns the names that descriptors have there, and nothing of what they are. What is put there outlives
the process and comes back to the next one of the same service. Without a manager nothing is kept.
"""

import importlib
import os
import select
from typing import Any

_NO_POLL = "FDPOLL=0"  # the manager would wake with each wake-up of the ring buffer

_WAIT_MS = 2000


def _systemd() -> Any:
    """The module of python-systemd; None where it is not installed, or there is no manager."""
    if "NOTIFY_SOCKET" not in os.environ and "LISTEN_FDS" not in os.environ:
        return None
    try:
        return importlib.import_module("systemd.daemon")  # only where there is a manager
    except ImportError:
        return None


def is_there() -> bool:
    """Whether there is a manager to keep something; whether it wants to it does not say."""
    return "NOTIFY_SOCKET" in os.environ and _systemd() is not None


def take() -> dict[str, int]:
    """What the manager kept, by name. The descriptors are the caller's. Works once."""
    daemon = _systemd()
    if daemon is None or "LISTEN_FDS" not in os.environ:
        return {}
    found: dict[str, int] = {}
    for fd, name in daemon.listen_fds_with_names(unset_environment=True).items():
        if name in found:
            os.close(fd)
        else:
            found[name] = fd
    return found


def keep(name: str, fd: int) -> bool:
    """Have the manager keep a descriptor; False where it could not be told."""
    return _tell(f"FDSTORE=1\nFDNAME={name}\n{_NO_POLL}", [fd])


def forget(name: str) -> bool:
    """Have the manager close all descriptors of a name."""
    return _tell(f"FDSTOREREMOVE=1\nFDNAME={name}", None)


def wait() -> None:
    """Wait until the manager has done all that it was told (sd_notify_barrier(3))."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        told = _tell("BARRIER=1", [write_fd])
        os.close(write_fd)
        poll = select.poll()
        poll.register(read_fd, 0)  # it hangs up when the last writer is closed
        poll.poll(_WAIT_MS if told else 0)
    finally:
        os.close(read_fd)


def _tell(text: str, fds: list[int] | None) -> bool:
    daemon = _systemd()
    if daemon is None or "NOTIFY_SOCKET" not in os.environ:
        return False
    try:
        return bool(daemon.notify(text, fds=fds) if fds else daemon.notify(text))
    except OSError:
        return False
