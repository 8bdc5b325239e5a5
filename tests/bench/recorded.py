# SPDX-License-Identifier: Apache-2.0
"""Recorded execs in a ring buffer, to be read out again and again.

Owns the capture of a recording by `execaudit trace --record` and its layout as the kernel's ring,
in memory of our own, so that the daemon's own reader reads it. Times nothing.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.kernel.ring import Ring
from execaudit.records.recording import open_recording, read_steps
from execaudit.wire import record
from tests.bench.daemons import Trace
from tests.bench.session import make_mark, running
from tests.bench.workloads import SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from tests.bench.workloads import AnyWorkload

_RING = "64M"  # no loss also while another process records
_FRAME = struct.Struct("@II")
_POSITION = struct.Struct("@Q")
_HEAD = struct.Struct(record.HEAD.format)
_MEMBERS = [name for name, _ in record.HEAD.members]
_SEQUENCE_AT = record.HEAD.offset("seq")


class Recorded:
    """The marked events of a recording. `count` of them, `host` is the one they were recorded on.

    Events of other programs are left out, and the sequence numbers close the gaps.
    """

    def __init__(self, path: str, mark: bytes) -> None:
        self.host, file = open_recording(path)
        self.count = 0
        with file:
            data = b"".join(self._framed(path, file, mark))
        page = mmap.PAGESIZE
        size = page
        while size < len(data):
            size *= 2
        self._fd = os.memfd_create("recorded", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, 2 * page + 2 * size)  # what is not written takes no memory
        os.pwrite(self._fd, _POSITION.pack(len(data)), page)
        for at in range(0, len(data), 1 << 20):
            os.pwrite(self._fd, data[at : at + (1 << 20)], 2 * page + at)
        self.bytes = len(data)
        self._ring = Ring(self._fd, size)

    def _framed(self, path: str, file: BinaryIO, mark: bytes) -> Iterator[bytes]:
        sequences: Counter[tuple[int, int]] = Counter()
        for step, value in read_steps(self.host, file, path):
            if step != "batch":
                continue
            buf, offsets = value
            for at in offsets:
                head = dict(zip(_MEMBERS, _HEAD.unpack_from(buf, at), strict=True))
                length, hook, cpu = head["size"], head["hook"], head["cpu"]
                event = bytearray(buf[at : at + length])
                if mark not in event:
                    continue
                self.count += 1
                sequences[cpu, hook] += 1
                _POSITION.pack_into(event, _SEQUENCE_AT, sequences[cpu, hook])
                yield _FRAME.pack(length, 0) + event + bytes(-length % 8)

    def rewind(self) -> Ring:
        """Give the ring, full."""
        self._ring.free(0)
        self._ring.position = 0
        return self._ring

    def close(self) -> None:
        """Release it."""
        self._ring.close()
        os.close(self._fd)


def record_and_load(workload: AnyWorkload) -> Recorded:
    """Record a workload live, with the failed execs that belong to it, and give its events."""
    with tempfile.TemporaryDirectory(prefix="execaudit-", dir=SHARED_MEMORY) as scratch:
        path = Path(scratch) / "recording"
        mark = make_mark()
        tracer = Trace("recorder", "-x", "--ring-bytes", _RING, "--record", str(path))
        with running(tracer) as session:
            workload.run(mark)
            session.meter.settle()
        return Recorded(str(path), mark.encode())
