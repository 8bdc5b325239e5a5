# SPDX-License-Identifier: Apache-2.0
"""How stat(2) tells files apart on file systems that keep it in structures of their own.

Owns the search for these structures in the type information of the kernel and of its modules.
Source: fs/btrfs/inode.c (btrfs_getattr), fs/overlayfs/file.c (ovl_open).
"""

import contextlib
import functools
from pathlib import Path
from typing import NamedTuple

from execaudit.errors import NotImplementedByKernel
from execaudit.kernel.btf import KERNEL_BTF, Btf
from execaudit.wire import record


class FileSystems(NamedTuple):
    """The members of struct config (bpf/wire.h) about file systems; 0: not known."""

    overlay_file: int = record.OVERLAY_UNKNOWN
    overlay_upper: int = 0
    btrfs_root_back: int = 0
    btrfs_anon_dev: int = 0


def find_file_systems() -> FileSystems:
    """Return what the kernel says now: it has a module's types once the module is loaded."""
    folder = Path(KERNEL_BTF).parent
    return _search(*(name for name in ("btrfs", "overlay") if (folder / name).exists()))


@functools.lru_cache(maxsize=1)  # the type information takes some 20 ms to read
def _search(*modules: str) -> FileSystems:
    with contextlib.suppress(NotImplementedByKernel), Btf() as kernel:
        overlay, btrfs = _overlay(kernel), _btrfs(kernel)
        for module in modules:
            with (
                contextlib.suppress(NotImplementedByKernel),
                Btf(module=module, base=kernel) as own,
            ):
                overlay = overlay if overlay[0] else _overlay(own)
                btrfs = btrfs if btrfs[0] else _btrfs(own)
        return FileSystems(*overlay, *btrfs)
    return FileSystems()


def _overlay(btf: Btf) -> tuple[int, int]:
    """Return which enum overlay_file holds, and `overlay_upper`; zeros without overlayfs."""
    if not btf.struct_size("ovl_inode"):
        return record.OVERLAY_UNKNOWN, 0
    inode = btf.find_bit("ovl_inode", "vfs_inode")
    upper = btf.find_bit("ovl_inode", "__upperdentry")
    upper_at = 0 if inode is None or upper is None or upper <= inode else (upper - inode) // 8
    if not btf.struct_size("ovl_file"):
        return record.OVERLAY_REAL, upper_at
    is_first = btf.find_bit("ovl_file", "realfile") == 0
    return (record.OVERLAY_STRUCT if is_first else record.OVERLAY_UNKNOWN), upper_at


def _btrfs(btf: Btf) -> tuple[int, int]:
    """Return `btrfs_root_back` and `btrfs_anon_dev`; zeros where the types lack them."""
    inode, root = btf.find_bit("btrfs_inode", "vfs_inode"), btf.find_bit("btrfs_inode", "root")
    device = btf.find_bit("btrfs_root", "anon_dev")
    if inode is None or root is None or device is None or inode <= root:
        return 0, 0
    return (inode - root) // 8, device // 8
