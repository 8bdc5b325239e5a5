# SPDX-License-Identifier: Apache-2.0
"""The very system that the tests run on, where that is a guest of their own.

It must not be used on a machine that is anybody's.
"""

import subprocess
from pathlib import Path

from tests.machine.running import RunningSystem, checked

_COMMAND_S = 300.0


class Local(RunningSystem):
    """The guest."""

    name = "guest"

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command; with `check`, a failure raises RuntimeError."""
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_S,
        )
        return checked(done, check=check)

    def path(self, path: str) -> Path:
        """Return a file of the system."""
        return Path(path)
