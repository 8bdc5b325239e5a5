# SPDX-License-Identifier: Apache-2.0
"""The shippers under test, each with its receiver: what is put where, started how, read from where.

The files of packaging/shippers are copied as they are: the name in them, logs.example.com, leads to
the central host. Owns the commands of Debian's units, and what stands in for the service manager's
restarts. It must not judge what arrives.
"""

import json
import signal
import subprocess
from collections.abc import Mapping
from operator import ne
from pathlib import Path

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.requirements import CHECKOUT
from tests.journald import parse_export
from tests.shippers.hosts import Host

SHIPPED = CHECKOUT / "packaging" / "shippers"
ARRIVED = "/var/log/execaudit-hosts"
REMOTE_JOURNAL = "/var/log/journal/remote"
# Audit= is empty: "no" would switch off the kernel's auditing, which others may use.
_JOURNAL = """[Journal]
Storage=persistent
SystemMaxUse=2G
SystemMaxFileSize=16M
Audit=
ReadKMsg=no
ForwardToSyslog=no
RateLimitBurst=0
"""
RSYSLOG = ("rsyslogd", "-n", "-iNONE")
# The unit says Restart=always; here nobody reads units.
UPLOAD = (
    *("sh", "-c"),
    "while :; do /lib/systemd/systemd-journal-upload --save-state; sleep 0.2; done",
)
REMOTE = (
    *("/lib/systemd/systemd-journal-remote", "--listen-http=19532"),
    f"--output={REMOTE_JOURNAL}/",
)


def whole_lines(data: bytes) -> list[bytes]:
    """Return the lines of a file, without one that is being written."""
    return data[: data.rfind(b"\n") + 1].splitlines(True)


def is_json(line: bytes) -> bool:
    """Return True if a line is a JSON text."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def behind_half(line: bytes) -> bytes:
    """Return the whole record behind half a one, or the line where there is none."""
    at = 0
    while (at := line.find(b"{", at + 1)) >= 0:
        if is_json(line[at:]):
            return line[at:]
    return line


def leave_kernel_messages(host: Host) -> None:
    """They are the machine's, and can be read only once."""
    file = host.path("/etc/rsyslog.conf")
    file.write_text(file.read_text().replace('module(load="imklog")', "#"))


class Shipper:
    """A shipper on `host` and its receiver on `central`. Lines are what must arrive unchanged."""

    name: str
    kind = "rsyslog"
    files: Mapping[str, str]
    central_files: Mapping[str, str] = {
        "rsyslog/central/20-execaudit.conf": "/etc/rsyslog.d/20-execaudit.conf"
    }
    command: tuple[str, ...] = RSYSLOG
    receiver_command: tuple[str, ...] = RSYSLOG

    def __init__(self, central: Host, host: Host, daemon: Daemon) -> None:
        self.central = central
        self.host = host
        self.daemon = daemon
        self._running: subprocess.Popen[bytes] | None = None
        self._receiving: subprocess.Popen[bytes] | None = None
        self._kills = self._own_kills = 0
        for target, files in ((host, self.files), (central, self.central_files)):
            for source, path in files.items():
                target.put(SHIPPED / source, path)
        leave_kernel_messages(central)
        self.prepare()

    def prepare(self) -> None:
        """Do what else the host needs."""
        leave_kernel_messages(self.host)

    def start_receiver(self) -> None:
        self._receiving = self.central.start(*self.receiver_command)

    def kill_receiver(self) -> None:
        """Without a chance to say anything, as when its host goes down."""
        assert self._receiving
        self._kills += 1
        self.central.end(self._receiving, signal.SIGKILL)

    def start(self) -> None:
        self._running = self.host.start(*self.command)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the shipper: as the service manager does, or by SIGKILL."""
        assert self._running
        self._own_kills += number == signal.SIGKILL
        self.host.end(self._running, number)

    @property
    def most_torn(self) -> int:
        """How many records may have been changed: killed, rsyslog loses bytes of its disk queue."""
        return self._own_kills if self.kind == "rsyslog" else 0

    def written(self) -> list[bytes]:
        """What there is to ship."""
        return [line for data in self.daemon.contents() for line in whole_lines(data)]

    def arrived(self) -> list[bytes]:
        """All that has arrived; half a line that a killed receiver has left is taken away."""
        folder = self.central.path(ARRIVED)
        if not folder.exists():
            return []
        lines = [line for file in folder.iterdir() for line in whole_lines(file.read_bytes())]
        whole = [line if is_json(line) else behind_half(line) for line in lines]
        assert sum(map(ne, lines, whole)) <= self._kills
        return whole

    def has_arrived(self, mark: str) -> bool:
        return any(mark.encode() in line for line in self.arrived())

    def progress(self) -> object:
        """Something that changes when more has arrived."""
        folder = self.central.path(ARRIVED)
        return [f.stat().st_size for f in folder.iterdir()] if folder.exists() else []


class Rsyslog(Shipper):
    name = "rsyslog, file"
    files: Mapping[str, str] = {"rsyslog/30-execaudit.conf": "/etc/rsyslog.d/30-execaudit.conf"}


class SyslogNg(Shipper):
    name = "syslog-ng, file"
    kind = "syslog-ng"
    files: Mapping[str, str] = {"syslog-ng/execaudit.conf": "/etc/syslog-ng/conf.d/execaudit.conf"}
    command = ("syslog-ng", "-F", "--no-caps")

    def prepare(self) -> None:
        self.host.change("/etc/syslog-ng/syslog-ng.conf", "       system();\n", "")


class FromJournal(Shipper):
    """What reads the journal. A line is an entry's own fields, as JSON with sorted keys."""

    def prepare(self) -> None:
        super().prepare()
        self.start_journald()

    def start_journald(self) -> None:
        """Start the host's journal."""
        host = self.host
        folder = host.path("/etc/systemd/journald.conf.d")
        folder.mkdir()
        (folder / "tests.conf").write_text(_JOURNAL)
        host.path("/var/log/journal").mkdir(exist_ok=True)
        # Said by systemd-journal-flush.service once /var may be written to.
        host.path("/run/systemd/journal/flushed").touch()
        journald = host.start("/lib/systemd/systemd-journald")
        ready = host.path("/run/systemd/journal/io.systemd.journal")
        wait_until(ready.exists, lambda: f"journald ended with {journald.poll()}: {host.said()}")

    def written(self) -> list[bytes]:
        """All entries; there are as many as lines in the file, which has the same records."""
        found: list[bytes] = []

        def is_all() -> bool:
            found[:] = entries(self.host, "/var/log/journal")
            return len(found) == len(lines)

        def what() -> str:
            counts = self.daemon.call("status").stdout
            return f"{len(found)} entries, {len(lines)} lines; {counts}"

        lines = super().written()
        self.host.run("journalctl", "--sync")
        wait_until(is_all, what)
        return found


class AsJson(FromJournal):
    """What sends an entry as one JSON object."""

    def arrived(self) -> list[bytes]:
        found = (own_fields(json.loads(line)) for line in super().arrived())
        # Killed while it wrote to its queue on disk, rsyslog sends an entry without fields: lost.
        return [line for line in found if line != b"{}"]

    def has_arrived(self, mark: str) -> bool:
        return any(mark.encode() in line for line in super().arrived())


class RsyslogJournal(AsJson):
    name = "rsyslog, journal"
    files: Mapping[str, str] = {
        "rsyslog/30-execaudit-journal.conf": "/etc/rsyslog.d/30-execaudit-journal.conf"
    }


class SyslogNgJournal(AsJson):
    name = "syslog-ng, journal"
    kind = "syslog-ng"
    files: Mapping[str, str] = {
        "syslog-ng/execaudit-journal.conf": "/etc/syslog-ng/conf.d/execaudit.conf"
    }
    command = SyslogNg.command

    def prepare(self) -> None:
        SyslogNg.prepare(self)  # type: ignore[arg-type]
        self.start_journald()


class JournalUpload(FromJournal):
    name = "systemd-journal-upload"
    files: Mapping[str, str] = {
        "systemd-journal-upload/execaudit.conf": "/etc/systemd/journal-upload.conf.d/e.conf"
    }
    central_files: Mapping[str, str] = {
        "systemd-journal-upload/central/execaudit.conf": "/etc/systemd/journal-remote.conf.d/e.conf"
    }
    command = UPLOAD
    receiver_command = REMOTE

    def prepare(self) -> None:
        super().prepare()
        # What StateDirectory= and LogsDirectory= of the units make.
        self.host.path("/var/lib/systemd/journal-upload").mkdir()
        self.central.path(REMOTE_JOURNAL).mkdir(parents=True, exist_ok=True)

    def arrived(self) -> list[bytes]:
        return entries(self.central, REMOTE_JOURNAL)

    def has_arrived(self, mark: str) -> bool:
        query = ["journalctl", "-D", REMOTE_JOURNAL, "-q", "-n", "1", "-o", "cat"]
        command = self.central.command(*query, f"EXECAUDIT_COMM={mark}")
        return b"ran" in subprocess.run(command, capture_output=True, check=False).stdout

    def progress(self) -> object:
        query = ["journalctl", "-D", REMOTE_JOURNAL, "-q", "-n", "1", "-o", "cat"]
        command = self.central.command(*query, "--output-fields=EXECAUDIT_ID")
        return subprocess.run(command, capture_output=True, check=False).stdout


def own_fields(entry: Mapping[str, object]) -> bytes:
    """An entry without what journald and rsyslog add."""
    own = {k: v for k, v in entry.items() if k.startswith("EXECAUDIT_") or k == "MESSAGE"}
    # rsyslog's own name for what the journal calls MESSAGE.
    if "msg" in entry:
        own["MESSAGE"] = entry["msg"]
    return json.dumps(own, sort_keys=True).encode()


def entries(host: Host, directory: str) -> list[bytes]:
    """All of execaudit's entries in the journals below a directory."""
    command = ["journalctl", "-D", directory, "-q", "-o", "export", "SYSLOG_IDENTIFIER=execaudit"]
    exported = parse_export(host.run(*command))
    return [own_fields({k.decode(): v.decode() for k, v in one.items()}) for one in exported]


SHIPPERS: list[type[Shipper]] = [
    Rsyslog,
    RsyslogJournal,
    SyslogNg,
    SyslogNgJournal,
    JournalUpload,
]


def copy_of(program: Path, mark: str, place: Path) -> Path:
    """A program whose exec can be told from all others by its file name and comm."""
    copy = place / mark
    copy.write_bytes(program.read_bytes())
    copy.chmod(0o755)
    return copy
