# SPDX-License-Identifier: Apache-2.0
"""The memory that the C library has taken from the kernel, and how it goes back there.

Owns the calls of glibc, which other C libraries lack: they are left out there.
"""

import ctypes

_M_ARENA_MAX = -8  # malloc.h

_libc = ctypes.CDLL(None)


def use_one_heap() -> None:
    """Let threads allocate from the heap of the main thread. Call it before there are any.

    glibc gives each thread a heap of its own. trim() returns only its holes: the end stays, as
    large as it ever was. The interpreter lock makes such heaps useless for speed.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def trim() -> None:
    """Return freed memory to the kernel: malloc_trim(3)."""
    malloc_trim = getattr(_libc, "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
