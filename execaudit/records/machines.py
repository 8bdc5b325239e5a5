# SPDX-License-Identifier: Apache-2.0
"""Names of machines that programs are made for, by e_machine of their ELF header (elf.h)."""

MACHINES = {
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
