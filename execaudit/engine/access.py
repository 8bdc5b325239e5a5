# SPDX-License-Identifier: Apache-2.0
"""Whether BPF may be used at all, and the reason in one sentence where it may not.

Owns the reading of a refusal: the kernel gives one errno for many reasons. It costs the loading of
two programs of a few instructions.
"""

import errno
import os
from pathlib import Path

from execaudit.errors import ExecauditError, NoPermission, NotImplementedByKernel
from execaudit.kernel import hooks, libbpf

_STATUS = Path("/proc/self/status")
_LOCKDOWN = Path("/sys/kernel/security/lockdown")
_CAP_SYS_ADMIN, _CAPS_OF_BPF = 1 << 21, 1 << 38 | 1 << 39  # include/uapi/linux/capability.h
_SEE_DOCTOR = "(execaudit doctor says what is missing)"


def check_access() -> None:
    """Raise NoPermission or NotImplementedByKernel where tracing is refused whatever is loaded."""
    point = hooks.SUCCESS["on_exec"]
    try:
        os.close(libbpf.create_map(libbpf.MAP_ARRAY, "trial", 4, 4, 1))
        os.close(hooks.load_trial(point))
    except OSError as error:
        raise explain_refusal(error) from error
    try:
        os.close(hooks.load("trial", hooks.READ_KERNEL, point, None))
    except OSError as error:
        raise NotImplementedByKernel(
            f"Failed to read the kernel's memory: {os.strerror(error.errno or 0)}:"
            f" {_lockdown()}keeps BPF programs from it, and with them what was executed"
            f" {_SEE_DOCTOR}"
        ) from error


def explain_refusal(error: OSError) -> ExecauditError:
    """Return what to raise for an error of bpf(2); its text has the errno's."""
    said = f"Failed to use BPF: {os.strerror(error.errno or 0)}"
    if error.errno == errno.ENOSYS:
        return NotImplementedByKernel(
            f"{said}: the kernel was built without bpf(2) (CONFIG_BPF_SYSCALL), or a seccomp"
            f" filter, such as a container's, hides it {_SEE_DOCTOR}"
        )
    if error.errno not in (errno.EPERM, errno.EACCES):
        return ExecauditError(f"{said} {_SEE_DOCTOR}")
    if not _has_capabilities():
        return NoPermission(
            f"{said}; run as root, or with the capabilities CAP_BPF and CAP_PERFMON {_SEE_DOCTOR}"
        )
    return NoPermission(
        f"{said}, although the capabilities are there: a security module (SELinux, AppArmor) or a"
        f" seccomp filter, such as a container's, refuses bpf(2) {_SEE_DOCTOR}"
    )


def _has_capabilities() -> bool:
    for line in _STATUS.read_text(errors="replace").splitlines():
        if line.startswith("CapEff:"):
            mask = int(line.split()[1], 16)
            return bool(mask & _CAP_SYS_ADMIN) or mask & _CAPS_OF_BPF == _CAPS_OF_BPF
    return False


def _lockdown() -> str:
    """Return what keeps BPF programs from the kernel's memory, as far as that is known."""
    try:
        is_confidential = "[confidentiality]" in _LOCKDOWN.read_text()
    except OSError:
        return "the kernel's lockdown (confidentiality) "
    return "lockdown=confidentiality " if is_confidential else "the kernel "
