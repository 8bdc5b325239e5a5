# SPDX-License-Identifier: Apache-2.0
"""A real journald of the tests' own, beside whatever the machine runs.

Owns a mount and a network namespace with an empty /run, the journald in them, and asking it with
journalctl. Nothing of the machine's journal is read or written.
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DAEMON = "/usr/lib/systemd/systemd-journald"
CATALOG = Path(__file__).resolve().parents[1] / "systemd" / "execaudit.catalog"
# Audit= is empty: "no" would switch off the kernel's auditing, which others may use.
_CONFIGURATION = """[Journal]
Storage=volatile
RuntimeMaxUse=1G
RuntimeMaxFileSize=1G
Audit=
ReadKMsg=no
ForwardToSyslog=no
ForwardToWall=no
RateLimitIntervalSec=0
RateLimitBurst=0
"""
# As systemd sets it when it boots: how many datagrams wait for journald. The kernel's own is 10.
_PREPARE = """
mount -t tmpfs -o size=1G tmpfs /run
mkdir -p /run/systemd/journal /run/log
cat > /run/journald.conf
mount --bind /run/journald.conf /etc/systemd/journald.conf
mount -t tmpfs tmpfs /usr/lib/systemd/catalog
mount -t tmpfs tmpfs /var/lib/systemd/catalog
cat "$0" > /usr/lib/systemd/catalog/execaudit.catalog
journalctl --update-catalog
echo 512 > /proc/sys/net/unix/max_dgram_qlen
echo ready
exec sleep infinity
"""


class Journald:
    """journald in a place of its own."""

    def __init__(self) -> None:
        self._place = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec", _PREPARE,
             str(CATALOG)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._place.stdin
        assert self._place.stdout
        self._place.stdin.write(_CONFIGURATION.encode())
        self._place.stdin.close()
        assert self._place.stdout.readline() == b"ready\n"
        self._daemon: subprocess.Popen[bytes] | None = None
        self.socket_path = f"/proc/{self._place.pid}/root/run/systemd/journal/socket"

    def inside(self, *command: str) -> list[str]:
        """The command line of a program that runs in its place."""
        pid = str(self._place.pid)
        return ["nsenter", "--target", pid, "--mount", "--net", "--", *command]

    def start(self) -> None:
        """Start it; it is ready when this returns."""
        self._daemon = subprocess.Popen(self.inside(DAEMON))
        while not self._is_listening():
            assert self._daemon.poll() is None, "journald did not start"
            os.sched_yield()

    def _is_listening(self) -> bool:
        """Return True if it takes connections: its last socket is there a moment before it does."""
        with socket.socket(socket.AF_UNIX) as control:
            path = Path(self.socket_path).with_name("io.systemd.journal")
            return control.connect_ex(str(path)) == 0

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._daemon
        self._daemon.send_signal(number)
        if number == signal.SIGSTOP:
            while not self._state().startswith("T"):
                os.sched_yield()

    def _state(self) -> str:
        assert self._daemon
        stat = Path(f"/proc/{self._daemon.pid}/stat").read_text()
        return stat.rpartition(") ")[2]

    def kill(self) -> None:
        """End it at once, its socket and all."""
        assert self._daemon
        self._daemon.kill()
        self._daemon.wait()
        self._daemon = None
        runtime = Path(self.socket_path).parent
        for name in ("socket", "io.systemd.journal"):
            (runtime / name).unlink(missing_ok=True)

    def query(self, *matches: str) -> list[dict[str, Any]]:
        """Entries that match, as journalctl shows them in JSON; all that was sent is waited for."""
        text = self.run("journalctl", "-o", "json", "--all", "--no-pager", *matches)
        return [json.loads(line) for line in text.splitlines()]

    def export(self, *matches: str) -> list[dict[bytes, bytes]]:
        """The same in journalctl's export format: every byte as it was sent."""
        return parse_export(self.run_raw("journalctl", "-o", "export", "--no-pager", *matches))

    def run(self, *command: str) -> str:
        """Run a program beside journald, after it has taken in all that was sent."""
        return self.run_raw(*command).decode()

    def run_raw(self, *command: str) -> bytes:
        """The same; its output as bytes."""
        subprocess.run(self.inside("journalctl", "--sync"), check=True)
        done = subprocess.run(self.inside(*command), check=True, stdout=subprocess.PIPE)
        return done.stdout

    def entering(self, directory: Path, command: list[str]) -> list[str]:
        """The command line of a program for which this is the system's journal.

        It stays in the network namespace of others and starts in `directory`.
        """
        pid = str(self._place.pid)
        enter = ["nsenter", "--target", pid, "--mount", "--", "env", f"--chdir={directory}"]
        return [*enter, *command]

    def stored_bytes(self) -> int:
        """What the journal's files take."""
        files = Path(f"/proc/{self._place.pid}/root/run/log/journal").rglob("*.journal")
        return sum(file.stat().st_blocks * 512 for file in files)

    def cpu_us(self) -> float:
        """CPU time that it has used so far."""
        assert self._daemon
        text = Path(f"/proc/{self._daemon.pid}/schedstat").read_text()
        return int(text.split()[0]) / 1000

    def close(self) -> None:
        """End everything."""
        if self._daemon:
            self._daemon.send_signal(signal.SIGCONT)
            self._daemon.terminate()
            self._daemon.wait()
        self._place.kill()
        self._place.wait()
        if self._place.stdout:
            self._place.stdout.close()


def read_field(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Name and value of the field at `at`, and where the next begins.

    Of an entry as it is sent (systemd's "Native Journal Protocol") or exported. An empty name ends
    an exported entry.
    """
    end = data.index(b"\n", at)
    name, equals, value = data[at:end].partition(b"=")
    if name and not equals:
        size = int.from_bytes(data[end + 1 : end + 9], "little")
        begin, end = end + 9, end + 9 + size
        value = data[begin:end]
        assert data[end : end + 1] == b"\n"
    return name, value, end + 1


def parse_export(data: bytes) -> list[dict[bytes, bytes]]:
    """Entries in journalctl's export format. Of a field that comes twice, the last."""
    entries: list[dict[bytes, bytes]] = []
    fields: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        name, value, at = read_field(data, at)
        if name:
            fields[name] = value
        else:
            entries.append(fields)
            fields = {}
    return entries


@contextmanager
def running_journald() -> Iterator[Journald]:
    """A journald that runs until the end of the block."""
    journald = Journald()
    try:
        journald.start()
        yield journald
    finally:
        journald.close()
