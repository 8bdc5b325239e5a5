# SPDX-License-Identifier: Apache-2.0
"""Places to run a program in: namespaces, cgroups, chroots, other ids, deep directories.

Functions named enter_… and become_… are run in the child between fork and exec. What outlives the
child is a context manager that clears it away. It must not start programs.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import resource
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.integration.requirements import DEADLINE_S

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_BIND = 0x1000
MNT_DETACH = 2
# Another checkout may be tested at the same time.
OWN_CGROUP = f"/execaudit-test-{os.getpid()}"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def unshare(flags: int) -> None:
    """Enter new namespaces."""
    _check(_libc.unshare(flags))


def mount(source: str, target: Path, kind: str | None, flags: int = 0) -> None:
    """Call mount(2)."""
    _check(
        _libc.mount(
            source.encode(), os.fsencode(target), kind.encode() if kind else None, flags, None
        )
    )


def unmount_lazily(target: Path) -> None:
    """Detach a mount from the tree while it is in use."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH))


def enter_mount_namespace() -> None:
    """Enter a mount namespace whose mounts do not come back to the test's."""
    unshare(CLONE_NEWNS)
    mount("none", Path("/"), None, MS_REC | MS_PRIVATE)


def become_user(uid: int, gid: int) -> None:
    """Drop all privilege."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def lift_stack_limit() -> None:
    """Allow the most arguments the kernel takes: a quarter of the stack limit, up to 6 MiB."""
    resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY,) * 2)


def enter_terminal() -> None:
    """Get a controlling terminal, which stays open as long as the child lives."""
    leader, follower = os.openpty()
    for fd in (leader, follower):
        os.set_inheritable(fd, True)
    os.setsid()
    fcntl.ioctl(follower, termios.TIOCSCTTY, 0)


def enter_deep_directory(top: Path, names: list[str]) -> None:
    """Make and enter directories one by one: together they may be longer than PATH_MAX."""
    os.chdir(top)
    for name in names:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name)  # noqa: PTH102  relative to where we are, on purpose
        os.chdir(name)


@functools.cache
def cgroup_root() -> Path:
    """Where the cgroup v2 hierarchy is mounted (unified or hybrid)."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        if after.startswith("cgroup2 "):
            return Path(before.split()[4])
    raise AssertionError("no cgroup v2 hierarchy is mounted")


def cgroup_directory(path: str, top: Path | None = None) -> Path:
    """Where the cgroup of this path is a directory, below `top` or in version 2."""
    return (top or cgroup_root()) / path.lstrip("/")


@contextlib.contextmanager
def cgroup(path: str, top: Path | None = None) -> Iterator[Path]:
    """Make a cgroup and those above it; afterwards remove the ones that were not there."""
    directory = cgroup_directory(path, top)
    made = [d for d in (directory, *directory.parents) if not d.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    try:
        yield directory
    finally:
        for one in made:
            _remove_cgroup(one)


def _remove_cgroup(directory: Path) -> None:
    """Remove a cgroup. The kernel refuses while a process is on its way out, even if reaped."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            directory.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            os.sched_yield()
        else:
            return


def enter_cgroup(directory: Path) -> None:
    """Move the caller."""
    (directory / "cgroup.procs").write_text("0")
