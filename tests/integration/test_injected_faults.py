# SPDX-License-Identifier: Apache-2.0
"""System calls of the daemon's loop fail, each in turn: every exec is recorded or counted as lost.

Every second call of a kind fails while execs come, the file is rotated, the configuration is read
again and the daemon ends. It goes on, or ends with one line that says why and status 1, never with
half a line in its log. Clocks are read without a system call, and strace's short writes would take
away what was written: tests/integration/test_disk_faults.py has real ones.
"""

import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon, DescriptorStore, last_words
from tests.integration.injecting import Strace
from tests.integration.launching import launch
from tests.integration.requirements import DEADLINE_S, require_root

EXECS = 5
PATIENCE_S = 1.0
FAULTS = {
    "bpf": ("ENOMEM", "EPERM", "EINTR"),
    "brk": ("ENOMEM",),
    "close": ("EIO", "EINTR"),
    "epoll_ctl": ("ENOMEM",),
    "epoll_wait": ("EINTR",),
    "faccessat2": ("EACCES",),
    "fchmod": ("EPERM", "EIO"),
    "fcntl": ("EMFILE",),
    "fdatasync": ("EIO", "ENOSPC"),
    "fsync": ("EIO",),
    "getdents64": ("EIO", "ENOMEM"),
    "getrandom": ("EINTR",),
    "ioctl": ("EIO",),
    "lseek": ("EIO",),
    "madvise": ("EAGAIN",),
    "mmap": ("ENOMEM",),
    "mremap": ("ENOMEM",),
    "mprotect": ("ENOMEM",),
    "munmap": ("ENOMEM",),
    "newfstatat": ("EACCES", "EIO", "ENOMEM"),
    "openat": ("EMFILE", "ENFILE", "ENOMEM", "EACCES"),
    "poll": ("EINTR", "ENOMEM"),
    "pread64": ("EIO",),
    "read": ("EINTR", "EIO"),
    "rename": ("EIO", "ENOSPC", "EACCES"),
    "sched_getscheduler": ("EPERM",),
    "sendmsg": ("EAGAIN", "ENOBUFS", "EINTR"),
    "socket": ("EMFILE", "ENOBUFS"),
    "statfs": ("EIO", "EINTR"),
    "unlink": ("EACCES", "EIO"),
    "write": ("ENOSPC", "EIO", "EINTR", "EAGAIN"),
}
# How memory is taken, and when files and disks are looked at, differs from run to run.
SELDOM = {
    *("brk", "getrandom", "madvise", "mmap", "mprotect", "mremap", "munmap", "pread64", "statfs")
}
# Calls that do not fail, that end a process or a handler, or that locks are made of.
SAFE = {
    *(
        "clone3",
        "exit",
        "exit_group",
        "futex",
        "geteuid",
        "getpid",
        "getrusage",
        "gettid",
        "restart_syscall",
    ),
    *("rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "set_robust_list", "uname"),
}


class Run:
    """A daemon that records the execs of one program, driven through all that its loop does."""

    def __init__(self, place: Path, programs: Path, fsync: str = "batch") -> None:
        require_root()
        self.place = place
        self.tiny = programs / "tiny"
        self.words: list[str] = []
        sections: dict[str, dict[str, object]] = {
            "capture": {"failures": "none"},
            "file": {"fsync": fsync, "num_logs": 0, "space_left": "1M"},
        }
        rules = f'[[rule]]\naction = "drop"\nnot.exe = "{self.tiny}"\n'
        self.daemon = Daemon(place, "libbpf", sections, rules, store=DescriptorStore())

    def execute(self) -> None:
        """Execute some, and give the daemon the time to record them: it may not be able to."""
        words = [f"word-{len(self.words) + number}" for number in range(EXECS)]
        for word in words:
            launch([str(self.tiny), word]).wait()
        self.words += words
        self._wait_for(lambda: words[-1] in self.text())

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not condition() and time.monotonic() < until:
            if self.daemon.running.poll() is not None:
                return
            time.sleep(0.01)

    def drive(self) -> int:
        """Execute, rotate, reload, stop; returns the exit status."""
        self.execute()
        for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGCONT):
            if self.daemon.running.poll() is None:
                self.daemon.running.send_signal(number)
            self.execute()
        deadline = time.monotonic() + DEADLINE_S
        while self.daemon.running.poll() is None:
            assert time.monotonic() < deadline, self.daemon.stderr
            self.daemon.running.terminate()  # the call that wakes it may have failed
            self._wait_for(lambda: False)
        return self.daemon.running.returncode

    def text(self) -> str:
        while True:
            with contextlib.suppress(FileNotFoundError):  # a rotation that failed is taken back
                return "".join(file.read_text() for file in self.daemon.files())

    def trace(self, call: str = "", fault: str = "") -> tuple[Strace, int]:
        """Drive it with a fault; returns the tracer and the exit status."""
        self.daemon.start()
        strace = Strace(self.daemon.running.pid, self.place / "strace", call, fault)
        with strace:
            return strace, self.drive()

    def finish(self) -> None:
        """Have another process of the service record what is left."""
        self.daemon.start()
        self.daemon.settle(self.tiny)
        self.daemon.stop()


def test_every_call_of_the_loop_has_its_faults(place: Path, programs: Path) -> None:
    run = Run(place, programs)
    with run.daemon.closing():
        strace, status = run.trace()
        run.finish()

    assert status == 0
    assert set(strace.calls()) <= FAULTS.keys() | SAFE
    assert last_words(run.daemon.records(), str(run.tiny))[: len(run.words)] == run.words


@pytest.mark.parametrize(
    ("call", "error"), [(call, error) for call, errors in FAULTS.items() for error in errors]
)
def test_daemon_records_or_counts_every_exec_while_a_call_fails(
    place: Path, programs: Path, call: str, error: str
) -> None:
    # CPython waits forever for a thread that lacked memory to begin: the watchdog is for that.
    run = Run(place, programs, fsync="none" if call == "mmap" else "batch")
    with run.daemon.closing():
        strace, status = run.trace(call, f"error={error}")
        said = run.daemon.stderr
        whole = run.text()
        run.finish()

    assert strace.injected() or call in SELDOM
    assert status in (0, 1), said
    assert "Traceback" not in said or "signal wakeup fd" in said
    if status:
        assert said.splitlines()[-1].startswith("execaudit: Failed to "), said
    assert whole.endswith("\n")
    records = [json.loads(line) for line in run.text().splitlines()]
    words = Counter(last_words(records, str(run.tiny)))
    missing = set(run.words) - words.keys()
    lost = sum(r["count"] for r in records if r["type"] == "lost" and r.get("sink") != "journal")
    repeated = sum(r.get("gap", {}).get("repeated", 0) for r in records if r["type"] == "start")
    assert len(missing) <= lost, said
    assert words.total() - len(words) <= repeated
