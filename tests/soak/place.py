# SPDX-License-Identifier: Apache-2.0
"""The system that is soaked: a container with execaudit as two services.

Owns how they are installed and configured. The one is the package's own service, to which
everything happens. The other, "steady", is reloaded and rotated as well but is never ended: it
grows as old as the run, and nothing excuses an exec that its log lacks. Both see the execs of the
whole machine, and record the soak's.
"""

import json
from pathlib import Path
from typing import Any

from tests.machine import storms
from tests.machine.container import Container
from tests.machine.service import Service, wait_until
from tests.soak.log_count import LogCount

STEADY = "execaudit-steady"
USERS = ("anna", "bert", "cleo")
_LOG_BYTES = "224m"
# Failed execs are recorded by the steady one alone: the kernel counts successes.
_SETTINGS = """
[capture]
failures = "none"
[file]
max_file_bytes = "8M"
num_logs = 16
compress = "{compress}"
space_left = 0
space_low = 0
[status]
interval = "5s"
"""
_STEADY_SETTINGS = f"""
[file]
path = "/var/log/{STEADY}/execaudit.jsonl"
max_file_bytes = "8M"
num_logs = 16
space_left = 0
space_low = 0
[baseline]
enabled = true
path = "/var/lib/{STEADY}/baseline"
[journal]
enabled = false
[limits]
bytes_per_user = ""
[status]
path = "/run/{STEADY}/status.json"
interval = "5s"
"""
_STEADY_UNIT = f"""
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/execaudit daemon --config /etc/{STEADY}/execaudit.toml
Restart=always
FileDescriptorStoreMax=64
LogsDirectory={STEADY}
RuntimeDirectory={STEADY}
StateDirectory={STEADY}
LimitMEMLOCK=infinity
ExecStartPost=-/usr/bin/chrt --rr --pid 1 $MAINPID
"""
_RULES = """
[[rule]]
action = "label"
labels = ["soak-{version}"]
argv = "*soak-{version}*"
[[rule]]
action = "label"
labels = ["below-cron"]
ancestor.exe = "/usr/local/bin/job"
[[rule]]
action = "keep"
cgroup = {groups}
[[rule]]
action = "drop"
type = "exec"
"""
# What a timer runs, as cron would.
_JOB = """#!/bin/sh
find /etc -name '*.conf' | sort | head -n 20 | xargs -n 5 /bin/echo >/dev/null
date >/run/job.stamp
"""


class Daemon:
    """One of the two: its unit, its log and where its status is."""

    def __init__(self, container: Container, name: str) -> None:
        self.unit = f"{name}.service"
        self.log = LogCount(lambda: container.path(f"/var/log/{name}/execaudit.jsonl"))
        self._container = container
        self._status = f"/run/{name}/status.json"

    @property
    def pid(self) -> int:
        """Pid of its process in the container; 0 if there is none."""
        return self._container.main_pid(self.unit)

    def status(self) -> dict[str, Any]:
        """Return the status of a moment ago; empty while there is none."""
        try:
            status: dict[str, Any] = json.loads(self._container.path(self._status).read_text())
        except FileNotFoundError:
            return {}
        return status


class Place:
    """The container with both daemons, which run when this is made."""

    def __init__(self, container: Container, group: Path, package: Path, scratch: Path) -> None:
        self.container = container
        self.groups = [container.cgroup, group]
        self.service = Service(container)
        self.package = package
        self.scratch = scratch
        self._rules_version = 0
        self.daemons = [Daemon(container, name) for name in ("execaudit", STEADY)]
        for name in ("execaudit", STEADY):
            log = f"/var/log/{name}"
            container.run("mkdir", "-p", log)
            options = f"size={_LOG_BYTES},mode=750"
            container.run("mount", "-t", "tmpfs", "-o", options, name, log)
        self.service.install(package)
        container.run("chown", "execaudit:execaudit", "/var/log/execaudit")
        storms.prepare(self.service, scratch)
        for user in USERS:
            container.run("useradd", "--create-home", "--shell", "/bin/bash", user)
        container.write("/usr/local/bin/job", _JOB, mode=0o755)
        container.write(f"/etc/{STEADY}/execaudit.toml", _STEADY_SETTINGS)
        container.path(f"/etc/{STEADY}/rules.d").mkdir()
        container.write(f"/etc/systemd/system/{STEADY}.service", _STEADY_UNIT)
        container.run("systemctl", "daemon-reload")
        self.write_rules()
        self.service.start()
        container.run("systemctl", "start", STEADY)
        timer = ["--unit=job", "--on-active=15", "--on-unit-active=15"]
        container.run("systemd-run", *timer, "/usr/local/bin/job")
        wait_until(lambda: all(daemon.status() for daemon in self.daemons), "both daemons")

    def write_rules(self) -> None:
        """Write other rules, for the next reload."""
        self._rules_version += 1
        compress = ("gzip", "none")[self._rules_version % 2]
        groups = [f"/{group.name}" for group in self.groups]
        rules = _RULES.format(version=self._rules_version, groups=json.dumps(groups))
        self.service.configure(_SETTINGS.format(compress=compress), rules)
        self.container.write(f"/etc/{STEADY}/rules.d/10-soak.toml", rules)

    @property
    def main(self) -> Daemon:
        """The package's own service."""
        return self.daemons[0]

    @property
    def steady(self) -> Daemon:
        """The one that is never ended."""
        return self.daemons[1]
