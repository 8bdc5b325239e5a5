# SPDX-License-Identifier: Apache-2.0
"""Checks of the kernel and of this process that need only files.

Owns reading /proc and /sys. Each function takes the root above them: tests lay out other machines
there. It uses no BPF: `trials` finds what the kernel really permits.
"""

import struct
from pathlib import Path

from execaudit.doctor.check import KERNEL, PERMISSION, Check
from execaudit.kernel.hierarchies import find_hierarchies

MACHINES = ("x86_64", "aarch64")
CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
# Inode number of the initial user namespace: PROC_USER_INIT_INO, include/linux/proc_ns.h.
_INITIAL_USER_NAMESPACE = "user:[4026531837]"
_TRACEFS = ("sys/kernel/tracing", "sys/kernel/debug/tracing")


def check_facts(root: Path, machine: str, release: str) -> list[Check]:
    """Return all checks of this module for the machine whose files lie under `root`."""
    return [
        check_kernel(machine, release),
        check_btf(root),
        check_capabilities(root),
        check_lockdown(root),
        check_unprivileged_bpf(root),
        check_perf_paranoid(root),
        check_tracefs(root),
        check_jit(root),
        check_clock(root),
        check_cgroups(root),
    ]


def check_kernel(machine: str, release: str) -> Check:
    """Check the architecture. The release is only shown: features are tried, not looked up."""
    found = f"{release} on {machine}"
    if machine in MACHINES and struct.calcsize("P") == 8:
        return Check("kernel", "pass", found)
    advice = f"Use a 64-bit system of {' or '.join(MACHINES)}."
    return Check("kernel", "fail", found, advice, KERNEL)


def check_btf(root: Path) -> Check:
    """Check for the kernel's type information. Without it only the bcc engine can work."""
    path = root / "sys/kernel/btf/vmlinux"
    if path.is_file():
        return Check("BTF", "pass", f"/sys/kernel/btf/vmlinux, {path.stat().st_size >> 10} KiB")
    advice = "Use a kernel built with CONFIG_DEBUG_INFO_BTF, or the bcc engine with the headers of"
    advice += " exactly this kernel (the service: drop-in engine-bcc, docs/systemd.md)."
    return Check("BTF", "warn", "no /sys/kernel/btf/vmlinux", advice)


def effective_capabilities(root: Path) -> set[str]:
    """Return the effective capabilities of this process that count for BPF."""
    if _is_in_user_namespace(root):
        return set()
    mask = 0
    for line in _read(root / "proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            mask = int(line.split()[1], 16)
    return {name for name, bit in CAPABILITIES.items() if mask >> bit & 1}


def _is_in_user_namespace(root: Path) -> bool:
    try:
        return str((root / "proc/self/ns/user").readlink()) != _INITIAL_USER_NAMESPACE
    except OSError:
        return False


def check_capabilities(root: Path) -> Check:
    """Check for CAP_BPF and CAP_PERFMON (5.8), or CAP_SYS_ADMIN, which includes both."""
    have = effective_capabilities(root)
    if "CAP_SYS_ADMIN" in have or {"CAP_BPF", "CAP_PERFMON"} <= have:
        return Check("capabilities", "pass", ", ".join(sorted(have)))
    if _is_in_user_namespace(root):
        found = "inside a user namespace, where no capability permits tracing"
        advice = "Run it outside of the user namespace (not in an unprivileged container), as root"
        advice += " or with CAP_BPF and CAP_PERFMON."
    else:
        found = f"{' and '.join(sorted({'CAP_BPF', 'CAP_PERFMON'} - have))} not in effect"
        advice = "Run it as root, or give it the capabilities CAP_BPF and CAP_PERFMON (in a systemd"
        advice += " unit: AmbientCapabilities=CAP_BPF CAP_PERFMON)."
    return Check("capabilities", "fail", found, advice, PERMISSION)


def check_lockdown(root: Path) -> Check:
    """Check the lockdown mode: confidentiality denies reading kernel memory from BPF."""
    text = _read(root / "sys/kernel/security/lockdown")
    if not text:
        return Check("lockdown", "pass", "not in use, or securityfs is not mounted")
    mode = text.partition("[")[2].partition("]")[0] or text
    if mode == "confidentiality":
        advice = "Boot without lockdown=confidentiality: this mode keeps BPF programs from reading"
        advice += " what was executed (lockdown=integrity is fine)."
        return Check("lockdown", "fail", mode, advice, KERNEL)
    return Check("lockdown", "pass", mode)


def check_unprivileged_bpf(root: Path) -> Check:
    """Report who may load BPF programs at all; tracing is privileged in any case."""
    value = _read(root / "proc/sys/kernel/unprivileged_bpf_disabled")
    meaning = {
        "0": "others may load socket filters",
        "1": "privileged processes only, until the next boot",
        "2": "privileged processes only",
    }
    found = f"{value}: {meaning[value]}" if value in meaning else value or "unknown"
    return Check("unprivileged BPF", "pass", found)


def check_perf_paranoid(root: Path) -> Check:
    """Check for Debian's level 3, which refuses perf_event_open(2) without CAP_SYS_ADMIN."""
    value = _read(root / "proc/sys/kernel/perf_event_paranoid")
    is_closed = value.isdigit() and int(value) >= 3
    if not is_closed or "CAP_SYS_ADMIN" in effective_capabilities(root):
        return Check("perf_event_paranoid", "pass", value or "unknown")
    found = f"{value}: no kretprobes and classic tracepoints without CAP_SYS_ADMIN"
    advice = "Nothing to do, where the failure hook fexit works; otherwise run sysctl -w"
    advice += " kernel.perf_event_paranoid=2 to see failed execs."
    return Check("perf_event_paranoid", "warn", found, advice)


def check_tracefs(root: Path) -> Check:
    """Check for tracefs, which names the classic tracepoints. Nothing else needs it."""
    for folder in _TRACEFS:
        try:
            if (root / folder / "events").is_dir():
                return Check("tracefs", "pass", f"/{folder}")
        except PermissionError:
            return Check("tracefs", "pass", f"/{folder}, closed to this user")
    advice = "Nothing to do, where the failure hook fexit or kretprobe works; otherwise run mount"
    advice += " -t tracefs tracefs /sys/kernel/tracing to see failed execs."
    return Check("tracefs", "warn", "not mounted: no classic tracepoints", advice)


def check_jit(root: Path) -> Check:
    """Check that BPF programs are compiled. Only the first network namespace has the setting."""
    value = _read(root / "proc/sys/net/core/bpf_jit_enable")
    if value != "0":
        meaning = {"": "not visible here", "1": "on", "2": "on, with debugging output"}
        return Check("BPF compiler", "pass", meaning.get(value, value))
    advice = "Run sysctl -w net.core.bpf_jit_enable=1, or every exec costs several times as much."
    return Check("BPF compiler", "warn", "off: programs are interpreted", advice)


def check_clock(root: Path) -> Check:
    """Check the kernel's clock source: every event takes two times from it."""
    name = _read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
    if name not in ("hpet", "acpi_pm", "jiffies"):
        return Check("clock", "pass", name or "unknown")
    found = f"{name}: {'times are milliseconds apart' if name == 'jiffies' else 'slow to read'}"
    advice = "Boot without a clocksource= option, or see in the kernel's log why tsc was given up."
    return Check("clock", "warn", found, advice)


def check_cgroups(root: Path) -> Check:
    """Check that control groups are in version 2: records have its paths."""
    file, name = root / "proc/self/cgroup", "control groups"
    if not file.exists():
        return Check(name, "warn", "none", "Use a kernel with CONFIG_CGROUPS.")
    hierarchies = find_hierarchies(str(file))
    if not hierarchies.are_old:
        return Check(name, "pass", "version 2")
    if hierarchies.named:
        found = "version 1 (legacy or hybrid): records use systemd's own hierarchy"
        return Check(name, "pass", found)
    found = "version 1 without a hierarchy of systemd's: records say that cgroup, unit and others"
    found += " are unreadable, or that the container is"
    advice = "Boot with systemd.unified_cgroup_hierarchy=1 to have them in records and rules."
    return Check(name, "warn", found, advice)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
