# SPDX-License-Identifier: Apache-2.0
"""auditd as a tracer, and the machine's audit state around a run.

Owns the kernel's audit rules while a benchmark runs, and puts back what it found. Runs an auditd
of its own, with Debian's configuration except for where it writes; nothing under /etc changes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import Cgroup, kernel_thread
from tests.bench.tracers import Log, Tracer, Unusable, end_process, last_line, package_version

if TYPE_CHECKING:
    from collections.abc import Iterator

START_LIMIT_S = 10
# Once audit was on, the kernel has every new task take the slow way through each system call until
# the next boot, also with audit off again, unless a rule exempts tasks when they are created
# (audit_alloc in kernel/auditsc.c). Without this rule all other measurements would pay for it.
EXEMPT_TASKS = ["-a", "never,task"]
RULE = ["-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-S", "execveat", "-k", "exec"]
# Debian's /etc/audit/rules.d/audit.rules.
LIMITS = ["-b", "8192", "--backlog_wait_time", "60000"]
RESTORED = {
    "failure": "-f",
    "rate_limit": "-r",
    "backlog_limit": "-b",
    "backlog_wait_time": "--backlog_wait_time",
}


class Auditd(Tracer):
    """auditd with one rule for execve and execveat, or laurel as its plugin."""

    def __init__(self, *, laurel: bool = False) -> None:
        self.name = "auditd + laurel" if laurel else "auditd"
        self.is_tracing = True
        self._laurel = laurel
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path()

    def version(self) -> str:
        """Give auditd's and laurel's version."""
        for program in ("auditd", "auditctl", *(["laurel"] if self._laurel else [])):
            if not shutil.which(program):
                raise Unusable(f"{program} is not installed")
        if reason := why_not_ours():
            raise Unusable(reason)
        thread = kernel_thread("kauditd")
        self.threads = (thread,) if thread else ()
        laurel = f", laurel {package_version('laurel')}" if self._laurel else ""
        return package_version("auditd") + laurel

    def start(self, scratch: Path, cgroup: Cgroup) -> None:
        """Start an auditd of our own, wait until the kernel knows it, then set the rule."""
        self._directory = scratch
        write_configuration(scratch, laurel=self._laurel)
        with (scratch / "errors").open("wb") as errors, cgroup.joined():
            self._process = subprocess.Popen(
                ["auditd", "-n", "-c", str(scratch)], stdout=errors, stderr=errors
            )
        deadline = time.monotonic() + START_LIMIT_S
        while status()["pid"] != self._process.pid:
            self.ensure_running()
            if time.monotonic() > deadline:
                raise Unusable("auditd did not register with the kernel")
        auditctl("-D")
        auditctl(*LIMITS)
        auditctl("--reset-lost")
        auditctl("-e", "1")
        auditctl(*RULE)

    def logs(self) -> list[Log]:
        """Give laurel's log, if there is one, which is the last to get an event, and auditd's."""
        audit = Log(self._directory / "audit.log", b"type=EXECVE")
        if not self._laurel:
            return [audit]
        return [Log(self._directory / "laurel" / "audit.log", b'"EXECVE"'), audit]

    def ensure_running(self) -> None:
        """Raise Unusable when auditd has ended."""
        if self._process and self._process.poll() is not None:
            reason = last_line(self._directory / "errors")
            raise Unusable(reason or f"auditd ended with status {self._process.returncode}")

    def stop(self) -> int | None:
        """Take the rule away, then stop auditd. It passes the end on to laurel."""
        lost = status()["lost"]
        exempt_tasks()
        if self._process:
            end_process(self._process, signal.SIGTERM)
            self._process = None
        return lost


def write_configuration(directory: Path, *, laurel: bool) -> None:
    """Copy Debian's configuration with files, sizes and plugins changed to be ours alone."""
    plugins = directory / "plugins.d"
    plugins.mkdir(exist_ok=True)
    settings = {
        "log_file": str(directory / "audit.log"),
        "log_group": "root",
        "max_log_file_action": "IGNORE",
        "space_left_action": "IGNORE",
        "admin_space_left_action": "IGNORE",
        "plugin_dir": str(plugins),
    }
    text = Path("/etc/audit/auditd.conf").read_text()
    for key, value in settings.items():
        text = re.sub(rf"^{key} = .*", f"{key} = {value}", text, flags=re.MULTILINE)
    _write(directory / "auditd.conf", text)
    if not laurel:
        return
    output = directory / "laurel"
    text = Path("/etc/laurel/config.toml").read_text()
    text = re.sub(r"^directory = .*", f'directory = "{output}"', text, flags=re.MULTILINE)
    text = re.sub(r"^user = .*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^size = .*", "size = 10000000000", text, flags=re.MULTILINE)
    _write(directory / "laurel.toml", text)
    plugin = (
        "active = yes\ndirection = out\ntype = always\nformat = string\n"
        f"path = {shutil.which('laurel')}\nargs = --config {directory / 'laurel.toml'}\n"
    )
    _write(plugins / "laurel.conf", plugin)


def auditctl(*arguments: str) -> str:
    """Run auditctl, which reports trouble by its exit status."""
    done = subprocess.run(["auditctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(f"auditctl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def status() -> dict[str, int]:
    """Give `auditctl -s` as numbers."""
    found = re.findall(r"^(\w+) (\d+)", auditctl("-s"), re.MULTILINE)
    return {key: int(value) for key, value in found}


def why_not_ours() -> str:
    """Say why the audit state is to be left alone, or nothing when it is ours to change."""
    if not shutil.which("auditctl"):
        return "auditctl is not installed"
    try:
        now = status()
    except Unusable as error:
        return str(error)
    if now["enabled"] == 2:
        return "the audit rules are locked until the next boot"
    if now["pid"]:
        return f"auditd already runs here (pid {now['pid']}); stop it to compare"
    return ""


def exempt_tasks() -> None:
    """Switch audit off, for tasks to come as well."""
    auditctl("-e", "0")
    auditctl("-D")
    auditctl(*EXEMPT_TASKS)


@contextlib.contextmanager
def state_kept() -> Iterator[None]:
    """Have audit off, save where it is measured, and put back rules and settings afterwards."""
    if why_not_ours():
        yield
        return
    before = status()
    rules = [line for line in auditctl("-l").splitlines() if line.startswith("-")]
    try:
        exempt_tasks()
        yield
    finally:
        auditctl("-D")
        for rule in rules:
            auditctl(*rule.split())
        for field, option in RESTORED.items():
            auditctl(option, str(before[field]))
        auditctl("-e", str(before["enabled"]))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o640)  # auditd refuses what others may write
