# SPDX-License-Identifier: Apache-2.0
"""The tracers that are compared: how each is started, stopped, and where its events appear.

Owns the command lines. auditd, which is switched on by rules, has a module of its own (`audit`).
Measures nothing.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.measure import Cgroup

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
STOP_LIMIT_S = 60


class Unusable(Exception):  # noqa: N818 - a state of the peer, not an error of ours
    """This tracer cannot run here, and why."""


@dataclass(frozen=True, slots=True)
class Log:
    """A file a tracer writes. A line with `needle` in it is one exec."""

    path: Path
    needle: bytes = b""


class Tracer:
    """One tracer. The base class is the absence of any: it starts nothing and costs nothing."""

    name = "none"
    threads: tuple[int, ...] = ()  # kernel threads that work for it alone
    has_bpf = False

    def version(self) -> str:
        """Give its version; raise Unusable where it cannot run."""
        return ""

    def start(self, scratch: Path, cgroup: Cgroup) -> None:
        """Start it inside the cgroup, with its output in the scratch directory."""

    def logs(self) -> list[Log]:
        """List its output files; the first is where an event counts as delivered."""
        return []

    def ensure_running(self) -> None:
        """Raise Unusable, with its last words, when it has ended by itself."""

    def stop(self) -> int | None:
        """Stop it and give the number of events that it itself says it lost."""
        return None


class Command(Tracer):
    """A tracer that is one command writing to standard output."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        package: str = "",
        needle: bytes = b"",
        lost: bytes = rb"Lost (\d+) events$",
    ) -> None:
        self.name = name
        self.has_bpf = True
        self._command = command
        self._package = package
        self._needle = needle
        self._lost = re.compile(lost, re.MULTILINE)
        self._process: subprocess.Popen[bytes] | None = None
        self._output = self._errors = Path()

    def version(self) -> str:
        """Ask the package system: not every peer tells its own version rightly."""
        if not shutil.which(self._command[0]):
            raise Unusable(f"{self._command[0]} is not installed")
        return package_version(self._package)

    def start(self, scratch: Path, cgroup: Cgroup) -> None:
        """Start the command from the checkout."""
        self._output, self._errors = scratch / "events", scratch / "errors"
        with (
            self._output.open("wb") as output,
            self._errors.open("wb") as errors,
            cgroup.joined(),
        ):
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=ROOT
            )

    def logs(self) -> list[Log]:
        """Give its standard output."""
        return [Log(self._output, self._needle)]

    def ensure_running(self) -> None:
        """Raise Unusable when the command has ended."""
        if self._process and self._process.poll() is not None:
            raise Unusable(last_line(self._errors) or f"status {self._process.returncode}")

    def stop(self) -> int | None:
        """Interrupt it, as Ctrl-C does, and add up what it says of losses."""
        if self._process is None:
            return None
        end_process(self._process, signal.SIGINT)
        text = self._errors.read_bytes() + self._output.read_bytes()
        return sum(int(count) for count in self._lost.findall(text))


class Execaudit(Command):
    """This project, from the checkout."""

    def __init__(self, name: str, engine: str, *options: str) -> None:
        command = [SYSTEM_PYTHON, "-m", "execaudit", "trace", "--json", "--engine", engine]
        super().__init__(
            name,
            [*command, *options],
            needle=b'"type":"exec"',
            lost=rb"^execaudit: .* (\d+) lost",
        )

    def version(self) -> str:
        """Ask execaudit."""
        command = [SYSTEM_PYTHON, "-c", "import execaudit; print(execaudit.__version__)"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unusable((done.stderr.strip().splitlines() or ["does not start"])[-1])
        return done.stdout.strip()


def peers() -> list[Tracer]:
    """List no tracer and those of the others that trace by BPF."""
    return [
        Tracer(),
        Command("execsnoop (libbpf)", ["/usr/sbin/execsnoop"], package="libbpf-tools"),
        Command("execsnoop.bt", ["bpftrace", "/usr/sbin/execsnoop.bt"], package="bpftrace"),
    ]


def ours() -> list[Tracer]:
    """List execaudit with each engine, and with failed execs as well."""
    return [
        Execaudit("execaudit libbpf", "libbpf"),
        Execaudit("execaudit bcc", "bcc"),
        Execaudit("execaudit -x", "auto", "-x"),
    ]


def package_version(package: str) -> str:
    """Give the distro's version of an installed package."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"


def last_line(path: Path) -> str:
    """Give the last line of what a program said."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def end_process(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Ask a process to end and wait for it; kill it when it does not."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"bench: killing {process.args!r}, which did not stop", file=sys.stderr)
        process.kill()
        process.wait()
