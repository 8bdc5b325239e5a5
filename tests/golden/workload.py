# SPDX-License-Identifier: Apache-2.0
"""The execs of the golden recordings: runs in a guest (tests.golden.record), as root.

Owns what is executed, and the tracer beside it. It leaves /run/guest-result: a tar of recordings
and of the lines that were printed meanwhile, in base64.
"""

import base64
import ctypes
import io
import os
import pty
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TRUE = "/usr/bin/true"
NOBODY = 65534
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
PLACE = Path("/srv/golden")


class Scenario(NamedTuple):
    """One recording: the tracer's options, and what runs meanwhile."""

    options: Sequence[str]
    run: Callable[["Tracer"], None]


class Tracer:
    """`execaudit trace --record`, from its first event possible until it is stopped."""

    def __init__(self, name: str, options: Sequence[str], place: Path) -> None:
        self.recording, self.lines = place / f"{name}.recording", place / f"{name}.lines"
        command = [sys.executable, "-m", "execaudit", "trace", "--json"]
        command += ["--record", str(self.recording), *options]
        with self.lines.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE
            )
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        if not first.startswith(b"execaudit: tracing"):
            raise SystemExit(f"{name}: {first!r} {self.process.stderr.read()!r}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate()
        if self.process.returncode:
            raise SystemExit(f"{self.recording.name}: {errors!r}")


def run(
    path: str | bytes | int,
    *argv: str | bytes,
    env: Mapping[str, str] = ENVIRONMENT,
    before: Callable[[], object] = lambda: None,
) -> int:
    """Execute in a child and return its wait status; `before` runs in the child."""
    child = os.fork()
    if child == 0:
        status = 126
        try:
            before()
            os.execve(path, list(argv), dict(env))  # noqa: S606 - what all this is about
        except OSError as error:
            status = error.errno or 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def arguments(_: Tracer) -> None:
    run(TRUE, "true")
    run(TRUE, "true", "", "a b", "'single' \"double\"", "")
    run(TRUE, "true", "é", "日本語", "a\u202eb", "\u2028")
    run(TRUE, "true", b"caf\xe9", b"\xff\xfe", b"\xed\xa0\x80")
    run(TRUE, "true", "line\nline", "\t", "\x1b[2J\x1b]0;title\x07", "\x7f", "\x9b1m")
    run(TRUE, "-true-by-another-name")
    run(TRUE, "true", env={**ENVIRONMENT, "SUDO_USER": "ann", "LD_LIBRARY_PATH": "/opt/lib"})
    run(TRUE, "true", before=lambda: os.chdir("/usr/share/doc"))


def identities(_: Tracer) -> None:
    set_user_id = PLACE / "set-user-id"
    set_user_id.write_bytes(Path(TRUE).read_bytes())
    set_user_id.chmod(0o4755)
    run(TRUE, "true", before=lambda: os.setresuid(NOBODY, NOBODY, NOBODY))
    run(str(set_user_id), "x", before=lambda: os.setresuid(NOBODY, NOBODY, NOBODY))
    run(TRUE, "true", before=lambda: Path("/proc/self/loginuid").write_text("2"))
    run("/usr/bin/unshare", "unshare", "--pid", "--fork", "--uts", TRUE, "inside")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(TRUE, ["true"], ENVIRONMENT)  # noqa: S606
    os.waitpid(child, 0)
    os.close(terminal)


def programs(_: Tracer) -> None:
    content = Path(TRUE).read_bytes()
    in_memory = os.memfd_create("payload")
    os.write(in_memory, content)
    run(in_memory, "from-memory")
    deleted = PLACE / "deleted"
    deleted.write_bytes(content)
    deleted.chmod(0o755)
    fd = os.open(deleted, os.O_PATH)
    deleted.unlink()
    run(fd, "deleted")
    run(os.open(TRUE, os.O_RDONLY), "by-descriptor")
    script, nested = PLACE / "script", PLACE / "nested"
    script.write_text("#!/bin/sh -e\n:\n")
    nested.write_text(f"#!{script} option\n")
    script.chmod(0o755)
    nested.chmod(0o755)
    run(str(script), "./script", "one")
    run(str(nested), "./nested", "one")
    jail = PLACE / "jail"
    jail.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    bind = 4096
    assert libc.mount(b"/", str(jail).encode(), None, bind, None) == 0, ctypes.get_errno()
    try:
        run(TRUE, "true", before=lambda: _enter(jail))
    finally:
        libc.umount2(str(jail).encode(), 2)
    removed = PLACE / "removed"
    removed.mkdir()
    run(TRUE, "true", before=lambda: _stay_in_removed(removed))


def _enter(jail: Path) -> None:
    os.chroot(jail)
    os.chdir("/etc")


def _stay_in_removed(folder: Path) -> None:
    os.chdir(folder)
    folder.rmdir()


def failures(_: Tracer) -> None:
    text, orphan = PLACE / "text", PLACE / "orphan"
    text.write_text("not a program\n")
    text.chmod(0o755)
    orphan.write_text("#!/no/such/interpreter\n")
    orphan.chmod(0o755)
    run("/no/such/program", "program", "one", "", "three")
    run("no-such-relative", "x")
    run("/etc", "etc")
    run("/etc/passwd", "passwd")
    run(str(text), "text")
    run(str(orphan), "orphan")
    run(b"/caf\xe9", b"caf\xe9")
    run(TRUE, *["x" * 100_000] * 3, before=lambda: _limit_stack(1 << 18))
    run(os.open("/etc/passwd", os.O_RDONLY), "by-descriptor")
    run("/no/such/program", "x" * 5000, "not read any more")


def _limit_stack(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_STACK, (size, size))


def truncated(_: Tracer) -> None:
    run(TRUE, "true", "a" * 3000)
    run(TRUE, "true", "head", "b" * 30_000, "tail")
    run(TRUE, "true", *(f"argument-{number}" for number in range(1000)))


def exits(_: Tracer) -> None:
    run("/bin/sh", "sh", "-c", "exit 3")
    run("/bin/sh", "sh", "-c", "kill -KILL $$")
    run("/bin/sh", "sh", "-c", "exec /usr/bin/true")
    run("/bin/sh", "sh", "-c", "ulimit -c 0; kill -SEGV $$")


def lost(tracer: Tracer) -> None:
    run(TRUE, "seen")
    tracer.process.send_signal(signal.SIGSTOP)
    try:
        for number in range(80):
            run(TRUE, f"flood-{number}", "x" * 1000)
    finally:
        tracer.process.send_signal(signal.SIGCONT)
    run(TRUE, "seen again")


SCENARIOS = {
    "arguments": Scenario((), arguments),
    "identities": Scenario((), identities),
    "programs": Scenario((), programs),
    "failures": Scenario(("-x",), failures),
    "truncated": Scenario(("--argv-bytes", "8K"), truncated),
    "exits": Scenario(("--exits",), exits),
    "lost": Scenario(("--ring-bytes", "64K"), lost),
}


def main() -> None:
    PLACE.mkdir()
    PLACE.chmod(0o755)
    checkout = Path.cwd()
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as name, tarfile.open(fileobj=out, mode="w:gz") as tar:
        for scenario, (options, execute) in SCENARIOS.items():
            os.chdir(checkout)
            tracer = Tracer(scenario, options, Path(name))
            os.chdir(PLACE)
            os.sched_setaffinity(0, {0})
            execute(tracer)
            tracer.stop()
            for path in (tracer.recording, tracer.lines):
                tar.add(path, path.name)
    Path("/run/guest-result").write_text(base64.b64encode(out.getvalue()).decode())


if __name__ == "__main__":
    main()
