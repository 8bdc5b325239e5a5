# SPDX-License-Identifier: Apache-2.0
"""The machine under the benchmark: its facts, and tracefs for the peers that need it.

Owns what a figure is worth nothing without. Leaves no mount behind: what has to be mounted is
mounted in a mount namespace of our own, which ends with the process.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
from pathlib import Path

from tests.bench import audit
from tests.bench.tracers import package_version

CLONE_NEWNS = 0x00020000
TRACEFS = Path("/sys/kernel/tracing")


def provide_tracefs() -> None:
    """Mount tracefs for this process and its children where the machine has not mounted it."""
    if (TRACEFS / "events").exists():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        error = ctypes.get_errno()
        raise OSError(error, f"Failed to unshare the mount namespace: {os.strerror(error)}")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)


def facts(rounds: int) -> dict[str, str]:
    """Name kernel, processor, distribution, the libraries under the tracers, and the load."""
    return {
        "kernel": f"{_release()} {platform.machine()}",
        "processors": f"{os.cpu_count()} of {_processor()}",
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME", "?"),
        "python": platform.python_version(),
        "libbpf": package_version("libbpf1"),
        "bcc": package_version("python3-bpfcc"),
        "audit": audit.why_not_ours() or "ours for the run, off where it is not measured",
        "load before": Path("/proc/loadavg").read_text().split()[0],
        "rounds": str(rounds),
    }


def _release() -> str:
    """Give the release without what a site adds to it."""
    found = re.match(r"[\d.]+(-rc\d+|-\d+)?", platform.release())
    return found[0] if found else platform.release()


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else "unknown processor"
