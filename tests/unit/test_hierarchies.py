# SPDX-License-Identifier: Apache-2.0
"""Hierarchies of control groups, as /proc/PID/cgroup names them."""

from pathlib import Path

import pytest

from execaudit.kernel.hierarchies import find_hierarchies


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("0::/system.slice/cron.service\n", (False, 0)),
        ("1:net_cls,net_prio:/vpn\n0::/system.slice/cron.service\n", (False, 0)),
        ("12:pids:/a\n1:name=systemd:/a\n0::/\n", (True, 1)),
        ("4:cpu,cpuacct:/\n0::/system.slice\n", (True, 0)),
        ("9:name=systemd:/a:b\n0::/a\n", (True, 9)),
        ("2:name=openrc:/a\n0::/\n", (False, 0)),
        ("1:name=systemd:/a\rb\x0cc\n0::/a\rb\n", (True, 1)),
        ("", (False, 0)),
    ],
)
def test_hierarchies_are_those_where_processes_are_put(
    tmp_path: Path, lines: str, found: tuple[bool, int]
) -> None:
    (tmp_path / "cgroup").write_bytes(lines.encode())
    assert find_hierarchies(str(tmp_path / "cgroup")) == found


def test_kernel_without_control_groups_has_none(tmp_path: Path) -> None:
    assert find_hierarchies(str(tmp_path / "cgroup")) == (False, 0)
