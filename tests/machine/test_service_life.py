# SPDX-License-Identifier: Apache-2.0
"""The installed service across a reboot and an upgrade: nothing of the administrator's is lost."""

import secrets
from pathlib import Path

from tests.machine.service import UNIT, Service, wait_until
from tests.machine.shell_storms import EXECS, begin, numbers, wait_for_losses
from tests.packaging.build import deb, with_version

MAIN = "/etc/execaudit/execaudit.toml"
SHIPPED, OWN = '#keep_age = "30d"', 'keep_age = "31d"'
KEEP_OLD = ("--force-confdef", "--force-confold")


def test_upgrade_under_load_keeps_changes_and_misses_no_exec(
    shared: Service, tmp_path: Path
) -> None:
    old = with_version(deb(), "0.0.1-1", tmp_path, execaudit="# Of the version before.\n")
    shared.run("dpkg", "--purge", "execaudit")
    shared.install(old)
    mine = shared.container.path(MAIN).read_text().replace(SHIPPED, OWN)
    assert OWN in mine
    shared.container.path(MAIN).write_text(mine)
    shared.start()
    shared.marked(shared.mark())
    before, word = shared.pid, secrets.token_hex(8)
    storm = begin(shared, word)
    wait_until(lambda: len(numbers(shared, word)) > EXECS // 10, "the storm")

    shared.install(deb(), *KEEP_OLD)

    assert shared.pid not in (0, before)
    assert storm.wait(120) == 0
    shared.marked(shared.mark())
    found = numbers(shared, word)
    assert found.total() == len(found)
    wait_for_losses(shared, EXECS - len(found))
    assert shared.container.path(MAIN).read_text() == mine
    assert "version before" not in shared.container.path(f"{MAIN}.dpkg-dist").read_text()
    assert OWN in shared.output("execaudit", "check", "--print")
    assert shared.output("dpkg-query", "-W", "-f", "${Version}", "execaudit") != "0.0.1-1"
    assert shared.output("systemctl", "is-enabled", UNIT) == "enabled"
    modes = shared.output("stat", "--format=%U:%G %a", MAIN, "/etc/execaudit")
    assert modes.splitlines() == ["root:execaudit 640", "root:execaudit 750"]


def test_reboot_is_reported_and_early_services_are_seen(shared: Service) -> None:
    shared.start()
    before = shared.mark()
    shared.marked(before)

    shared.container.reboot()

    assert shared.output("systemctl", "is-active", UNIT) == "active"
    after = shared.mark()
    (old,), (new,) = shared.marked(before), shared.marked(after)
    assert old["boot"] != new["boot"]
    start = shared.of_type("start")[-1]
    assert start["boot"] == new["boot"]
    assert start["gap"]["rebooted"] is True
    assert start["gap"]["traced"] is False
    assert start["gap"]["ended"] == "stop"
    # By their place on this machine: other containers may start such a service, too.
    cgroup = f"/{shared.container.name}/payload/system.slice/systemd-logind.service"
    (early,) = [r for r in shared.records(cgroup) if r.get("cgroup") == cgroup]
    assert early["exe"] == "/usr/lib/systemd/systemd-logind"
    assert early["boot"] == new["boot"]


def test_upgrade_starts_no_service_that_was_stopped(shared: Service, tmp_path: Path) -> None:
    shared.run("systemctl", "disable", "--now", UNIT)
    shared.install(with_version(deb(), "99", tmp_path), *KEEP_OLD)
    assert shared.output("dpkg-query", "-W", "-f", "${Version}", "execaudit") == "99"
    assert shared.show("ActiveState") == "inactive"
    assert shared.run("systemctl", "is-enabled", UNIT, check=False).stdout == "disabled\n"
