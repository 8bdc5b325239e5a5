# SPDX-License-Identifier: Apache-2.0
"""The very system that the tests run on, where that is a guest of their own.

Owns running commands and reading the journal there, as `container` does from outside. It must not
be used on a machine that is anybody's.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

_COMMAND_S = 300.0


class Local:
    """What `Service` needs of a system, with the same names as a container has."""

    name = "guest"

    def run(
        self, *command: str, check: bool = True, timeout_s: float = _COMMAND_S
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command; with `check`, a failure raises RuntimeError."""
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
        )
        if check and done.returncode:
            said = f"{done.stdout}{done.stderr}"
            raise RuntimeError(f"Failed to run {command}: status {done.returncode}\n{said}")
        return done

    def output(self, *command: str) -> str:
        """What a command printed, without white space around it."""
        return self.run(*command).stdout.strip()

    def path(self, path: str) -> Path:
        """A file of the system."""
        return Path(path)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of root's, with the directories above it."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """Entries of the journal that match; all that was sent is waited for."""
        self.run("journalctl", "--sync")
        text = self.run("journalctl", "--quiet", "--output=json", "--all", *matches).stdout
        return [json.loads(line) for line in text.splitlines()]

    def main_pid(self, unit: str) -> int:
        """Pid of a unit's main process; 0 if it does not run."""
        return int(self.output("systemctl", "show", "--value", "--property=MainPID", unit))
