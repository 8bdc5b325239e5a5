# SPDX-License-Identifier: Apache-2.0
"""Where a file sink is tried: a directory, a clock of our own, and sinks that are closed."""

import os
from dataclasses import replace
from pathlib import Path

from execaudit.sinks.file import FileSink
from tests.clocks import FakeClock
from tests.sinks import FinishedEntries, plain_file

STAMP = "20261123T020406Z"


class Bench:
    """A directory, a clock, and sinks that are closed at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "log"
        self.path = self.directory / "execaudit.jsonl"
        self.clock = FakeClock()
        self.settings = plain_file(self.path)
        self.open_ones: list[FileSink] = []

    def sink(self, **settings: object) -> FileSink:
        """One after the other, as runs of the daemon are."""
        for before in self.open_ones:
            before.close()
        changed = replace(self.settings, **settings)  # type: ignore[arg-type]
        sink = FileSink(changed, FinishedEntries(), clock=self.clock)
        sink.tidy()
        self.open_ones.append(sink)
        return sink

    def others(self) -> list[str]:
        return sorted(p.name for p in self.directory.iterdir() if p != self.path)

    def notices(self, sink: FileSink) -> str:
        return "\n".join(text for _, text in sink.notices.take())


def wait_for(sink: FileSink) -> None:
    """Wait for the compressing thread."""
    while sink._generations._queued:
        os.sched_yield()
