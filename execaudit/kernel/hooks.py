# SPDX-License-Identifier: Apache-2.0
"""Attach points: which program belongs where, which of them this kernel offers, and attaching.

Owns the choice between hooks of different cost, and the attaching. The engines load the programs;
only programs on trial are loaded here. A hook works if a program that does nothing can be attached
to it: no version number says so.
"""

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Literal, NamedTuple

from execaudit.errors import InvalidArgument, NoPermission, NotImplementedByKernel
from execaudit.kernel import libbpf
from execaudit.kernel.btf import Btf

TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe")
_PERF_TYPE_TRACEPOINT = 2
_PERF_IOC_SET_BPF = 0x40042408
_PERF_IOC_ENABLE = 0x2400
_RESULT_FIELD = "field:long ret;\toffset:16;"
"""Line of a tracepoint's format: struct sys_exit_args (bpf/failure.h) has the result there.
Kernels with more common fields, as some distributions' real-time ones, have it elsewhere."""
_ENOTSUPP = 524  # include/linux/errno.h: the C library has no words for it
_SYSCALL_PREFIXES = {
    "x86_64": {"": "__x64_sys_", "compat_": "__ia32_compat_sys_"},
    "aarch64": {"": "__arm64_sys_", "compat_": "__arm64_compat_sys_"},
}


class AttachPoint(NamedTuple):
    """Where a program goes: the way it is attached, and the name there."""

    how: Literal["raw_tp", "fexit", "kretprobe", "tracepoint", "iterator"]
    where: str


class FailureHook(NamedTuple):
    """One way of seeing failed execs."""

    name: str
    programs: dict[str, AttachPoint]
    cost: str  # to other system calls, as measured (docs/performance.md)


BEFORE_EXEC = {"before_exec": AttachPoint("raw_tp", "sched_prepare_exec")}
BEFORE_RENAME = {"before_rename": AttachPoint("raw_tp", "task_rename")}
SUCCESS = {"on_exec": AttachPoint("raw_tp", "sched_process_exec")}
EXIT = {"on_exit": AttachPoint("raw_tp", "sched_process_exit")}
FORK = {"on_fork": AttachPoint("raw_tp", "sched_process_fork")}
RUNNING = {"on_task": AttachPoint("iterator", "bpf_iter_task")}
"""Attached nowhere: what it writes is read once (engine/running.py)."""

FAILURE_CHOICES = ("auto", "fexit", "kretprobe", "tracepoint", "sys_exit")


def _syscall_programs(how: Literal["fexit", "kretprobe"]) -> dict[str, AttachPoint]:
    prefixes = _SYSCALL_PREFIXES.get(os.uname().machine, _SYSCALL_PREFIXES["x86_64"])
    return {
        f"{how}_{kind}{call}": AttachPoint(how, prefix + call)
        for kind, prefix in prefixes.items()
        for call in ("execve", "execveat")
    }


FAILURE_HOOKS = (
    FailureHook("fexit", _syscall_programs("fexit"), "adds nothing to other system calls"),
    FailureHook("kretprobe", _syscall_programs("kretprobe"), "adds nothing to other system calls"),
    FailureHook(
        "tracepoint",
        {
            "tracepoint_execve": AttachPoint("tracepoint", "sys_exit_execve"),
            "tracepoint_execveat": AttachPoint("tracepoint", "sys_exit_execveat"),
        },
        "adds about 4 ns to every system call; does not see 32-bit callers",
    ),
    FailureHook(
        "sys_exit",
        {"sys_exit_any": AttachPoint("raw_tp", "sys_exit")},
        "adds about 20 ns to every system call, 32-bit ones included",
    ),
)
"""Cheapest first. The last is taken only where it is asked for by name."""


def attach(program: int, point: AttachPoint) -> int:
    """Attach a loaded program; return the descriptor that holds the attachment. Raises OSError."""
    if point.how == "raw_tp":
        return libbpf.open_raw_tracepoint(point.where, program)
    if point.how == "fexit":
        return libbpf.open_raw_tracepoint(None, program)
    attr = libbpf.PerfEventAttr()
    if point.how == "tracepoint":
        attr.type = _PERF_TYPE_TRACEPOINT
        attr.config = _tracepoint_id("syscalls", point.where)
        return _attach_perf(attr, program)
    import ctypes  # noqa: PLC0415 - only this way of attaching needs it here

    if not _KPROBE_PMU.exists():
        raise OSError(errno.ENOENT, "the kernel has no kprobes that BPF programs can use")
    symbol = ctypes.create_string_buffer(point.where.encode())
    attr.type = int((_KPROBE_PMU / "type").read_text())
    bit = (_KPROBE_PMU / "format/retprobe").read_text().strip().removeprefix("config:")
    attr.config = 1 << int(bit)
    attr.config1 = ctypes.addressof(symbol)
    return _attach_perf(attr, program)


def _attach_perf(attr: libbpf.PerfEventAttr, program: int) -> int:
    fd = libbpf.perf_event_open(attr)
    try:
        fcntl.ioctl(fd, _PERF_IOC_SET_BPF, program)
        fcntl.ioctl(fd, _PERF_IOC_ENABLE, 0)
    except OSError:
        os.close(fd)
        raise
    return fd


def _tracepoint_id(system: str, event: str) -> int:
    for root in TRACEFS:
        with contextlib.suppress(FileNotFoundError):
            folder = root / "events" / system / event
            number = int((folder / "id").read_text())
            if _RESULT_FIELD not in (folder / "format").read_text():
                raise OSError(errno.EPROTO, "this kernel's tracepoints have other common fields")
            return number
    text = f"no tracepoint {system}/{event} (is tracefs mounted at {TRACEFS[0]}?)"
    raise OSError(errno.ENOENT, text)


_PROGRAM_KINDS = {
    "raw_tp": libbpf.PROG_RAW_TRACEPOINT,
    "fexit": libbpf.PROG_TRACING,
    "iterator": libbpf.PROG_TRACING,
    "kretprobe": libbpf.PROG_KPROBE,
    "tracepoint": libbpf.PROG_TRACEPOINT,
}

_ATTACH_TYPES = {"fexit": libbpf.ATTACH_TRACE_FEXIT, "iterator": libbpf.ATTACH_TRACE_ITERATOR}


def _instruction(code: int, registers: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """Return one struct bpf_insn (linux/bpf.h); `registers` is source << 4 | destination."""
    return struct.pack("@BBhi", code, registers, offset, value)


READ_KERNEL = b"".join(
    (
        _instruction(0xBF, 0xA1),  # r1 = r10
        _instruction(0x07, 0x01, 0, -8),  # r1 += -8
        _instruction(0xB7, 0x02, 0, 8),  # r2 = 8
        _instruction(0xB7, 0x03, 0, 0),  # r3 = 0
        _instruction(0x85, 0, 0, 113),  # call bpf_probe_read_kernel
        _instruction(0xB7, 0x00, 0, 0),  # r0 = 0
        _instruction(0x95),  # exit
    )
)
"""A program that reads 8 bytes of kernel memory at address 0, which fails, into its stack."""


def _do_nothing(point: AttachPoint) -> bytes:
    """Return the instructions of a program without effect for `point`: r0 = 0 or 1; exit.

    A tracepoint's program hides the event from perf if it returns 0. The verifier refuses an fexit
    program that can return anything else (kernel/bpf/verifier.c: check_return_code).
    """
    code = 0 if point.how == "fexit" else 1
    return _instruction(0xB7, value=code) + _instruction(0x95)


def load(name: str, instructions: bytes, point: AttachPoint, btf: Btf | None) -> int:
    """Load raw instructions as the kind of program that `point` takes; return its descriptor.

    `btf` is the kernel's and needed for fexit and iterators only. Raises OSError.
    """
    if point.how not in _ATTACH_TYPES:
        return libbpf.load_program(_PROGRAM_KINDS[point.how], name, instructions)
    function = btf.find(point.where, libbpf.BTF_KIND_FUNC) if btf else 0
    if not function:
        text = f"the kernel's type information has no function {point.where}"
        raise OSError(errno.ENOENT, text)
    return libbpf.load_program(
        libbpf.PROG_TRACING, name, instructions, _ATTACH_TYPES[point.how], function
    )


def load_trial(point: AttachPoint, btf: Btf | None = None) -> int:
    """Load a program that does nothing; return its descriptor. Raises OSError."""
    return load("trial", _do_nothing(point), point, btf)


def trial(point: AttachPoint, btf: Btf | None = None, links: list[int] | None = None) -> str | None:
    """Attach a program that does nothing, and detach it; return why that failed, else None.

    Detaching waits for all processors, some 50 ms: with `links`, the attachment is left there for
    the caller to close when there is time.
    """
    try:
        program = load_trial(point, btf)
        try:
            link = attach(program, point)
        finally:
            os.close(program)
        if links is None:
            os.close(link)
        else:
            links.append(link)
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == _ENOTSUPP:
            return "this kernel cannot do it on this architecture"
        reason = getattr(error, "strerror", None) or str(error)
        return str(reason)
    return None


def before_programs(links: list[int] | None = None) -> dict[str, AttachPoint]:
    """Return the programs that save the name before the exec. For `links` see `trial`."""
    is_newest = trial(BEFORE_EXEC["before_exec"], links=links) is None
    return BEFORE_EXEC if is_newest else BEFORE_RENAME


def choose_failure_hook(wanted: str, links: list[int] | None = None) -> FailureHook:
    """Return the hook named `wanted`, or with "auto" the cheapest one that works here.

    For `links` see `trial`. Raises InvalidArgument for an unknown name, NotImplementedByKernel
    where none works.
    """
    if wanted not in FAILURE_CHOICES:
        known = ", ".join(FAILURE_CHOICES)
        raise InvalidArgument(f"Unknown failure hook '{wanted}': expected one of {known}")
    reasons: list[str] = []
    with contextlib.ExitStack() as stack:
        btf = None
        with contextlib.suppress(NotImplementedByKernel):
            btf = stack.enter_context(Btf())
        for hook in FAILURE_HOOKS:
            if wanted != hook.name and (wanted != "auto" or hook.name == "sys_exit"):
                continue
            reason = find_obstacle(hook, btf, links)
            if reason is None:
                return _without_missing(hook, btf, links)
            reasons.append(f"{hook.name}: {reason}")
    raise NotImplementedByKernel(
        f"Failed to find a hook for failed execs ({'; '.join(reasons)});"
        " execaudit doctor says what each would need; the hook sys_exit works without,"
        " but adds about 20 ns to every system call"
    )


def find_obstacle(hook: FailureHook, btf: Btf | None, links: list[int] | None = None) -> str | None:
    """Return why a hook does not work here, None if it does. For `links` see `trial`.

    Not every kernel has 32-bit entry points: they are not needed.
    """
    needed = (point for name, point in hook.programs.items() if "compat" not in name)
    return next(filter(None, (trial(point, btf, links) for point in needed)), None)


def _without_missing(hook: FailureHook, btf: Btf | None, links: list[int] | None) -> FailureHook:
    """Return a hook without the 32-bit entry points that this kernel lacks."""
    programs = {
        name: point
        for name, point in hook.programs.items()
        if "compat" not in name or trial(point, btf, links) is None
    }
    return hook._replace(programs=programs)


def attach_all(programs: dict[str, int], points: dict[str, AttachPoint]) -> list[int]:
    """Attach every program; return the descriptors that hold the attachments.

    Raises NoPermission or NotImplementedByKernel; then nothing stays attached.
    """
    links: list[int] = []
    for name, point in points.items():
        try:
            links.append(attach(programs[name], point))
        except OSError as error:
            for link in links:
                os.close(link)
            is_denied = error.errno in (errno.EPERM, errno.EACCES)
            kind = NoPermission if is_denied else NotImplementedByKernel
            raise kind(
                f"Failed to attach '{name}' to {point.how} {point.where}: {error.strerror}"
            ) from error
    return links
