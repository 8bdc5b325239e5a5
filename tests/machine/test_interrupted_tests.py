# SPDX-License-Identifier: Apache-2.0
"""Tests that are interrupted leave no process, control group, mount or directory behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.requirements import CHECKOUT, require_root
from tests.machine.container import cgroup_root
from tests.machine.service import wait_until

PR_SET_CHILD_SUBREAPER = 36
END_S = 120
# What the tests make in /var/tmp is made in a directory of ours, and their mounts end with them.
ENTER = 'mount --bind "$0" /var/tmp && exec "$@"'
# A test, and the file by which it is known to be in the middle of its work.
CASES = {
    "container that boots": ("machine/test_service_life.py", "*/upper/etc/machine-id"),
    "service in a container": ("machine/test_service_life.py", "*/upper/var/log/execaudit/*.jsonl"),
    "daemon": ("integration/test_daemon_reload.py", "*/*/log/execaudit.jsonl"),
}


@pytest.fixture
def orphans() -> Iterator[None]:
    """Have processes that lose their parent become our children."""
    require_root()
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def children() -> set[int]:
    """Return our children that run; those that ended are reaped, as pid 1 would.

    One that is not reaped holds the pid namespace of its container, and with it the first process.
    """
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    mine = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in mine.read_text().split()}


@pytest.mark.usefixtures("orphans")
@pytest.mark.parametrize("case", CASES)
def test_interrupted_tests_leave_nothing_behind(case: str, tmp_path: Path) -> None:
    tests, sign = CASES[case]
    before = children()
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(0o1777)
    running = subprocess.Popen(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-ec", ENTER, str(place)),
            *(sys.executable, "-m", "pytest", f"tests/{tests}"),
        ],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    try:
        wait_until(lambda: any(place.glob(sign)) or running.poll() is not None, case)
        names = [path.name[:-9] for path in place.glob("execaudit-test-*-*")]  # as mkdtemp made it
        assert running.poll() is None, running.communicate()[0]
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=END_S)
    finally:
        running.kill()
        running.communicate()
    assert b"KeyboardInterrupt" in said, said
    assert list(place.iterdir()) == []
    wait_until(lambda: children() <= before, "the end of all that the tests started")
    assert [name for name in names if (cgroup_root() / name).exists()] == []
