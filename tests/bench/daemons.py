# SPDX-License-Identifier: Apache-2.0
"""This project's daemon and tracer, from the checkout, as tracers of a comparison.

Owns the configurations that are compared: sinks, engines, rules. Where the journal is a sink, a
journald of the benchmark's own runs beside the daemon, in a mount namespace of its own which the
daemon enters, and its CPU time is told apart.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.config.toml_text import show_value
from tests.bench.measure import Cgroup
from tests.bench.mixed_rules import mixed_rules
from tests.bench.tracers import ROOT, SYSTEM_PYTHON, Command, Log, Unusable
from tests.journald import Journald

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.delivery import Reading

COMMAND = [SYSTEM_PYTHON, "-m", "execaudit"]
NEEDLE = b'"type":"exec"'
JOURNAL_NEEDLE = b'"EXECAUDIT_TYPE":"exec"'
JOURNAL_FIELDS = "--output-fields=EXECAUDIT_TYPE,EXECAUDIT_ARGV,EXECAUDIT_COUNT"
FILE, JOURNAL, BOTH = ("file",), ("journal",), ("file", "journal")
MANY_RULES = 1000
SYNC_POLL_S = 0.05
SYNC_LIMIT_S = 60
_CGROUP_SUFFIX = "journald"


class _FromCheckout(Command):
    """What tells its version as this project does."""

    tells_losses = True

    def version(self) -> str:
        """Ask execaudit."""
        command = [SYSTEM_PYTHON, "-c", "import execaudit; print(execaudit.__version__)"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unusable((done.stderr.strip().splitlines() or ["does not start"])[-1])
        return done.stdout.strip()


class Trace(_FromCheckout):
    """`execaudit trace`, which has neither rules nor redaction."""

    def __init__(self, name: str = "execaudit trace", *options: str) -> None:
        super().__init__(name, [*COMMAND, "trace", "--json", *options], needle=NEEDLE)


class Daemon(_FromCheckout):
    """`execaudit daemon` with its default configuration, except for what is given.

    Rotation is put off, as it is for the peers.
    """

    def __init__(
        self,
        name: str,
        sinks: tuple[str, ...] = FILE,
        *,
        engine: str = "libbpf",
        rules: int = 0,
        failures: str = "collapsed",
        root: Path = ROOT,
    ) -> None:
        super().__init__(name, [], needle=NEEDLE, root=root)
        self._sinks = sinks
        self._rules = rules
        self._capture = {"engine": engine, "failures": failures}
        self._directory = Path()
        self._journald: Journald | None = None
        self._journal_cgroup: Cgroup | None = None
        self._is_stopped = False
        self._journal_bytes = 0

    def prepare(self, scratch: Path) -> None:
        """Write the configuration; start a journald."""
        self._directory = scratch
        self._is_stopped = False
        config = scratch / "execaudit.toml"
        config.write_text(self._configuration())
        if self._rules:
            (scratch / "rules.d").mkdir()
            (scratch / "rules.d" / "bench.toml").write_text(rules_text(self._rules))
        self._command = [*COMMAND, "daemon", "--config", str(config)]
        if "journal" in self._sinks:
            self._journal_cgroup = Cgroup(_CGROUP_SUFFIX)
            self.helpers = (self._journal_cgroup,)
            with self._journal_cgroup.joined():
                self._journald = Journald()
                self._journald.start()
            self._command = self._journald.entering(self.root, self._command)

    def _configuration(self) -> str:
        log = self._directory / "log"
        log.mkdir(mode=0o750)
        sections: dict[str, dict[str, object]] = {
            "capture": dict(self._capture),
            "file": {
                "enabled": "file" in self._sinks,
                "path": str(log / "execaudit.jsonl"),
                "max_file_bytes": "100G",
                "keep_bytes": 0,
            },
            "journal": {"enabled": "journal" in self._sinks},
            "status": {"path": str(self._directory / "status.json")},
        }
        return "".join(
            f"[{name}]\n" + "".join(f"{key} = {show_value(value)}\n" for key, value in keys.items())
            for name, keys in sections.items()
        )

    @contextlib.contextmanager
    def followed(self) -> Iterator[Log]:
        """Follow the file; the journal, where that is the only sink."""
        if "file" in self._sinks:
            yield self.logs()[0]
            return
        assert self._journald
        path = self._directory / "followed"
        command = ["journalctl", "--follow", "--lines=all", "-o", "json", JOURNAL_FIELDS]
        with path.open("wb") as output:
            follower = subprocess.Popen(self._journald.inside(*command), stdout=output)
            try:
                yield Log(path, JOURNAL_NEEDLE)
            finally:
                follower.terminate()
                follower.wait()

    def logs(self) -> list[Log]:
        """Give the file, and what is in the journal when the daemon has stopped."""
        logs = []
        if "file" in self._sinks:
            logs.append(Log(self._directory / "log" / "execaudit.jsonl", NEEDLE))
        if "journal" in self._sinks and self._is_stopped:
            logs.append(Log(self._directory / "journal", JOURNAL_NEEDLE, is_store=False))
        return logs

    def stop(self) -> int | None:
        """Stop it, then take out what the journal holds."""
        if self._process is None:
            return None
        self.end(signal.SIGTERM)
        self._is_stopped = True
        if self._journald:
            text = ["journalctl", "-o", "json", "--all", "--no-pager", JOURNAL_FIELDS]
            self._journald.run("true")  # all that was sent is in
            self._journal_bytes = self._journald.stored_bytes()
            with (self._directory / "journal").open("wb") as output:
                subprocess.run(self._journald.inside(*text), check=True, stdout=output)
        return None

    def stored_bytes_per_event(self, readings: Sequence[Reading]) -> float:
        """Give the journal's share, by all its events: its files grow in steps of megabytes."""
        if "journal" not in self._sinks or not readings or not readings[-1].events:
            return 0.0
        return self._journal_bytes / readings[-1].events

    def clean(self) -> None:
        """End journald."""
        if self._journald:
            self._journald.close()
            self._journald = None
        if self._journal_cgroup:
            self._journal_cgroup.remove()
            self._journal_cgroup = None
        self.helpers = ()


def rules_text(count: int) -> str:
    """Rules of mixed kinds as a file of rules.d."""
    return "".join(
        "[[rule]]\n" + "".join(f"{key} = {show_value(value)}\n" for key, value in rule.items())
        for rule in mixed_rules(count)
    )


def daemons_of(checkout: Path) -> list[Daemon]:
    """List the daemon's configurations with another checkout, whose object has to be built."""
    name = checkout.resolve().name
    return [
        Daemon(f"{name}: file", root=checkout),
        Daemon(f"{name}: journal", JOURNAL, root=checkout),
        Daemon(f"{name}: file, {MANY_RULES:,} rules", rules=MANY_RULES, root=checkout),
    ]


def daemons(*, every: bool = False) -> list[Daemon]:
    """List the daemon's configurations: one thing changed at a time, or `every` combination."""
    names = {FILE: "file", JOURNAL: "journal", BOTH: "file + journal"}
    if every:
        return [
            Daemon(_name(names[sinks], engine, rules), sinks, engine=engine, rules=rules)
            for sinks in names
            for engine in ("libbpf", "bcc")
            for rules in (0, MANY_RULES)
        ]
    return [
        *(Daemon(_name(name), sinks) for sinks, name in names.items()),
        Daemon(_name("file", "bcc"), engine="bcc"),
        Daemon(_name("file", rules=MANY_RULES), rules=MANY_RULES),
        Daemon(_name("file + journal", rules=MANY_RULES), BOTH, rules=MANY_RULES),
    ]


def _name(sinks: str, engine: str = "libbpf", rules: int = 0) -> str:
    parts = [sinks, *(["bcc"] if engine == "bcc" else []), *([f"{rules} rules"] if rules else [])]
    return "execaudit: " + ", ".join(parts)
