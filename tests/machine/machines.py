# SPDX-License-Identifier: Apache-2.0
"""The machines that QEMU makes of its parts, one for each architecture of guests.

Owns the names that processors, serial ports and the kernel's console have there. It must not know
what a guest is for.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: the start of QEMU's command line, and names of its serial ports in the guest."""

    command: tuple[str, ...]
    console: str
    output: str
    result: str
    boards: tuple[str, ...] = ()

    def ports(self, *chardevs: str) -> list[str]:
        """Return QEMU's options that give the machine these character devices as serial ports."""
        own = len(chardevs) - len(self.boards)
        options = [word for each in chardevs[:own] for word in ("-serial", f"chardev:{each}")]
        for board, each in zip(self.boards, chardevs[own:], strict=True):
            options += ["-device", f"{board},chardev={each}"]
        return options


MACHINES = {
    "amd64": Machine(("qemu-system-x86_64", "-cpu", "max"), "ttyS0", "ttyS1", "ttyS2"),
    # With pointer authentication, in the emulator's own cheap cipher; one serial port on the board.
    "arm64": Machine(
        ("qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"),
        "ttyAMA0",
        "ttyS0",
        "ttyS1",
        ("pci-serial", "pci-serial"),
    ),
}
"""By Debian's name of the architecture."""
