# SPDX-License-Identifier: Apache-2.0
"""The Debian package in a booted system: installed, upgraded, removed, purged, and what is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine.conftest import booted
from tests.machine.service import LOG, Service
from tests.packaging.build import deb, with_version
from tests.packaging.life import NOTHING, files, traces_of_execaudit

RELEASES = ("bookworm", "trixie")


@pytest.fixture(params=RELEASES)
def host(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A booted system without execaudit."""
    for container in booted(request, request.param):
        yield Service(container)


def test_nothing_is_left_after_upgrade_removal_and_purge(host: Service, tmp_path: Path) -> None:
    before = files(host)
    host.install(with_version(deb(), "0.0.1-1", tmp_path))
    host.start()
    pid, word = host.pid, host.mark()
    host.configure("[file]\nnum_logs = 3\n")
    host.install(deb())
    assert host.show("ActiveState") == "active"
    assert host.pid not in (0, pid)
    assert host.marked(word)
    assert host.marked(host.mark())
    assert host.status()["events"]["lost"] == 0

    host.run("dpkg", "--remove", "execaudit")
    assert traces_of_execaudit(host)["process"] == ""
    kept = files(host) - before
    assert {LOG, "/etc/execaudit/execaudit.toml", "/etc/execaudit/conf.d/50-test.toml"} <= kept
    stays = ("/etc/apparmor.d", "/etc/execaudit", "/var/log/execaudit", "/var/lib/execaudit")
    assert [path for path in kept if not path.startswith(stays) and "systemd" not in path] == []

    host.run("dpkg", "--purge", "execaudit")
    assert traces_of_execaudit(host) == NOTHING
    assert files(host) - before == set()
    assert before - files(host) == set()
    assert host.output("getent", "passwd", "execaudit").startswith("execaudit:")  # by policy
