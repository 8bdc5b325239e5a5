# SPDX-License-Identifier: Apache-2.0
"""The doctor's checks of /proc and /sys, over machines laid out in folders."""

from collections.abc import Callable
from pathlib import Path

import pytest

from execaudit.doctor import preflight
from execaudit.doctor.check import KERNEL, PERMISSION, Check

INITIAL = "user:[4026531837]"


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("proc/self/ns/"):
            path.symlink_to(text)
        else:
            path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("machine", "status"), [("x86_64", "pass"), ("aarch64", "pass"), ("riscv64", "fail")]
)
def test_kernel_architecture(machine: str, status: str) -> None:
    check = preflight.check_kernel(machine, "6.1.0")
    assert check.status == status
    assert check.found == f"6.1.0 on {machine}"
    assert check.exit_status == (KERNEL if status == "fail" else 0)


@pytest.mark.parametrize(
    ("mask", "namespace", "status", "found"),
    [
        ("000001ffffffffff", INITIAL, "pass", "CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN"),
        ("000000c000000000", INITIAL, "pass", "CAP_BPF, CAP_PERFMON"),
        ("0000000000200000", INITIAL, "pass", "CAP_SYS_ADMIN"),
        ("0000008000000000", INITIAL, "fail", "CAP_PERFMON not in effect"),
        ("0000004000000000", INITIAL, "fail", "CAP_BPF not in effect"),
        ("0000000000000000", INITIAL, "fail", "CAP_BPF and CAP_PERFMON not in effect"),
        (
            "000001ffffffffff",
            "user:[4026532999]",
            "fail",
            "inside a user namespace, where no capability permits tracing",
        ),
    ],
)
def test_capabilities(tmp_path: Path, mask: str, namespace: str, status: str, found: str) -> None:
    root = lay_out(
        tmp_path,
        {
            "proc/self/status": f"Name:\tx\nCapPrm:\t{'f' * 16}\nCapEff:\t{mask}\nCapBnd:\t0\n",
            "proc/self/ns/user": namespace,
        },
    )
    check = preflight.check_capabilities(root)
    assert (check.status, check.found) == (status, found)
    if status == "fail":
        assert check.exit_status == PERMISSION
        assert "CAP_BPF" in check.advice
        assert "CAP_PERFMON" in check.advice


BTF = "sys/kernel/btf/vmlinux"
LOCKDOWN = "sys/kernel/security/lockdown"
UNPRIVILEGED = "proc/sys/kernel/unprivileged_bpf_disabled"
PARANOID = "proc/sys/kernel/perf_event_paranoid"
JIT = "proc/sys/net/core/bpf_jit_enable"
CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"
CGROUP = "proc/self/cgroup"
OLD_CGROUPS = (
    "version 1 without a hierarchy of systemd's: records say that cgroup, unit and others are"
    " unreadable, or that the container is"
)
NAMED_CGROUPS = "version 1 (legacy or hybrid): records use systemd's own hierarchy"
ADMIN = {"proc/self/status": "CapEff:\t0000000000200000\n"}
PRIVILEGED = "2: privileged processes only"
NO_ADMIN = "3: no kretprobes and classic tracepoints without CAP_SYS_ADMIN"

FILE_CHECKS: list[tuple[Callable[[Path], Check], dict[str, str], str, str]] = [
    (preflight.check_btf, {}, "warn", f"no /{BTF}"),
    (preflight.check_cgroups, {}, "warn", "none"),
    (preflight.check_cgroups, {CGROUP: "0::/user.slice\n"}, "pass", "version 2"),
    (preflight.check_cgroups, {CGROUP: "3:memory:/a\n0::/\n"}, "warn", OLD_CGROUPS),
    (preflight.check_cgroups, {CGROUP: "1:name=systemd:/a\n0::/\n"}, "pass", NAMED_CGROUPS),
    (preflight.check_btf, {BTF: "x" * 4096}, "pass", f"/{BTF}, 4 KiB"),
    (preflight.check_lockdown, {}, "pass", "not in use, or securityfs is not mounted"),
    (preflight.check_lockdown, {LOCKDOWN: "[none] integrity confidentiality\n"}, "pass", "none"),
    (preflight.check_lockdown, {LOCKDOWN: "none [integrity]\n"}, "pass", "integrity"),
    (preflight.check_lockdown, {LOCKDOWN: "none [confidentiality]\n"}, "fail", "confidentiality"),
    (
        preflight.check_unprivileged_bpf,
        {UNPRIVILEGED: "2\n"},
        "pass",
        "2: privileged processes only",
    ),
    (preflight.check_unprivileged_bpf, {}, "pass", "unknown"),
    (preflight.check_perf_paranoid, {PARANOID: "3\n"}, "warn", NO_ADMIN),
    (preflight.check_perf_paranoid, {PARANOID: "3\n", **ADMIN}, "pass", "3"),
    (preflight.check_perf_paranoid, {PARANOID: "-1\n"}, "pass", "-1"),
    (preflight.check_tracefs, {}, "warn", "not mounted: no classic tracepoints"),
    *(
        (preflight.check_tracefs, {f"{folder}/events/enable": "0"}, "pass", f"/{folder}")
        for folder in ("sys/kernel/tracing", "sys/kernel/debug/tracing")
    ),
    (preflight.check_jit, {JIT: "1\n"}, "pass", "on"),
    (preflight.check_jit, {JIT: "0\n"}, "warn", "off: programs are interpreted"),
    (preflight.check_jit, {}, "pass", "not visible here"),
    (preflight.check_clock, {CLOCK: "tsc\n"}, "pass", "tsc"),
    (preflight.check_clock, {CLOCK: "hpet\n"}, "warn", "hpet: slow to read"),
    (preflight.check_clock, {CLOCK: "jiffies\n"}, "warn", "jiffies: times are milliseconds apart"),
]


@pytest.mark.parametrize(("examine", "files", "status", "found"), FILE_CHECKS)
def test_check_of_files(
    tmp_path: Path,
    examine: Callable[[Path], Check],
    files: dict[str, str],
    status: str,
    found: str,
) -> None:
    check = examine(lay_out(tmp_path, files))
    assert (check.status, check.found) == (status, found)
    assert bool(check.advice) == (status != "pass")


def test_check_facts_gives_each_check_once(tmp_path: Path) -> None:
    names = [check.name for check in preflight.check_facts(tmp_path, "x86_64", "6.1")]
    assert len(names) == len(set(names)) == 10


def test_every_failure_has_an_exit_status_and_one_sentence(tmp_path: Path) -> None:
    lay_out(tmp_path, {"sys/kernel/security/lockdown": "none integrity [confidentiality]"})
    failures = [
        check for check in preflight.check_facts(tmp_path, "mips", "6.1") if check.status == "fail"
    ]
    assert {check.name for check in failures} == {"kernel", "capabilities", "lockdown"}
    for check in failures:
        assert check.exit_status
        assert check.advice.count(". ") == 0
        assert check.advice.endswith(".")
