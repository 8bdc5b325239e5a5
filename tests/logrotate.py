# SPDX-License-Identifier: Apache-2.0
"""Debian's logrotate, run on one log with a configuration and a state of its own."""

import shutil
import subprocess
from pathlib import Path

FOUND = shutil.which("logrotate", path="/usr/sbin:/usr/bin")


class Logrotate:
    """Rotates one log at each call."""

    def __init__(self, log: Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._log = log
        self._folder = folder

    def move(self, pid: int = 0, *, is_compressing: bool = False) -> None:
        """Rename it, and send SIGUSR1 to `pid` if there is one."""
        script = f"postrotate\nkill -USR1 {pid}\nendscript\n" if pid else ""
        self._run(f"nocreate\n{'compress' if is_compressing else 'nocompress'}\n{script}")

    def copy_and_truncate(self) -> None:
        """Copy it, then empty it."""
        self._run("copytruncate\n")

    def _run(self, settings: str) -> None:
        assert FOUND
        config = self._folder / "logrotate.conf"
        config.write_text(f'"{self._log}" {{\nsu root root\nrotate 10000\n{settings}}}\n')
        config.chmod(0o600)
        command = [FOUND, "--force", "--state", str(self._folder / "state"), str(config)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
