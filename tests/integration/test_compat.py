# SPDX-License-Identifier: Apache-2.0
"""32-bit programs, and 32-bit system calls of programs of any width."""

import errno
import platform
import subprocess
from pathlib import Path

import pytest

from tests.integration.comparing import assert_same
from tests.integration.requirements import can_run_32_bit, give_up
from tests.integration.tracing import ROOMY_RING, Tracer, execs_of

IS_X86 = platform.machine() == "x86_64"
# arm64 has the 32-bit calls for 32-bit programs only.
CALLERS = ["compat32", "compat64"] if IS_X86 else ["compat32"]
ARCH = "i386" if IS_X86 else "arm"
CALLS = ["execve", "execveat"]


@pytest.fixture(autouse=True)
def _needs_32_bit(programs: Path) -> None:
    if not can_run_32_bit():
        pytest.skip("this processor has no 32-bit system calls that the tests know")
    if _run_tiny(programs / "tiny32"):
        give_up("this kernel runs no 32-bit programs")


def _run_tiny(program: Path) -> bool:
    try:
        return subprocess.run([program], check=False).returncode != 0
    except OSError:
        return True


def test_32_bit_program_is_recorded(tracer: Tracer, programs: Path) -> None:
    argv = [str(programs / "tiny32"), "a", "", "b\n"]
    child, records = tracer.during(lambda: tracer.run(argv))
    (record,) = execs_of(records, child.pid)
    assert (record["result"], record["argv"], record["argc"]) == ("success", argv, 4)
    assert (record["exe"], record["arch"]) == (argv[0], ARCH)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("call", CALLS)
def test_32_bit_call_that_succeeds_is_recorded(
    tracer: Tracer, programs: Path, caller: str, call: str
) -> None:
    argv = [str(programs / caller), call, str(programs / "selfdump"), "x", "", "ü\n"]
    child, records = tracer.during(lambda: tracer.run(argv))
    first, record = execs_of(records, child.pid)
    assert first["arch"] == (ARCH if caller == "compat32" else "x86_64")
    assert_same(record, child.truth, old_comm=caller)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("call", CALLS)
def test_32_bit_call_that_fails_is_recorded_where_the_hook_sees_it(
    tracer: Tracer, programs: Path, caller: str, call: str
) -> None:
    _assert_failure_is_seen(tracer, programs, caller, call)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("call", CALLS)
def test_32_bit_call_that_fails_is_recorded_by_the_hook_of_all_calls(
    engine: str, programs: Path, caller: str, call: str
) -> None:
    hook = ("--failure-hook", "sys_exit")
    with Tracer(engine, programs / "tiny", *hook, *ROOMY_RING) as tracer:
        assert tracer.sees_compat_failures
        _assert_failure_is_seen(tracer, programs, caller, call)


def _assert_failure_is_seen(tracer: Tracer, programs: Path, caller: str, call: str) -> None:
    argv = [str(programs / caller), call, "/no/such/file", "x", "", "ü\n"]
    child, records = tracer.during(lambda: tracer.run(argv))
    assert child.wait() == errno.ENOENT
    first, *failed = execs_of(records, child.pid)
    if not tracer.sees_compat_failures:
        assert not failed
        return
    (record,) = failed
    assert record["hook"] == f"compat_{call}"
    assert (record["result"], record["errno"]) == ("failure", "ENOENT")
    assert (record["filename"], record["argv"]) == ("/no/such/file", ["x", "", "ü\n"])
    kept = ("id", "parent_id", "pid", "uid", "exe", "comm", "cwd", "ns", "caps")
    assert {k: record[k] for k in kept} == {k: first[k] for k in kept}
