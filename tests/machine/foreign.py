# SPDX-License-Identifier: Apache-2.0
"""Running programs of another architecture, which making a tree of its packages takes.

Owns the entry of binfmt_misc, and its end. It must not know what runs meanwhile.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
# Of a 64-bit ELF file, little endian, executable or shared object, for the machine 183; all but the
# type's low bit and the byte of the ABI count. F: the interpreter is opened now, and is there in
# every chroot.
_MAGIC = b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\xb7\0"
_MASK = b"\xff" * 7 + b"\0" + b"\xff" * 8 + b"\xfe" + b"\xff" * 3
_INTERPRETERS = {"arm64": "/usr/bin/qemu-aarch64-static"}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@contextlib.contextmanager
def programs(architecture: str) -> Iterator[None]:
    """Have the kernel run programs of a Debian `architecture`, through QEMU where they are foreign.

    A distribution's own entry is left alone, and serves as well. Raises RuntimeError.
    """
    machine = _MACHINES[architecture]
    own = _BINFMT / f"execaudit-{os.getpid()}"
    if machine == os.uname().machine or (_BINFMT / f"qemu-{machine}").exists():
        yield
        return
    interpreter = _INTERPRETERS[architecture]
    if not Path(interpreter).exists():
        raise RuntimeError(f"Failed to run {architecture} programs: no '{interpreter}'")
    if not (_BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT], check=True)
    magic, mask = ("".join(f"\\x{byte:02x}" for byte in part) for part in (_MAGIC, _MASK))
    (_BINFMT / "register").write_text(f":{own.name}:M::{magic}:{mask}:{interpreter}:OCF")
    try:
        yield
    finally:
        own.write_text("-1")
