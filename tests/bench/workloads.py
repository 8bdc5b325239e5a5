# SPDX-License-Identifier: Apache-2.0
"""The programs whose execs are traced: compiles them and runs them.

Owns what is executed, how often, and in what environment. Knows nothing of tracers. Every exec
carries `--run=MARK:INDEX` as its first argument and is verified to have taken place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SOURCES = Path(__file__).parent
OUTPUT = SOURCES.parent.parent / "build" / "bench"
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
    """One storm: `count` execs, shared among so many processes that run at the same time."""

    name: str
    kind: Literal["vfork", "fork", "shell"]
    count: int
    processes: int = 1

    def run(self, mark: str) -> int:
        """Execute it and give the nanoseconds it took; raise if one exec did not take place."""
        environment = {**ENVIRONMENT, "BENCH_MARK": mark}
        if self.kind == "shell":
            command = ["/bin/sh", "-c", SHELL_LOOP, "sh", str(self.count)]
            started = time.monotonic_ns()
            subprocess.run(command, env=environment, check=True)
            return time.monotonic_ns() - started
        share = self.count // self.processes
        command = [str(OUTPUT / "storm"), str(share), self.kind, str(OUTPUT / "tiny")]
        with contextlib.ExitStack() as stack:
            storms = [
                stack.enter_context(
                    subprocess.Popen(
                        [*command, str(at * share)], env=environment, stdout=subprocess.PIPE
                    )
                )
                for at in range(self.processes)
            ]
            took = [int(storm.communicate()[0] or 0) for storm in storms]
        if any(storm.returncode for storm in storms):
            raise RuntimeError(f"the {self.name} did not make all its execs")
        return max(took)


def storms(*, quick: bool) -> list[Workload]:
    """Give the storms of a run: exec almost alone, with a fork's page tables, as shells do it."""
    cpus = os.cpu_count() or 1
    count = 4000 if quick else 20000
    return [
        Workload("vfork storm", "vfork", 3000 if quick else 10000),
        Workload("fork storm", "fork", 2000 if quick else 6000),
        # As many as the machine can make: what happens to a tracer that is given no CPU to spare.
        Workload(f"vfork storm on {cpus} CPUs", "vfork", count // cpus * cpus, cpus),
        Workload("shell loop", "shell", 500 if quick else 2000),
    ]


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
