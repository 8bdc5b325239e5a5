# SPDX-License-Identifier: Apache-2.0
"""Counts tracepoint hits with perf events: how many execs the whole machine made, from elsewhere.

The storms' arithmetic must be exact on a machine where other programs run too, so that what the
tracer says is held against the kernel's own counters. Nothing here is shared with the tracer.
"""

import ctypes
import fcntl
import os
import platform
import struct
import subprocess
from pathlib import Path
from types import TracebackType

from tests.integration.requirements import give_up

# include/uapi/linux/perf_event.h
_PERF_TYPE_TRACEPOINT = 2
_ATTR_BYTES = 128
_IOC_SET_FILTER = 0x40082406
_SYS_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
_FLAG_PID_CGROUP = 4
_FLAG_FD_CLOEXEC = 8
# tracefs may not be mounted: look from a mount namespace where it is.
_READ_ID = 'mount -t tracefs none /sys/kernel/tracing 2>/dev/null; cat "/sys/kernel/tracing/$1/id"'

_libc = ctypes.CDLL(None, use_errno=True)


class TracepointCount:
    """Hits of one tracepoint on all processors since it was made, optionally filtered.

    `group` is the directory of a control group of version 2: only its processes count then, and
    those of the groups below.
    """

    def __init__(
        self, event: str, condition: str | None = None, *, group: Path | None = None
    ) -> None:
        number = _read_id(event)
        of = os.open(group, os.O_RDONLY | os.O_CLOEXEC) if group else -1
        try:
            self._fds = [_open(number, cpu, of) for cpu in sorted(os.sched_getaffinity(0))]
        finally:
            if group:
                os.close(of)
        if condition:
            for fd in self._fds:
                fcntl.ioctl(fd, _IOC_SET_FILTER, condition.encode() + b"\0")

    def __enter__(self) -> "TracepointCount":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, trace: TracebackType | None
    ) -> None:
        for fd in self._fds:
            os.close(fd)

    def read(self) -> int:
        """Hits so far."""
        return sum(struct.unpack("=Q", os.read(fd, 8))[0] for fd in self._fds)


def _read_id(event: str) -> int:
    answer = subprocess.run(
        ["unshare", "-m", "sh", "-c", _READ_ID, "sh", f"events/{event}"],
        capture_output=True,
        check=False,
        text=True,
    )
    if answer.returncode:
        give_up(f"tracefs has no {event}: {answer.stderr}")
    return int(answer.stdout)


def _open(number: int, cpu: int, group: int) -> int:
    attr = struct.pack("=IIQ", _PERF_TYPE_TRACEPOINT, _ATTR_BYTES, number).ljust(_ATTR_BYTES, b"\0")
    flags = _FLAG_FD_CLOEXEC | (_FLAG_PID_CGROUP if group >= 0 else 0)
    fd = _libc.syscall(_SYS_PERF_EVENT_OPEN[platform.machine()], attr, group, cpu, -1, flags)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"perf_event_open: {os.strerror(code)}")
    return int(fd)
