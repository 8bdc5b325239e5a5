# SPDX-License-Identifier: Apache-2.0
"""The smallest initrd that brings a Debian kernel to a root file system on a virtio disk.

Owns which modules that takes, the init script and the archive format. It must not know what the
disks hold beyond their order: root, kernel (modules and headers), payload (a plain tar).
"""

import lzma
import stat
from pathlib import Path

NEEDED = ("virtio_pci", "virtio_blk", "ext4")
# Soft dependencies of ext4, not present or not modules in every kernel.
WANTED = ("crc32c_generic", "crc32c_intel")

INIT = """#!/bin/busybox sh
die() { echo "initrd: $*"; /bin/busybox poweroff -f; }
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
for module in MODULES; do insmod "/modules/$module" || echo "initrd: no $module"; done
tries=0
while [ ! -b /dev/vdc ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
mount -t ext4 /dev/vda /root || die "cannot mount the root file system"
mount -t ext4 -o ro /dev/vdb /root/kernel || die "cannot mount the kernel's disk"
mkdir -p /root/lib/modules /root/usr/src
mount -o bind /root/kernel/lib/modules /root/lib/modules
mount -o bind /root/kernel/usr/src /root/usr/src
tar -x -f /dev/vdc -C /root || die "cannot unpack the payload"
mount -o move /dev /root/dev
umount /proc /sys
exec switch_root /root /lib/systemd/systemd
"""


def _module_name(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".ko")[0].replace("-", "_")


def _load_order(modules: Path) -> list[str]:
    """Paths below `modules` in the order in which insmod takes them."""
    dependencies: dict[str, list[str]] = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        dependencies[path] = rest.split()
    by_name = {_module_name(path): path for path in dependencies}
    builtin = {_module_name(p) for p in (modules / "modules.builtin").read_text().split()}
    order: list[str] = []

    def add(path: str) -> None:
        # modules.dep lists all that a module needs, the nearest first.
        for needed in [*reversed(dependencies[path]), path]:
            if needed not in order:
                order.append(needed)

    for name in (*WANTED, *NEEDED):
        if name in by_name:
            add(by_name[name])
        elif name in NEEDED and name not in builtin:
            raise RuntimeError(f"Failed to make an initrd: {modules.name} has no {name}")
    return order


def _module_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix != ".ko":
        raise RuntimeError(f"Failed to read '{path}': unknown compression")
    return data


def _cpio(files: dict[str, tuple[int, bytes]]) -> bytes:
    """A newc archive (kernel Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = bytearray()
    for name, (mode, data) in [*files.items(), ("TRAILER!!!", (0, b""))]:
        raw = name.encode() + b"\0"
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + "".join(f"{field:08X}" for field in fields).encode() + raw
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return bytes(out)


def make(modules: Path, busybox: Path) -> bytes:
    """Return the initrd, uncompressed.

    `modules` is the kernel's directory below /lib/modules, depmod done; `busybox` is a static one.
    """
    directory, executable = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    empty = ("bin", "dev", "modules", "proc", "root", "sys")
    files: dict[str, tuple[int, bytes]] = dict.fromkeys(empty, (directory, b""))
    files["bin/busybox"] = executable, busybox.read_bytes()
    names = []
    for path in _load_order(modules):
        names.append(f"{_module_name(path)}.ko")
        files[f"modules/{names[-1]}"] = executable, _module_bytes(modules / path)
    files["init"] = executable, INIT.replace("MODULES", " ".join(names)).encode()
    return _cpio(files)
