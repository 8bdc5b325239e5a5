# SPDX-License-Identifier: Apache-2.0
"""What `execaudit trace` prints of a host's records, live or of a recording."""

import json
from typing import Any

from execaudit.records.encoder import JsonEncoder
from execaudit.records.host import Host
from execaudit.trace.follow import Keep, Output
from tests.records import join, make_host


class Printed:
    """An output, and what it has printed."""

    def __init__(self, keep: Keep | None = None, host: Host | None = None) -> None:
        self.host = host or make_host()
        self.data = b""
        lines = JsonEncoder(self.host)
        self.output = Output(self.host, (b"LD_PRELOAD=",), self._write, lines, keep)

    def _write(self, data: memoryview) -> int:
        part = bytes(data[:1000])  # as a pipe that is nearly full
        self.data += part
        return len(part)

    def feed(self, *records: bytes) -> list[dict[str, Any]]:
        """Put one batch through; return the records that are printed of it."""
        self.data = b""
        self.output.batch(*join(*records))
        return [json.loads(line) for line in self.data.splitlines()]
