# SPDX-License-Identifier: Apache-2.0
"""Execs of all kinds, for tests that compare two accounts of the same execs."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.integration.surroundings import (
    CLONE_NEWNS,
    CLONE_NEWPID,
    become_user,
    enter_terminal,
    lift_stack_limit,
    unshare,
)
from tests.integration.tracing import Tracer


@contextmanager
def storm(programs: Path) -> Iterator[None]:
    """Run execs without an end, by `storm` of these programs."""
    argv = [str(programs / "storm"), "100000000", "vfork", str(programs / "tiny")]
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.kill()
        running.wait()


def run_workload(tracer: Tracer, programs: Path, place: Path) -> set[int]:
    """Execs of all kinds. Returns the pids of the children."""
    execute, selfdump = str(programs / "execute"), str(programs / "selfdump")
    script = place / "script"
    script.write_text(f"#!{selfdump}\n")
    copy = place / "privileged"
    shutil.copy(selfdump, copy)
    for path, mode in ((script, 0o755), (copy, 0o4755)):
        path.chmod(mode)
    doomed = shutil.copy(selfdump, place / "doomed")
    stranger = partial(become_user, 54321, 54321)
    ways = ["execve", "execveat-empty", "memfd", "thread", "fork", "vfork"]
    children = [
        *(tracer.run([execute, way, selfdump, "s", "", "ü\n"]) for way in ways),
        tracer.run([execute, "deleted", str(doomed), "s"]),
        tracer.run([str(script), "x"]),
        tracer.run([str(copy)], setup=stranger),
        tracer.run([selfdump], setup=enter_terminal),
        tracer.run([execute, "fork", selfdump], setup=partial(unshare, CLONE_NEWPID)),
        tracer.run([selfdump], setup=partial(unshare, CLONE_NEWNS)),
        tracer.run([b"\xff", *[b"%d" % i for i in range(40_000)]], file=selfdump),
        tracer.run([b"x", *[b"y" * 100_000] * 15], file=selfdump, setup=lift_stack_limit),
        tracer.run([selfdump], env={f"V{i}": "v" * 500 for i in range(50)} | {"LD_AUDIT": "a"}),
        *(tracer.run([execute, way, "/no/file", "x", "\n"]) for way in ("execve", "execveat-cwd")),
        tracer.run([execute, "unreadable-arguments", "/no/file"]),
        tracer.run([execute, "execve", "/no/file", *(["many"] * 1000)]),
        tracer.run([str(programs / "threads"), "4", "together", "7"]),
    ]
    return {child.pid for child in children}
