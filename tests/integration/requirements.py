# SPDX-License-Identifier: Apache-2.0
"""What the integration tests need from the machine, and the switches that steer them.

Owns the decision between skipping and failing. It must not start a tracer or change the machine.
"""

import os
import platform
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# The product's own interpreter, not the one of the tests.
PYTHON = "/usr/bin/python3"
ENGINES = os.environ.get("EXECAUDIT_ENGINES", "libbpf,bcc").split(",")
# In CI a test that did not run must not look like one that passed.
MUST_RUN = os.environ.get("EXECAUDIT_REQUIRE_KERNEL") == "1" or os.environ.get("CI") == "true"
STORM_EXECS = int(os.environ.get("EXECAUDIT_STORM_EXECS", "50000"))
# How long is waited for what should happen. A guest under software emulation is slow.
DEADLINE_S = float(os.environ.get("EXECAUDIT_DEADLINE_S", "60"))
# Where programs are built and run: the file system must honour set-user-id bits and exec.
WORK_DIRECTORY = os.environ.get("EXECAUDIT_TEST_DIR", "/var/tmp")

# PROC_PID_INIT_INO, include/linux/proc_ns.h
INITIAL_PID_NAMESPACE = 0xEFFFFFFC


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail it where it must run."""
    if MUST_RUN:
        pytest.fail(f"required here, but {reason}")
    pytest.skip(reason)


def require_root() -> None:
    """Give up unless this is root in the initial pid namespace, whose pids records hold."""
    if os.geteuid():
        give_up("tracing needs root")
    if Path("/proc/self/ns/pid").stat().st_ino != INITIAL_PID_NAMESPACE:
        give_up("this is not the initial pid namespace: /proc shows other pids than the records")


def can_run_32_bit() -> bool:
    """Tell whether 32-bit programs and system calls of this processor can be made and run."""
    return platform.machine() in {"x86_64", "aarch64"}
