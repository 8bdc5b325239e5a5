# SPDX-License-Identifier: Apache-2.0
"""The doctor's trials: what each refusal of the kernel means. The kernel is real elsewhere."""

import errno
import os
from collections.abc import Callable

import pytest

from execaudit.doctor import trials
from execaudit.doctor.check import KERNEL, PERMISSION, Check
from execaudit.errors import (
    ExecauditError,
    NoPermission,
    NotConfigured,
    NotImplementedByKernel,
)
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.hooks import AttachPoint


def refuse(code: int, *kinds: int) -> Callable[..., int]:
    """Return a stand-in for a call that fails with an errno (for some kinds of object only)."""

    def call(kind: int, *_: object) -> int:
        if kinds and kind not in kinds:
            return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize(
    ("call", "exit_status", "advice"),
    [
        (refuse(errno.EPERM), PERMISSION, "CAP_BPF and CAP_PERFMON"),
        (refuse(errno.EPERM, libbpf.MAP_RINGBUF), PERMISSION, "LimitMEMLOCK=infinity"),
        (refuse(errno.EINVAL, libbpf.MAP_RINGBUF), KERNEL, "kernel of 5.8 or later"),
        (refuse(errno.ENOSYS), KERNEL, "CONFIG_BPF_SYSCALL"),
    ],
)
def test_ring_buffer_refused(
    monkeypatch: pytest.MonkeyPatch, call: Callable[..., int], exit_status: int, advice: str
) -> None:
    monkeypatch.setattr(libbpf, "create_map", call)
    check = trials.try_maps()
    assert (check.status, check.exit_status) == ("fail", exit_status)
    assert advice in check.advice


@pytest.mark.parametrize(
    ("code", "exit_status", "advice"),
    [(errno.EPERM, PERMISSION, "CAP_PERFMON"), (errno.EINVAL, KERNEL, "lockdown")],
)
def test_program_refused(
    monkeypatch: pytest.MonkeyPatch, code: int, exit_status: int, advice: str
) -> None:
    monkeypatch.setattr(libbpf, "load_program", refuse(code))
    check = trials.try_programs()
    assert (check.status, check.exit_status) == ("fail", exit_status)
    assert advice in check.advice


def offer(monkeypatch: pytest.MonkeyPatch, *points: AttachPoint) -> None:
    """Let only these attach points accept a program."""
    monkeypatch.setattr(
        hooks, "trial", lambda point, *_, **__: None if point in points else "refused"
    )


def test_tracepoint_missing_fails_only_where_tracing_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer(monkeypatch)
    assert trials.try_tracepoint("x", hooks.SUCCESS, False).exit_status == KERNEL
    assert trials.try_tracepoint("x", hooks.BEFORE_EXEC, False).exit_status == KERNEL
    assert trials.try_tracepoint("x", hooks.EXIT, False).status == "warn"
    assert trials.try_tracepoint("x", hooks.SUCCESS, True).found == "not tried: BPF is refused"


def test_older_tracepoint_for_the_name_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, *hooks.BEFORE_RENAME.values())
    check = trials.try_tracepoint("x", hooks.BEFORE_EXEC, False)
    assert check.status == "pass"
    assert check.found == "raw tracepoint task_rename (there is no sched_prepare_exec)"


def statuses(denied: bool = False) -> dict[str, tuple[str, str]]:
    return {
        check.name.partition(": ")[2]: (check.status, check.found)
        for check in trials.try_failure_hooks(denied)
    }


def test_cheapest_failure_hook_is_the_one_used(monkeypatch: pytest.MonkeyPatch) -> None:
    working = (point for hook in hooks.FAILURE_HOOKS[1:] for point in hook.programs.values())
    offer(monkeypatch, *working)
    found = statuses()
    assert found["fexit"] == ("warn", "does not work: refused")
    assert found["kretprobe"] == (
        "pass",
        "works, used by -x; adds nothing to other system calls",
    )
    assert found["tracepoint"][1].startswith("works; adds about")
    assert found["sys_exit"][0] == "pass"


def test_failure_hook_without_32_bit_entry_points_works(monkeypatch: pytest.MonkeyPatch) -> None:
    points = hooks.FAILURE_HOOKS[0].programs
    offer(monkeypatch, *(point for name, point in points.items() if "compat" not in name))
    assert statuses()["fexit"][0] == "pass"


def test_last_resort_for_failures_is_not_used_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, *hooks.FAILURE_HOOKS[-1].programs.values())
    checks = trials.try_failure_hooks(False)
    assert "used by -x" not in checks[-2].found
    assert {check.advice for check in checks[:-2]} == {
        "Use trace -x --failure-hook sys_exit, at a cost to every system call."
    }


def test_failures_are_seen_by_the_service_through_fexit_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer(monkeypatch, *hooks.FAILURE_HOOKS[0].programs.values())
    assert statuses()["service"][0] == "pass"
    working = (point for hook in hooks.FAILURE_HOOKS[1:] for point in hook.programs.values())
    offer(monkeypatch, *working)
    check = trials.try_failure_hooks(False)[-1]
    assert check.status == "warn"
    assert 'failure_hook = "sys_exit"' in check.advice


def test_what_trace_uses_instead_is_not_said_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    working = (point for hook in hooks.FAILURE_HOOKS[1:] for point in hook.programs.values())
    offer(monkeypatch, *working)
    fexit, *_, service = trials.try_failure_hooks(False)
    assert fexit.advice == (
        "Nothing to do for trace: -x uses kretprobe instead. For the service see below."
    )
    assert service.status == "warn"
    offer(monkeypatch, *hooks.FAILURE_HOOKS[0].programs.values())
    _, kretprobe, *_ = trials.try_failure_hooks(False)
    assert kretprobe.advice == "Nothing to do: fexit is used instead."


def test_failure_hooks_are_not_tried_without_permission() -> None:
    assert set(statuses(denied=True).values()) == {("warn", "not tried: BPF is refused")}


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (NotConfigured, "./dev build"),
        (NotImplementedByKernel, "Report this"),
        (NoPermission, "LimitMEMLOCK=infinity"),
    ],
)
def test_object_that_does_not_load_fails_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, kind: type[ExecauditError], advice: str
) -> None:
    def fail(*_: object) -> None:
        raise kind("reason")

    offer(monkeypatch, *hooks.BEFORE_EXEC.values())
    monkeypatch.setattr(trials, "load_object", fail)
    check = trials.try_libbpf_engine(False)
    assert (check.status, check.found) == ("fail", "reason")
    assert check.exit_status == kind.exit_status
    assert advice in check.advice


def test_bcc_that_does_not_compile_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ExecauditError("Failed to compile with BCC: reason")

    offer(monkeypatch, *hooks.BEFORE_EXEC.values())
    monkeypatch.setattr(trials, "compile_source", fail)
    known = Check("engine bcc", "pass", "bcc 0.31.0")
    check = trials.try_bcc_engine(known, False)
    assert (check.status, check.found) == ("warn", "Failed to compile with BCC: reason")
    assert trials.try_bcc_engine(known, True).found == "bcc 0.31.0; not tried: BPF is refused"
    missing = Check("engine bcc", "warn", "no Python module bcc", "Install it.")
    assert trials.try_bcc_engine(missing, False) is missing
