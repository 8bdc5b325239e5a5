# SPDX-License-Identifier: Apache-2.0
"""Debian's logrotate, run on one log with a configuration and a state of its own."""

import re
import shutil
import subprocess
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "packaging/examples/logrotate"
FOUND = shutil.which("logrotate", path="/usr/sbin:/usr/bin")


class Logrotate:
    """Rotates one log at each call.

    Attributes:
        is_compressing: compress what is rotated. A log keeps to one way: after a change of this
            setting logrotate writes over files of the time before.

    """

    def __init__(self, log: Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._log = log
        self._folder = folder
        self.is_compressing = False

    def move(self, pid: int = 0) -> None:
        """Rename it, and send SIGUSR1 to `pid` if there is one."""
        script = f"postrotate\nkill -USR1 {pid}\nendscript\n" if pid else ""
        self._run(f"nocreate\n{self._compression()}{script}")

    def copy_and_truncate(self) -> None:
        """Copy it, then empty it."""
        self._run(f"copytruncate\n{self._compression()}")

    def _compression(self) -> str:
        return "compress\n" if self.is_compressing else "nocompress\n"

    def follow_example(self, pid: int) -> None:
        """Rotate as the example of the package does, but for its user and its service manager."""
        block = re.sub(r"^#.*\n", "", EXAMPLE.read_text(), flags=re.MULTILINE)
        settings = block[block.index("{") + 1 : block.rindex("}")]
        settings = re.sub(r"su .*", "su root root", settings)
        self._run(re.sub(r"systemctl kill .*", f"kill -USR1 {pid}", settings))

    def _run(self, settings: str) -> None:
        assert FOUND
        config = self._folder / "logrotate.conf"
        config.write_text(f'"{self._log}" {{\nsu root root\nrotate 10000\n{settings}}}\n')
        config.chmod(0o600)
        command = [FOUND, "--force", "--state", str(self._folder / "state"), str(config)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
