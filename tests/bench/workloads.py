# SPDX-License-Identifier: Apache-2.0
"""The programs whose execs are traced: compiles them and runs them.

Owns what is executed, how often, and in what environment. Knows nothing of tracers. Every exec
carries the mark of its run, is numbered where we choose its arguments (`--run=MARK:INDEX`), and is
verified to have taken place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.bench import build_tree

SOURCES = Path(__file__).parent
OUTPUT = SOURCES.parent.parent / "build" / "bench"
SHARED_MEMORY = "/dev/shm"
SHORTER = 4
RAN = 42  # the exit status of tiny.c
# Tracers that read the environment do so at every exec: give them a usual one, always the same.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "en_US.UTF-8",
    "TERM": "xterm-256color",
    "MAIL": "/var/mail/root",
    "SSH_CONNECTION": "192.0.2.10 51234 192.0.2.20 22",
    "SSH_TTY": "/dev/pts/0",
    "XDG_RUNTIME_DIR": "/run/user/0",
    "XDG_SESSION_ID": "1",
}
# What each exec carries after the mark: in storm.c as literals, whose pages a forked child has not
# touched when it calls execve. A tracer that reads them at that moment finds nothing.
ARGUMENTS = (b"--output=json", b"--level=3", b"--retries=5", b"--jobs=2", b"-v", b"--input=/var/")
_PERIOD_S, _SERVICE_RATE = 10, 5
_CRON_S, _CRON_EXECS = 5.0, 20
_TYPED_S = (0.7, 2.9, 2.95, 6.2, 8.8)
SHELL_LOOP = """
i=0
while [ $i -lt "$1" ]; do
    /bin/true "--run=$BENCH_MARK:$i" --output=json --level=3 --retries=5 --jobs=2 -v \
        "--input=/var/lib/app/data/$i.json" || exit 1
    i=$((i + 1))
done
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """`count` execs, shared among so many processes that run at the same time.

    `per_second` paces them, 0 does not. `extra_bytes` of arguments follow the usual ones.
    """

    name: str
    kind: Literal["vfork", "fork", "shell"]
    count: int
    processes: int = 1
    per_second: int = 0
    extra_bytes: int = 0
    is_numbered = True

    def shortened(self) -> Workload:
        """Give a shorter one of the same kind, enough for a figure that hardly varies."""
        fewer = max(self.count // SHORTER, 25) // self.processes * self.processes
        return replace(self, count=min(self.count, fewer))

    def run(self, mark: str) -> int:
        """Execute it and give the nanoseconds it took; raise if one exec did not take place."""
        environment = {**ENVIRONMENT, "BENCH_MARK": mark}
        if self.kind == "shell":
            return _timed(["/bin/sh", "-c", SHELL_LOOP, "sh", str(self.count)], environment)
        share = self.count // self.processes
        command = [str(OUTPUT / "storm"), str(share), self.kind, str(OUTPUT / "tiny")]
        pace = [str(self.per_second), str(self.extra_bytes)]
        with contextlib.ExitStack() as stack:
            storms = [
                stack.enter_context(
                    subprocess.Popen(
                        [*command, str(at * share), *pace], env=environment, stdout=subprocess.PIPE
                    )
                )
                for at in range(self.processes)
            ]
            took = [int(storm.communicate()[0] or 0) for storm in storms]
        if any(storm.returncode for storm in storms):
            raise RuntimeError(f"the {self.name} did not make all its execs")
        return max(took)


@dataclass(frozen=True, slots=True)
class Build:
    """make and gcc on a program of so many files, on all processors."""

    files: int
    name = "build"
    is_numbered = False

    def shortened(self) -> Build:
        """Give a smaller one."""
        return Build(max(self.files // SHORTER, 1))

    @property
    def count(self) -> int:
        """Execs of one build; those that search along PATH without success not counted."""
        return build_tree.execs(self.files)

    def run(self, mark: str) -> int:
        """Build once and give the nanoseconds it took."""
        with tempfile.TemporaryDirectory(prefix="execaudit-", dir=SHARED_MEMORY) as scratch:
            directory = Path(scratch) / f"build-{mark}"
            build_tree.write_tree(directory, self.files)
            jobs = f"-j{os.cpu_count() or 1}"
            command = ["/usr/bin/make", "-f", str(directory / "Makefile"), jobs]
            return _timed(command, ENVIRONMENT)


@dataclass(frozen=True, slots=True)
class OrdinaryServer:
    """So many ten seconds of a server: a service, cron, and somebody who types commands.

    The service executes 5 programs a second. Cron begins 20 one after the other; the commands come
    now and then, some as a pipe.
    """

    periods: int
    name = "ordinary server"
    is_numbered = True

    def shortened(self) -> OrdinaryServer:
        """Give one period."""
        return OrdinaryServer(1)

    @property
    def count(self) -> int:
        """Execs of all periods."""
        return self.periods * (_SERVICE_RATE * _PERIOD_S + _CRON_EXECS + len(_TYPED_S))

    def run(self, mark: str) -> int:
        """Be such a server and give the nanoseconds it took."""
        environment = {**ENVIRONMENT, "BENCH_MARK": mark}

        def start(count: int, first: int, pace: int = 0) -> subprocess.Popen[bytes]:
            command = [str(OUTPUT / "storm"), str(count), "fork", str(OUTPUT / "tiny")]
            command += [str(first), str(pace)]
            return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

        started_s = time.monotonic()
        at = self.periods * _SERVICE_RATE * _PERIOD_S
        storms = [start(at, 0, _SERVICE_RATE)]
        for period in range(self.periods):
            for due_s in sorted((*_TYPED_S, _CRON_S)):
                left_s = started_s + period * _PERIOD_S + due_s - time.monotonic()
                time.sleep(max(left_s, 0))
                if due_s == _CRON_S:
                    storms.append(start(_CRON_EXECS, at))
                    at += _CRON_EXECS
                else:
                    probe(mark, at)
                    at += 1
        if any(storm.wait() for storm in storms):
            raise RuntimeError(f"the {self.name} did not make all its execs")
        return int((time.monotonic() - started_s) * 1e9)


AnyWorkload = Workload | Build | OrdinaryServer


def _timed(command: list[str], environment: dict[str, str]) -> int:
    started = time.monotonic_ns()
    subprocess.run(command, env=environment, check=True)
    return time.monotonic_ns() - started


def all_workloads(*, quick: bool) -> list[AnyWorkload]:
    """Give what a comparison runs: from exec almost alone to work in which execs are rare."""
    cpus = os.cpu_count() or 1
    burst = 10_000 if quick else 100_000
    return [
        Workload("vfork storm", "vfork", 3000 if quick else 10_000),
        Workload("fork storm", "fork", 2000 if quick else 6000),
        Workload("shell loop", "shell", 400 if quick else 2000),
        Build(6 if quick else 24),
        Workload("trickle", "vfork", 25 if quick else 250, per_second=50),
        OrdinaryServer(1 if quick else 3),
        # As many as the machine can make: what happens to a tracer that is given no CPU to spare.
        Workload("burst", "vfork", burst // cpus * cpus, cpus),
    ]


def recorded_workloads(*, quick: bool) -> list[AnyWorkload]:
    """Give what is recorded to be replayed: few places, one, and a new one with each program."""
    return [
        Workload("vfork storm", "vfork", 5000 if quick else 50_000),
        Workload("shell loop", "shell", 1000 if quick else 10_000),
        Build(6 if quick else 100),
    ]


def absorbed_burst(*, quick: bool) -> Workload:
    """Give a burst larger than what a tracer buffers by itself."""
    return Workload("burst while stopped", "vfork", 6000 if quick else 20_000)


def build() -> None:
    """Compile what is missing or older than its source, to build/bench/."""
    compiler = shutil.which("gcc") or "cc"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for source in sorted(SOURCES.glob("*.c")):
        program = OUTPUT / source.stem
        if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
            continue
        command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source)]
        if source.stem == "tiny":
            command += ["-static", "-nostdlib"]
        subprocess.run(command, check=True)


def probe(mark: str, index: int) -> None:
    """Execute one marked program and wait for its end."""
    tiny = str(OUTPUT / "tiny")
    pid = os.posix_spawn(tiny, [tiny, f"--run={mark}:{index}"], ENVIRONMENT)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != RAN:
        raise RuntimeError(f"Failed to execute '{tiny}': status {status}")


def system_call_ns(*, quick: bool) -> float:
    """Measure what a system call other than exec takes, in nanoseconds, on the last CPU."""
    cpu = max(os.sched_getaffinity(0))
    command = [str(OUTPUT / "sysloop"), "50000", "20" if quick else "80", str(cpu)]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)
