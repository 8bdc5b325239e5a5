# SPDX-License-Identifier: Apache-2.0
"""The service manager: notifications, sd_notify(3), and its store for descriptors.

Owns the socket that $NOTIFY_SOCKET names and the time to wait for it. libsystemd would wait without
end for a manager that does not read, and a logger that waits loses records. Without the variable
all functions do nothing. Stored descriptors (sd_pid_notify_with_fds(3), sd_listen_fds(3)) outlive
the process; the next process of the service gets them.
"""

import os
import socket
import struct
import time
from collections.abc import Sequence

_WAIT_S = 2.0  # for what changes the unit's state; a manager misses a status without harm
_FIRST_FD = 3  # SD_LISTEN_FDS_START
_LISTEN_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_NO_POLL = "FDPOLL=0"  # the manager would wake with each wake-up of the ring buffer


def notify(*assignments: str, fds: Sequence[int] = ()) -> bool:
    """Send assignments such as "READY=1", with descriptors; return True if the manager took them.

    Without a manager nothing is sent.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address[0] == "@":  # not in the file system
        address = "\0" + address[1:]
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"@{len(fds)}i", *fds))
    is_state = not all(each.startswith(("STATUS=", "WATCHDOG=")) for each in assignments)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.settimeout(_WAIT_S if is_state else 0)
            # Not socket.send_fds: it takes an address and does not use it.
            manager.sendmsg(["\n".join(assignments).encode()], [rights] if fds else [], 0, address)
    except OSError:
        return False
    return True


def reloading() -> None:
    """Report that a reload begins; systemd wants the time with it (sd_notify(3))."""
    now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify("RELOADING=1", f"MONOTONIC_USEC={now_us}")


def watchdog_interval_s() -> float | None:
    """Return the seconds between two WATCHDOG=1, half the manager's limit; None for none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        interval_s = int(os.environ["WATCHDOG_USEC"]) / 2_000_000
    except (KeyError, ValueError):
        return None
    return interval_s if interval_s > 0 else None


def has_manager() -> bool:
    """Return True if there is a manager; its unit may still have no store."""
    return "NOTIFY_SOCKET" in os.environ


def take_descriptors() -> dict[str, int]:
    """Return the stored descriptors by name. The caller owns them.

    The variables that announce them are removed: a second call returns nothing.
    """
    announced = {name: os.environ.pop(name, "") for name in _LISTEN_VARIABLES}
    if announced["LISTEN_PID"] != str(os.getpid()) or not announced["LISTEN_FDS"].isdigit():
        return {}
    names = announced["LISTEN_FDNAMES"].split(":")
    found: dict[str, int] = {}
    for index in range(int(announced["LISTEN_FDS"])):
        fd = _FIRST_FD + index
        name = names[index] if index < len(names) else ""
        if name in found:
            os.close(fd)
        else:
            os.set_inheritable(fd, False)
            found[name] = fd
    return found


def store_descriptor(name: str, fd: int) -> bool:
    """Store a descriptor in the manager; return False if it could not be sent."""
    return notify("FDSTORE=1", f"FDNAME={name}", _NO_POLL, fds=(fd,))


def remove_descriptor(name: str) -> bool:
    """Make the manager close all descriptors of a name; return False if that could not be sent."""
    return notify("FDSTOREREMOVE=1", f"FDNAME={name}")
