# SPDX-License-Identifier: Apache-2.0
"""systemd's descriptor store (sd_pid_notify_with_fds(3), sd_listen_fds(3), systemd.service(5)).

Owns the names that descriptors have there, and not what they are. What is put there outlives the
process and comes back to the next one of the same service. Without a manager nothing is stored.
"""

import os

from execaudit.daemon.notify import notify

_FIRST_FD = 3  # SD_LISTEN_FDS_START
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_NO_POLL = "FDPOLL=0"  # the manager would wake with each wake-up of the ring buffer


def is_available() -> bool:
    """Return True if there is a manager. It does not say if its unit has a store."""
    return "NOTIFY_SOCKET" in os.environ


def take() -> dict[str, int]:
    """Return what the manager has stored, by name. The descriptors are the caller's.

    The variables that announce them are removed: a second call returns nothing.
    """
    announced = {name: os.environ.pop(name, "") for name in _VARIABLES}
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


def put(name: str, fd: int) -> bool:
    """Have the manager store a descriptor; False where it could not be sent."""
    return notify("FDSTORE=1", f"FDNAME={name}", _NO_POLL, fds=(fd,))


def remove(name: str) -> bool:
    """Have the manager close all descriptors of a name; False where it could not be sent."""
    return notify("FDSTOREREMOVE=1", f"FDNAME={name}")
