# SPDX-License-Identifier: Apache-2.0
"""A running Debian system that a test works in: a container, or the guest that the test runs in.

Owns what is asked of either by running commands. It must not know how the system was booted.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import CompletedProcess


class RunningSystem:
    """The base class; `run` and `path` are what differs."""

    name: str

    def run(self, *command: str, check: bool = True) -> "CompletedProcess[str]":
        """Run a command as root; with `check`, a failure raises RuntimeError."""
        raise NotImplementedError

    def path(self, path: str) -> Path:
        """Return a file of the system, as this side sees it."""
        raise NotImplementedError

    def output(self, *command: str) -> str:
        """Return what a command printed, without white space around it."""
        return self.run(*command).stdout.strip()

    def main_pid(self, unit: str) -> int:
        """Return the pid of a unit's main process there; 0 if there is none."""
        return int(self.output("systemctl", "show", "--value", "--property=MainPID", unit))

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of root's, with the directories above it."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """Return entries of the journal that match; all that was sent is waited for."""
        self.run("journalctl", "--sync")
        text = self.run("journalctl", "--quiet", "--output=json", "--all", *matches).stdout
        return [json.loads(line) for line in text.splitlines()]


def checked(done: "CompletedProcess[str]", *, check: bool) -> "CompletedProcess[str]":
    """Return what a command did; with `check`, raise RuntimeError where it failed."""
    if check and done.returncode:
        said = f"{done.stdout}{done.stderr}"
        raise RuntimeError(f"Failed to run {done.args}: status {done.returncode}\n{said}")
    return done
