# SPDX-License-Identifier: Apache-2.0
"""The rpm installed, upgraded and removed by rpm in a booted system, with systemd's scriptlets."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit import __version__
from tests.machine.conftest import booted
from tests.machine.service import CONFIG, LOG, UNIT, Service
from tests.packaging import fedora
from tests.packaging.life import NOTHING, PACKAGE_TOOLS, files, run_tool, traces_of_execaudit

FILE = "/etc/execaudit/execaudit.toml"
# Debian's rpm refuses the system's own root otherwise.
RPM = ("rpm", "--force-debian")
# Fedora's packages filesystem and python3-libs own these. Debian's rpm leaves them behind.
OF_FEDORA = (
    "/usr/lib/python3.11/site-packages",
    "/usr/share/fish/vendor_completions.d",
    "/usr/share/licenses",
    "/usr/share/zsh/site-functions",
)


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A booted system with what the rpm requires, and nothing of execaudit."""
    for container in booted(request, "bookworm", *PACKAGE_TOOLS):
        service = Service(container)
        rpm(service, "--install", fedora.stand_in())
        service.run("mkdir", "-p", *OF_FEDORA)
        yield service


@pytest.fixture
def installed(host: Service) -> Iterator[Service]:
    """The first release, enabled and started; removed, with what stays, afterwards."""
    rpm(host, "--install", fedora.packages()[0])
    host.start()
    yield host
    clean(host)


def clean(host: Service) -> None:
    """Remove the package and everything that stays behind it."""
    if host.run(*RPM, "--query", "execaudit", check=False).returncode == 0:
        rpm(host, "--erase", "execaudit")
    host.run("rm", "-rf", "/etc/execaudit", "/var/log/execaudit", "/var/lib/execaudit")
    host.run("rm", "-rf", f"/etc/systemd/system/{UNIT}.d")
    host.run("systemctl", "daemon-reload")
    host.run("userdel", "execaudit")


def rpm(service: Service, verb: str, package: Path | str) -> str:
    """Return what rpm and scriptlets say, which is nothing where all is well."""
    return run_tool(service, RPM, verb, package)


def test_scriptlets_are_those_of_systemd() -> None:
    asked = ["rpm", "--query", "--scripts", "--package", str(fedora.packages()[0])]
    said = subprocess.run(asked, stdout=-1, check=True, text=True).stdout
    for verb in ("install-system-units", "remove-system-units", "mark-restart-system-units"):
        assert f"systemd-update-helper {verb} {UNIT}" in said


def test_installing_makes_user_and_directories_and_starts_nothing(host: Service) -> None:
    rpm(host, "--install", fedora.packages()[0])
    try:
        assert host.output(*RPM, "--verify", "execaudit") == ""
        stat = ("stat", "--format=%U:%G %a", "/etc/execaudit", "/etc/execaudit/conf.d", FILE)
        assert host.output(*stat).splitlines() == [
            "root:execaudit 750", "root:execaudit 750", "root:execaudit 640"]  # fmt: skip
        user = host.output("getent", "passwd", "execaudit").split(":")
        assert user[5:] == ["/var/lib/execaudit", "/usr/sbin/nologin"]
        assert host.output("execaudit", "--version") == f"execaudit {__version__}"
        assert [host.show(name) for name in ("LoadState", "UnitFileState", "ActiveState")] == [
            "loaded", "disabled", "inactive"]  # fmt: skip
        catalog = host.output("journalctl", "--no-pager", "--list-catalog")
        assert "execaudit" in catalog
    finally:
        rpm(host, "--erase", "execaudit")
        host.run("userdel", "execaudit")


def test_upgrade_keeps_service_records_and_configuration(installed: Service) -> None:
    installed.container.write(FILE, "# changed\n")
    installed.configure("[file]\nnum_logs = 3\n")
    pid, before = installed.pid, installed.mark()
    rpm(installed, "--upgrade", fedora.packages()[1])
    after = installed.mark()

    assert installed.show("ActiveState") == "active"
    assert installed.show("UnitFileState") == "enabled"
    assert installed.pid not in (0, pid)
    assert installed.marked(before)
    assert installed.marked(after)
    assert installed.status()["events"]["lost"] == 0
    assert installed.container.path(FILE).read_text() == "# changed\n"
    assert installed.container.path(CONFIG).read_text() == "[file]\nnum_logs = 3\n"
    assert (
        installed.output(*RPM, "--query", "execaudit")
        == f"execaudit-{__version__}-1.younger.x86_64"
    )


@pytest.mark.parametrize("drop_in", ["", "refuse-manual-stop"])
def test_removal_leaves_logs_and_what_was_changed(host: Service, drop_in: str) -> None:
    before = files(host)
    rpm(host, "--install", fedora.packages()[0])
    try:
        if drop_in:
            forbid_stopping(host, drop_in)
        host.start()
        host.container.write(FILE, "# changed\n")
        host.marked(host.mark())
        if drop_in:
            assert host.run("systemctl", "stop", UNIT, check=False).returncode
            # systemd's marks for units to be restarted do not ask whether that is refused.
            pid = host.pid
            rpm(host, "--upgrade", fedora.packages()[1])
            assert host.show("ActiveState") == "active"
            assert host.pid not in (0, pid)
        rpm(host, "--erase", "execaudit")

        # Debian's rpm does not run systemd's trigger behind a removal, which does this.
        host.run("systemctl", "daemon-reload")
        assert traces_of_execaudit(host) == NOTHING
        left = files(host) - before
        mine = {path for path in left if path.startswith(f"/etc/systemd/system/{UNIT}.d")}
        logs = ("/var/log/execaudit", "/var/lib/execaudit")
        kept = {path for path in left if path.startswith(logs)}
        assert LOG in kept
        assert left - mine - kept == {"/etc/execaudit", f"{FILE}.rpmsave"}
        assert before - files(host) == set()
    finally:
        clean(host)


def forbid_stopping(host: Service, drop_in: str) -> None:
    """Install the drop-in with which systemctl refuses to stop the service."""
    unit = f"/etc/systemd/system/{UNIT}.d"
    host.run("mkdir", "-p", unit)
    host.run("cp", "-t", unit, f"/usr/share/execaudit/drop-ins/{drop_in}.conf")
    host.run("systemctl", "daemon-reload")
