# SPDX-License-Identifier: Apache-2.0
"""What runs already: the program of every process, out of the kernel's task iterator.

Owns the short life of the program that reads it. It needs the permissions that tracing needs, where
/proc/PID/exe would need those over every other process. All of it takes as long as the engine takes
to load one program (libbpf: about 60 ms).
"""

import os
import struct
from typing import NamedTuple

from execaudit.engine.choice import choose_engine, import_load
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.capture import Settings
from execaudit.wire import record

_RING_BYTES = 4096  # a page; nothing goes there
_SCRATCH = 2  # it uses the buffer of ends, which use none
_READ_BYTES = 1 << 20
_RECORD = struct.Struct(record.RUNNING.format)


class Running(NamedTuple):
    """A process and what it runs, as struct running_record has it."""

    flags: int
    start_ns: int
    pid: int
    exec_count: int
    exe_flags: int
    path: bytes  # components leaf first


def read_running(engine: str) -> list[Running]:
    """Read all processes of our pid namespace that have a program, with one of ENGINES.

    Raises NoPermission, NotImplementedByKernel, NotConfigured or OSError.
    """
    name, _ = choose_engine(engine)
    sizes = {"events": _RING_BYTES, "scratch": _SCRATCH, "rules": 1, "rule_hits": 1}
    programs, maps = import_load(name)(hooks.RUNNING, sizes)
    try:
        libbpf.update_map(maps["config"], bytes(4), Settings().config())
        fd = libbpf.open_iterator(programs["on_task"])
        try:
            data = b"".join(iter(lambda: os.read(fd, _READ_BYTES), b""))
        finally:
            os.close(fd)
    finally:
        for each in (*programs.values(), *maps.values()):
            os.close(each)
    return split_running(data)


def split_running(data: bytes) -> list[Running]:
    """Return the processes in what the iterator wrote: struct running_record, then the path."""
    found: list[Running] = []
    at = 0
    while at + _RECORD.size <= len(data):
        flags, start_ns, pid, exec_count, exe_flags, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        path = data[at : at + size]
        found.append(Running(flags, start_ns, pid, exec_count, exe_flags, path))
        at += size
    return found
