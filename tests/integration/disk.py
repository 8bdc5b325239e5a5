# SPDX-License-Identifier: Apache-2.0
"""A directory to mount a file system at, and a file sink that writes there."""

import os
from dataclasses import replace
from pathlib import Path

from execaudit.sinks.file import FileSink
from tests.clocks import FakeClock
from tests.sinks import FinishedEntries, plain_file


class Disk:
    """A directory to mount something at, and a sink's settings for a file there."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "disk"
        self.path = self.root / "execaudit.jsonl"
        self.ballast = self.root / "ballast"
        self.clock = FakeClock()
        self.settings = plain_file(self.path)

    def sink(self, **settings: object) -> FileSink:
        changed = replace(self.settings, **settings)  # type: ignore[arg-type]
        return FileSink(changed, FinishedEntries(), clock=self.clock)

    def fill(self, leaving: int) -> None:
        """Leave so many bytes free."""
        status = os.statvfs(self.root)
        with self.ballast.open("ab") as file:
            file.write(b"\0" * max(status.f_bavail * status.f_frsize - leaving, 0))

    def wait(self, sink: FileSink) -> float:
        """Go to the sink's next deadline, as the daemon's loop does."""
        deadline = sink.on_timer(self.clock.now_s)
        assert deadline is not None
        self.clock.now_s = max(self.clock.now_s, deadline)
        sink.on_timer(self.clock.now_s)
        return deadline

    def others(self) -> list[str]:
        known = (self.path.name, self.ballast.name, "lost+found")
        return sorted(path.name for path in self.root.iterdir() if path.name not in known)
