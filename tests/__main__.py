# SPDX-License-Identifier: Apache-2.0
"""The verb `./dev test` without options: linters, then all tests of this machine.

Owns the order of its parts, and that nothing goes on when one of them or all are told to end. Each
part is a process group. What is made for guests and containers is made beside the first ones.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from tests.machine.prepare import LANES
from tests.parts import ALONE

CHECKOUT = Path(__file__).resolve().parents[1]
PYTEST = [sys.executable, "-m", "pytest"]
PARTS = {
    "two at a time": [*PYTEST, "-m", "not alone", "-n", "2", "--dist", "loadgroup"],
    # Nothing else is collected: a large process takes long to fork.
    "one at a time": [*PYTEST, "-m", "alone", *ALONE],
}
PREPARE = [sys.executable, "-m", "tests.machine.prepare"]
SLOWEST = 10
END_S = 120  # for fixtures to clear away what they made


@contextlib.contextmanager
def started(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command as a process group; whatever is left of it afterwards is ended."""
    process = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, process_group=0)
    try:
        yield process
    finally:
        try:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(END_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(name: str, command: list[str], took_s: dict[str, float]) -> bool:
    """Run one part to its end; return True if it did well."""
    began = time.monotonic()
    with started(command) as process:
        status = process.wait()
    took_s[name] = time.monotonic() - began
    return status == 0


def slowest(reports: list[Path]) -> list[tuple[float, str]]:
    """Return the tests that took longest, with their fixtures, in seconds."""
    # The reports were written by pytest just now.
    cases = [case for report in reports for case in ET.parse(report).iter("testcase")]  # noqa: S314
    timed = [(float(c.get("time", 0)), f"{c.get('classname')}::{c.get('name')}") for c in cases]
    return sorted(timed, reverse=True)[:SLOWEST]


def main() -> int:
    """Run everything; 0 when all did well."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    took_s: dict[str, float] = {}
    good = True
    with (
        tempfile.TemporaryDirectory(prefix="execaudit-reports-") as scratch,
        contextlib.ExitStack() as stack,
    ):
        lanes = [stack.enter_context(started([*PREPARE, lane])) for lane in LANES]
        if not run("lint", ["./dev", "lint"], took_s):
            return 1
        for name, command in PARTS.items():
            if name == "one at a time":
                for lane in lanes:
                    lane.wait()
            report = Path(scratch) / f"{name}.xml"
            good &= run(name, [*command, f"--junitxml={report}"], took_s)
        for seconds, test in slowest(sorted(Path(scratch).iterdir())):
            print(f"{seconds:7.1f} s  {test}")
    for name, seconds in took_s.items():
        print(f"{seconds:7.1f} s  {name}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
