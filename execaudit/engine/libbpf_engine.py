# SPDX-License-Identifier: Apache-2.0
"""The libbpf engine: loads the CO-RE object that was compiled when the package was built."""

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from execaudit.engine import locations
from execaudit.errors import ExecauditError, NoPermission, NotImplementedByKernel
from execaudit.kernel import libbpf
from execaudit.kernel.btf import KERNEL_BTF
from execaudit.kernel.hooks import AttachPoint


def load(
    points: dict[str, AttachPoint], sizes: dict[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Load the programs named in `points`, with `sizes` as the entries of the maps named there.

    Returns the descriptors of the programs and of all maps by name; they are the caller's. Raises
    NoPermission, NotImplementedByKernel with the kernel's reason, or NotConfigured.
    """
    fast, path = map(str, locations.object_paths())
    handle = _open(fast, points, sizes)
    is_loaded = libbpf.object_load(handle) >= 0
    if not is_loaded:
        libbpf.object_close(handle)
        handle = _open(path, points, sizes)
    try:
        if not is_loaded:
            _load(handle, path, points, sizes)
        programs = {
            name: os.dup(libbpf.program_fd(program))
            for name, program in _walk(handle, libbpf.object_next_program, libbpf.program_name)
            if name in points
        }
        maps = {
            name: os.dup(libbpf.map_fd(item))
            for name, item in _walk(handle, libbpf.object_next_map, libbpf.map_name)
        }
    finally:
        # The descriptors keep programs and maps alive; the object's own memory can go.
        libbpf.object_close(handle)
    return programs, maps


def _open(path: str, points: dict[str, AttachPoint], sizes: dict[str, int]) -> int:
    """Open an object for these programs and sizes of maps; the caller closes it."""
    handle = libbpf.object_open_file(path.encode(), None)
    if not handle:
        raise ExecauditError(f"Failed to open '{path}': {os.strerror(ctypes.get_errno())}")
    for name, program in _walk(handle, libbpf.object_next_program, libbpf.program_name):
        libbpf.program_set_autoload(program, name in points)
    for name, item in _walk(handle, libbpf.object_next_map, libbpf.map_name):
        if name in sizes:
            libbpf.map_set_max_entries(item, sizes[name])
    return int(handle)


def _walk(
    handle: int, advance: Callable[..., Any], name_of: Callable[..., Any]
) -> Iterator[tuple[str, Any]]:
    item = advance(handle, None)
    while item:
        yield name_of(item).decode(), item
        item = advance(handle, item)


def _load(handle: int, path: str, points: dict[str, AttachPoint], sizes: dict[str, int]) -> None:
    code = -libbpf.object_load(handle)
    if code <= 0:
        return
    if code == errno.EPERM:  # EACCES is what the verifier says of a bad access
        raise NoPermission(
            f"Failed to load '{path}': {os.strerror(code)}; CAP_BPF and CAP_PERFMON are needed,"
            " and on kernels before 5.11 a locked memory limit of infinity"
        )
    if not Path(KERNEL_BTF).exists():
        raise NotImplementedByKernel(
            f"Failed to load '{path}': the kernel has no BTF ({KERNEL_BTF}); use --engine bcc"
        )
    raise NotImplementedByKernel(
        f"Failed to load '{path}': {os.strerror(code)}; the kernel said:"
        f" {_reason(path, points, sizes)}"
    )


def _reason(path: str, points: dict[str, AttachPoint], sizes: dict[str, int]) -> str:
    """Load once more and return the first of libbpf's warnings: what the kernel refused."""
    lines: list[str] = []

    # The va_list is passed on to vsnprintf as it came.
    vsnprintf = ctypes.CDLL(None).vsnprintf
    vsnprintf.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p)

    def keep(level: int, text: bytes, arguments: int) -> int:
        if level == libbpf.PRINT_WARNING:
            buffer = ctypes.create_string_buffer(4096)
            vsnprintf(buffer, len(buffer), text, arguments)
            lines.append(buffer.value.decode(errors="replace").strip())
        return 0

    with contextlib.ExitStack() as stack:
        callback = libbpf.PRINT_FUNCTION(keep)
        libbpf.set_print(ctypes.cast(callback, ctypes.c_void_p))
        stack.callback(libbpf.set_print, None)
        handle = _open(path, points, sizes)
        stack.callback(libbpf.object_close, handle)
        libbpf.object_load(handle)
    reasons = [line for line in lines if "failed" in line or "invalid" in line or "unknown" in line]
    return " | ".join((reasons or lines)[:3]) or "nothing"
