# SPDX-License-Identifier: Apache-2.0
"""The tracers that are compared: how each is started, stopped, and where its events appear.

Owns the command lines. auditd, which is switched on by rules, and this project's daemon have
modules of their own (`audit`, `daemons`). Measures nothing.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.delivery import Reading
    from tests.bench.measure import Cgroup

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
KPROBES = Path("/sys/bus/event_source/devices/kprobe")
STOP_LIMIT_S = 60


class Unusable(Exception):  # noqa: N818 - a state of the peer, not an error of ours
    """This tracer cannot run here, and why."""


@dataclass(frozen=True, slots=True)
class Log:
    """A file a tracer writes. A line with `needle` in it is one exec.

    `is_store` is false for what was read out of a store of another form: its size says nothing.
    """

    path: Path
    needle: bytes = b""
    is_store: bool = True


class Tracer:
    """One tracer. The base class is the absence of any: it starts nothing and costs nothing."""

    name = "none"
    is_tracing = False
    has_bpf = False
    tells_losses = False  # in its output
    threads: tuple[int, ...] = ()  # kernel threads that work for it alone
    helpers: tuple[Cgroup, ...] = ()  # of other processes that do

    def version(self) -> str:
        """Give its version; raise Unusable where it cannot run."""
        return ""

    def prepare(self, scratch: Path) -> None:
        """Do what is not part of its start."""

    def start(self, scratch: Path, cgroup: Cgroup) -> None:
        """Start it inside the cgroup, with its output in the scratch directory."""

    def logs(self) -> list[Log]:
        """List its outputs as files; of several each is to hold every event."""
        return []

    @contextlib.contextmanager
    def followed(self) -> Iterator[Log]:
        """Give a file that grows while it runs, in which an event counts as delivered."""
        yield self.logs()[0]

    def ensure_running(self) -> None:
        """Raise Unusable, with its last words, when it has ended by itself."""

    def stop(self) -> int | None:
        """Stop it and give the number of events that it itself says it lost."""
        return None

    def stored_bytes_per_event(self, readings: Sequence[Reading]) -> float:  # noqa: ARG002
        """Give what an event takes in a store that is not among the logs."""
        return 0.0

    def clean(self) -> None:
        """Remove what `prepare` made."""


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
        root: Path = ROOT,
    ) -> None:
        self.name = name
        self.root = root
        self.is_tracing = self.has_bpf = True
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
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=self.root
            )

    def logs(self) -> list[Log]:
        """Give its standard output."""
        return [Log(self._output, self._needle)]

    def ensure_running(self) -> None:
        """Raise Unusable when the command has ended."""
        if self._process and self._process.poll() is not None:
            raise Unusable(last_line(self._errors) or f"status {self._process.returncode}")

    def end(self, how: signal.Signals) -> None:
        """End the process, if there is one."""
        if self._process:
            end_process(self._process, how)
            self._process = None

    def stop(self) -> int | None:
        """Interrupt it, as Ctrl-C does, and add up what it says of losses."""
        if self._process is None:
            return None
        self.end(signal.SIGINT)
        text = self._errors.read_bytes() + self._output.read_bytes()
        return sum(int(count) for count in self._lost.findall(text))


class KprobeCommand(Command):
    """One that attaches by kprobes."""

    def version(self) -> str:
        """Find out whether the kernel has them."""
        if not KPROBES.exists():
            raise Unusable("the kernel has no kprobes")
        return super().version()


def peers() -> list[Tracer]:
    """List no tracer and those of the others that trace by BPF, as they are without options."""
    return [
        Tracer(),
        Command("execsnoop (libbpf)", ["/usr/sbin/execsnoop"], package="libbpf-tools"),
        KprobeCommand("execsnoop (BCC)", ["/usr/sbin/execsnoop-bpfcc"], package="bpfcc-tools"),
        Command("execsnoop.bt", ["bpftrace", "/usr/sbin/execsnoop.bt"], package="bpftrace"),
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
