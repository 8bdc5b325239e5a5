# SPDX-License-Identifier: Apache-2.0
"""What a tracer costs, read from the kernel: CPU, BPF run time, memory.

Owns the cgroups that tracer and storm run in (CPU accounting to the microsecond, children
included) and the switch for BPF statistics. Starts and stops nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BPF_STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
QUIET_POLLS = 25  # longer than the daemon gathers events: then what it gathered is written
POLL_S = 0.05
QUIET_US = 1500  # in one poll: an idle tracer on a machine where little else executes
SETTLE_LIMIT_S = 30
QUIET_WINDOW_S = 0.5
DISTURBED_CPUS = 0.2  # so much of one processor used by others spoils a comparison of times


class Cgroup:
    """A cgroup of our own in the v2 hierarchy. cpu.stat needs no controller there."""

    def __init__(self, name: str) -> None:
        root = _cgroup2_root()
        self._home = root / _own_cgroup().lstrip("/") / "cgroup.procs"
        self.path = root / f"execaudit-bench-{os.getpid()}-{name}"
        self.path.mkdir()

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """Have what is started meanwhile begin its life in here."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            self._home.write_text(str(os.getpid()))

    def cpu_us(self) -> int:
        """Give the CPU time of all that ever ran in here."""
        return _field((self.path / "cpu.stat").read_text(), "usage_usec")

    def pids(self) -> list[int]:
        """List who is in here now."""
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def remove(self) -> None:
        """Remove it. The last process may be gone for its parent and not yet for the cgroup."""
        for _ in range(100):
            try:
                self.path.rmdir()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        self.path.rmdir()


def thread_cpu_us(pid: int) -> float:
    """Give the CPU time of one thread, such as a kernel thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


def kernel_thread(name: str) -> int | None:
    """Find a kernel thread by name."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                same = (entry / "comm").read_text().strip() == name
                if same and not (entry / "cmdline").read_bytes():
                    return int(entry.name)
    return None


class CpuMeter:
    """CPU time of a tracer's own processes, and of what else works for it: journald, kauditd."""

    def __init__(
        self, cgroup: Cgroup, helpers: Iterable[Cgroup] = (), threads: Iterable[int] = ()
    ) -> None:
        self._cgroup = cgroup
        self._helpers = tuple(helpers)
        self._threads = tuple(threads)

    def read_us(self) -> tuple[float, float]:
        """Give the time used so far by the tracer, and by its helpers."""
        helpers = sum(helper.cpu_us() for helper in self._helpers)
        return self._cgroup.cpu_us(), helpers + sum(thread_cpu_us(pid) for pid in self._threads)

    def settle(self) -> tuple[float, float]:
        """Wait until the backlog has been worked off, that is until they use no more CPU."""
        deadline = time.monotonic() + SETTLE_LIMIT_S
        last, quiet = self.read_us(), 0
        while quiet < QUIET_POLLS and time.monotonic() < deadline:
            time.sleep(POLL_S)
            now = self.read_us()
            quiet = quiet + 1 if sum(now) - sum(last) < QUIET_US else 0
            last = now
        return last


def machine_cpu_us() -> float:
    """Give the time that all processors have been busy since boot, to a tick (10 ms)."""
    user, nice, system, _, _, irq, softirq, *_ = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) * 1e6 / os.sysconf("SC_CLK_TCK")


class Patience:
    """Waits for a machine that others use to fall quiet, up to a limit over the whole run."""

    def __init__(self, limit_s: float) -> None:
        self._left_s = limit_s

    def wait(self) -> None:
        """Return once others use little CPU, or when the patience is used up."""
        while self._left_s > 0:
            began, before, own = time.monotonic(), machine_cpu_us(), time.process_time()
            time.sleep(QUIET_WINDOW_S)
            took = time.monotonic() - began
            busy_s = (machine_cpu_us() - before) / 1e6 - (time.process_time() - own)
            if busy_s / took < DISTURBED_CPUS:
                return
            self._left_s -= took


def memory_kib(pids: Iterable[int]) -> tuple[int, int]:
    """Give resident memory and the sum of the processes' own peaks, in KiB."""
    resident = peak = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            resident += _field(status, "VmRSS:")
            peak += _field(status, "VmHWM:")
    return resident, peak


def wakeups(pids: Iterable[int]) -> int:
    """Count how often threads of these processes went to sleep, that is were woken, so far."""
    count = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                count += _field((thread / "status").read_text(), "voluntary_ctxt_switches:")
    return count


def forks() -> int:
    """Count the processes and threads that were made since boot, whoever made them."""
    return _field(Path("/proc/stat").read_text(), "processes")


@contextlib.contextmanager
def bpf_statistics() -> Iterator[None]:
    """Have the kernel time each run of a BPF program. Timing costs, too: not in every storm."""
    before = BPF_STATS.read_text()
    BPF_STATS.write_text("1")
    try:
        yield
    finally:
        BPF_STATS.write_text(before)


def bpf_run_time_ns(pids: Iterable[int]) -> int:
    """Sum the run time of the BPF programs that these processes hold descriptors of."""
    seen: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for info in Path(f"/proc/{pid}/fdinfo").iterdir():
                with contextlib.suppress(OSError):
                    text = info.read_text()
                    if "run_time_ns:" in text:
                        seen[_field(text, "prog_id:")] = _field(text, "run_time_ns:")
    return sum(seen.values())


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{re.escape(name)}\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _cgroup2_root() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    raise RuntimeError("no cgroup v2 hierarchy is mounted, and CPU time is read from it")


def _own_cgroup() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    return "/"
