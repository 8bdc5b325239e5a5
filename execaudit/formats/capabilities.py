# SPDX-License-Identifier: Apache-2.0
"""Names of capabilities, for schemas that have names instead of masks.

Source: include/uapi/linux/capability.h of Linux 6.18. A bit without a name has its number instead.
"""

from collections.abc import Iterable

_NAMES = (  # noqa: SIM905 - as a list they would take 41 lines
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP"
    " LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER"
    " SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE"
    " SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP"
    " MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF"
    " CHECKPOINT_RESTORE"
).split()
_BITS = 64


def capability_names(mask: int) -> list[str]:
    """Return the names of the bits that are set, lowest bit first."""
    return [
        f"CAP_{_NAMES[bit]}" if bit < len(_NAMES) else str(bit)
        for bit in range(_BITS)
        if mask >> bit & 1
    ]


def capability_mask(names: Iterable[str]) -> int:
    """Return the mask of names as `capability_names` returns them. Raises ValueError."""
    return sum(1 << _bit_of(name) for name in names)


def _bit_of(name: str) -> int:
    text = name.removeprefix("CAP_")
    return int(text) if text.isdigit() else _NAMES.index(text)
