# SPDX-License-Identifier: Apache-2.0
"""Checks that use BPF: maps, programs, hooks that tracing attaches to, and the engines.

Owns the trials; nothing stays loaded or attached. A version number does not say what a kernel
offers: each check makes the calls that tracing makes.
"""

import contextlib
import os
import resource
import time
from collections.abc import Callable

from execaudit.doctor.check import KERNEL, PERMISSION, Check
from execaudit.engine.bcc_engine import load as compile_source
from execaudit.engine.libbpf_engine import load as load_object
from execaudit.errors import ExecauditError, NoPermission, NotConfigured, NotImplementedByKernel
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.btf import Btf
from execaudit.kernel.hooks import AttachPoint

_RING_BYTES = 4 << 20  # the default of trace
_BTF_KIND_TYPEDEF = 8
_DENIED = (1, 13)
_UNTRIED = "not tried: BPF is refused"
_TRY_AGAIN = "Run execaudit doctor again once the cause named above is gone."
_OTHERS_REFUSE = (
    "where these are in effect, a security module (SELinux, AppArmor) or a seccomp filter, such as"
    " a container's, refuses bpf(2)."
)


Load = Callable[[dict[str, AttachPoint], dict[str, int]], tuple[dict[str, int], dict[str, int]]]


def try_kernel() -> list[Check]:
    """Return the checks of maps, programs and hooks.

    Without libbpf, importing this module raises NotConfigured.
    """
    checks = [try_maps(), try_programs()]
    denied = is_denied(checks)
    checks.append(try_tracepoint("successful execs", hooks.SUCCESS, denied))
    checks.append(try_tracepoint("name before exec", hooks.BEFORE_EXEC, denied))
    checks.append(try_tracepoint("exits", hooks.EXIT, denied))
    return checks + try_failure_hooks(denied)


def is_denied(checks: list[Check]) -> bool:
    """Return True if nothing more can be tried: the kernel refuses all maps or programs."""
    return any(check.exit_status in (PERMISSION, KERNEL) for check in checks)


def try_maps() -> Check:
    """Make a ring buffer of the default size. Before 5.11 it counts as locked memory."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    shown = "unlimited" if limit == resource.RLIM_INFINITY else f"{limit >> 10} KiB"
    try:
        os.close(libbpf.create_map(libbpf.MAP_RINGBUF, "trial", 0, 0, _RING_BYTES))
    except OSError as error:
        return _explain_map_failure(error, shown)
    return Check("ring buffer", "pass", f"{_RING_BYTES >> 20} MiB, with RLIMIT_MEMLOCK {shown}")


def _explain_map_failure(error: OSError, limit: str) -> Check:
    found = _reason(error)
    if error.errno not in _DENIED:
        advice = (
            "Use a kernel of 5.8 or later, built with CONFIG_BPF_SYSCALL, outside of containers"
            " whose seccomp filter hides bpf(2)."
        )
        return Check("ring buffer", "fail", found, advice, KERNEL)
    try:
        os.close(libbpf.create_map(libbpf.MAP_ARRAY, "trial", 4, 4, 1))
    except OSError:
        advice = f"Run it as root or with CAP_BPF and CAP_PERFMON; {_OTHERS_REFUSE}"
    else:
        found += f", though a small map is permitted: RLIMIT_MEMLOCK is {limit}"
        advice = "Raise the limit of locked memory (ulimit -l unlimited; in a systemd unit:"
        advice += " LimitMEMLOCK=infinity)."
    return Check("ring buffer", "fail", found, advice, PERMISSION)


def try_programs() -> Check:
    """Load a program that reads kernel memory, as a raw tracepoint."""
    point = hooks.SUCCESS["on_exec"]
    try:
        os.close(hooks.load("trial", hooks.READ_KERNEL, point, None))
    except OSError as error:
        if error.errno in _DENIED:
            advice = f"Run it as root, or with both CAP_BPF and CAP_PERFMON; {_OTHERS_REFUSE}"
            return Check("BPF program", "fail", _reason(error), advice, PERMISSION)
        advice = "Use a kernel of 5.8 or later that lets BPF programs read memory (see lockdown)."
        return Check("BPF program", "fail", _reason(error), advice, KERNEL)
    return Check("BPF program", "pass", "loads and may read kernel memory")


def try_tracepoint(name: str, points: dict[str, AttachPoint], denied: bool) -> Check:
    """Attach to a raw tracepoint; for the name before the exec, to the older one if needed."""
    (point,) = points.values()
    if denied:
        return Check(name, "warn", _UNTRIED, _TRY_AGAIN)
    reason = hooks.trial(point)
    if reason is None:
        return Check(name, "pass", f"raw tracepoint {point.where}{_typed(point.where)}")
    if points == hooks.BEFORE_EXEC:
        (older,) = hooks.BEFORE_RENAME.values()
        if hooks.trial(older) is None:
            found = f"raw tracepoint {older.where} (there is no {point.where})"
            return Check(name, "pass", found)
    advice = f"Use a kernel that has the tracepoint {point.where}."
    if points == hooks.EXIT:
        return Check(name, "warn", f"{point.where}: {reason}", f"{advice[:-1]} to use --exits.")
    return Check(name, "fail", f"{point.where}: {reason}", advice, KERNEL)


def _typed(tracepoint: str) -> str:
    """Return a note that says if BTF has the tracepoint's arguments."""
    with contextlib.suppress(NotImplementedByKernel), Btf() as btf:
        if btf.find(f"btf_trace_{tracepoint}", _BTF_KIND_TYPEDEF):
            return ", in BTF"
    return ", not in BTF"


def try_failure_hooks(denied: bool) -> list[Check]:
    """Try each hook for failed execs, and mark the one that trace -x uses."""
    if denied:
        return [
            Check(f"failed execs: {hook.name}", "warn", _UNTRIED, _TRY_AGAIN)
            for hook in hooks.FAILURE_HOOKS
        ]
    with contextlib.ExitStack() as stack:
        btf = None
        with contextlib.suppress(NotImplementedByKernel):
            btf = stack.enter_context(Btf())
        reasons = {hook.name: hooks.find_obstacle(hook, btf) for hook in hooks.FAILURE_HOOKS}
    # The last is never taken unless asked for by name.
    usable = [hook.name for hook in hooks.FAILURE_HOOKS[:-1] if reasons[hook.name] is None]
    if usable[:1] == ["fexit"]:
        rest = "Nothing to do: fexit is used instead."
    elif usable:
        rest = f"Nothing to do for trace: -x uses {usable[0]} instead. For the service see below."
    else:
        rest = "Use trace -x --failure-hook sys_exit, at a cost to every system call."
    checks = []
    for hook in hooks.FAILURE_HOOKS:
        reason = reasons[hook.name]
        taken = ", used by -x" if usable[:1] == [hook.name] else ""
        found = f"works{taken}; {hook.cost}" if reason is None else f"does not work: {reason}"
        name = f"failed execs: {hook.name}"
        checks.append(Check(name, "warn" if reason else "pass", found, rest if reason else ""))
    return [*checks, _check_failures_in_service(reasons)]


def _check_failures_in_service(reasons: dict[str, str | None]) -> Check:
    """Check which hook the shipped unit can use: it denies perf_event_open(2) and tracefs."""
    name = "failed execs: service"
    if reasons["fexit"] is None:
        return Check(name, "pass", "fexit works, and needs no more than the service has")
    found = "the service does not see them: it may use fexit and sys_exit alone"
    advice = 'Set capture.failure_hook = "sys_exit", if they are worth 20 ns to every system call.'
    return Check(name, "warn", found, advice)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).replace("\n", " ")


def try_libbpf_engine(denied: bool) -> Check:
    """Load the BPF object as trace does, through the verifier, and release it."""
    check = Check("engine libbpf", "pass", f"libbpf {libbpf.version_string().decode()[1:]}")
    if denied:
        return check._replace(status="warn", found=f"{check.found}; {_UNTRIED}", advice=_TRY_AGAIN)
    try:
        took_ms = _load_and_release(load_object)
    except ExecauditError as error:
        advice = "Report this with the kernel's version."
        if isinstance(error, NotConfigured):
            advice = "Run ./dev build in a checkout, or reinstall the execaudit package."
        elif isinstance(error, NoPermission):
            # Maps and programs as such were permitted, or this would not have been tried.
            advice = "Raise the limit of locked memory (in a systemd unit: LimitMEMLOCK=infinity)."
        return Check(check.name, "fail", str(error), advice, error.exit_status)
    return check._replace(found=f"{check.found}, object loaded in {took_ms:.0f} ms")


def try_bcc_engine(check: Check, denied: bool) -> Check:
    """Compile and load with BCC as trace does, if its packages are installed."""
    if check.status != "pass":
        return check
    if denied:
        return check._replace(status="warn", found=f"{check.found}; {_UNTRIED}", advice=_TRY_AGAIN)
    try:
        took_ms = _load_and_release(compile_source)
    except ExecauditError as error:
        advice = "Nothing to do, where the libbpf engine works; otherwise repair this."
        return Check(check.name, "warn", str(error), advice)
    return check._replace(found=f"{check.found}, compiled and loaded in {took_ms:.0f} ms")


def _load_and_release(load: Load) -> float:
    """Load and release the programs; return the milliseconds. Raises ExecauditError."""
    began = time.monotonic()
    points = {**hooks.before_programs(), **hooks.FORK, **hooks.SUCCESS}
    sizes = {"events": _RING_BYTES, "scratch": 1, "rules": 1, "rule_hits": 1}
    programs, maps = load(points, sizes)
    took_ms = (time.monotonic() - began) * 1000
    for fd in (*programs.values(), *maps.values()):
        os.close(fd)
    return took_ms
