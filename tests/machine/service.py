# SPDX-License-Identifier: Apache-2.0
"""execaudit installed in a container from its package, and used as an administrator uses it.

Owns the ways of asking it something and of knowing that all before has been written. The container
sees the execs of the whole machine: what a test looks for carries a marker of its own.
"""

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.machine.container import Container

UNIT = "execaudit.service"
DROP_INS = "/usr/share/execaudit/drop-ins"
LOG = "/var/log/execaudit/execaudit.jsonl"
RULES = "/etc/execaudit/rules.d/10-test.toml"
CONFIG = "/etc/execaudit/conf.d/50-test.toml"
_DEADLINE_S = 60.0
_LOOK_S = 0.02

Record = dict[str, Any]


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that tells nobody when it happens."""
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"deadline passed, waiting for {what}"
        time.sleep(_LOOK_S)


class Service:
    """The service in one container. Installing it starts nothing."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.run = container.run
        self.output = container.output

    def install(self, package: Path, *options: str) -> None:
        """Install the package with dpkg; `options` are dpkg's."""
        inside = f"/var/tmp/{package.name}"
        self.container.copy(package, inside)
        self.run("dpkg", *options, "--install", inside)

    def configure(self, text: str = "", rules: str = "") -> None:
        """Write a drop-in of the configuration, and rules; nobody is told."""
        self.container.write(CONFIG, text, mode=0o644)
        self.container.write(RULES, rules, mode=0o644)

    def drop_in(self, text: str, name: str = "test") -> None:
        """Add a drop-in to the unit."""
        self.container.write(f"/etc/systemd/system/{UNIT}.d/{name}.conf", text)
        self.run("systemctl", "daemon-reload")

    @contextlib.contextmanager
    def shipped_drop_in(self, name: str, *, restart: bool = True) -> Iterator[None]:
        """Restarted with a drop-in of the package as docs/systemd.md says; it is gone after."""
        unit, config = f"/etc/systemd/system/{UNIT}.d", "/etc/execaudit/conf.d"
        self.run("mkdir", "-p", unit)
        self.run("ln", "-s", "-t", unit, f"{DROP_INS}/{name}.conf")
        if self.container.path(f"{DROP_INS}/{name}.toml").exists():
            self.run("ln", "-s", "-t", config, f"{DROP_INS}/{name}.toml")
        try:
            self.run("systemctl", "daemon-reload")
            if restart:
                self.run("systemctl", "restart", UNIT)
            yield
        finally:
            self.run("rm", "-f", f"{unit}/{name}.conf", f"{config}/{name}.toml")
            self.run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Enable and start it."""
        self.run("systemctl", "enable", "--quiet", "--now", UNIT)

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.output("systemctl", "show", "--value", f"--property={name}", UNIT)

    @property
    def pid(self) -> int:
        """Pid of the daemon in the container; 0 if it does not run."""
        return self.container.main_pid(UNIT)

    def status(self) -> Record:
        """What `execaudit status --json` prints."""
        status: Record = json.loads(self.output("execaudit", "status", "--json"))
        return status

    # -- execs ------------------------------------------------------------------------------

    def mark(self, *command: str) -> str:
        """Run `command`, or echo, with a word of its own as last argument; returns the word."""
        word = secrets.token_hex(12)
        self.run(*(command or ("/bin/echo",)), word)
        return word

    def records(self, containing: str = "") -> list[Record]:
        """Records of all generations of the log file, oldest first; each must be JSON.

        Only those whose line contains a text: there can be hundreds of thousands.
        """
        while True:
            names = self._generations()
            with contextlib.suppress(FileNotFoundError):  # one was rotated or compressed meanwhile
                # What ends without a line break is being written.
                lines = [line for path in names for line in path.read_bytes().split(b"\n")[:-1]]
                if self._generations() == names:
                    return [json.loads(line) for line in lines if containing.encode() in line]

    def _generations(self) -> list[Path]:
        live = self.container.path(LOG)
        rotated = sorted(path for path in live.parent.glob(f"{live.name}.*Z*"))
        return [*(path for path in rotated if path.suffix != ".gz"), *filter(Path.exists, [live])]

    def marked(self, word: str) -> list[Record]:
        """Records of execs with this word among their arguments, once there is one."""
        found: list[Record] = []

        def has_come() -> bool:
            named = [r for r in self.records(word) if word in r.get("argv", [])]
            found[:] = [r for r in named if r["comm"] != "nsenter"]  # this side of the container
            return bool(found)

        wait_until(has_come, f"'{word}' in {LOG}")
        return found

    def of_type(self, kind: str) -> list[Record]:
        """Records of one type."""
        return [r for r in self.records(f'"type":"{kind}"') if r["type"] == kind]

    def said(self, *matches: str) -> list[str]:
        """What the daemon and systemd said about the unit: no records."""
        entries = self.container.journal(f"--unit={UNIT}", *matches)
        return [e["MESSAGE"] for e in entries if "EXECAUDIT_TYPE" not in e]
