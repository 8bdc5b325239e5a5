# SPDX-License-Identifier: Apache-2.0
"""What tests need to give sinks entries that are finished already."""

from pathlib import Path
from typing import Any, cast

from execaudit.config.schema import File
from execaudit.sinks.sink import Sink
from execaudit.wire.event import Event


class FinishedEntries:
    """Stands for an encoder: what it is given are entries."""

    format = "execaudit"

    def encode(self, event: Event) -> bytes:
        """Return the event, which is an entry."""
        return cast("bytes", event)

    def encode_fields(self, fields: dict[str, Any]) -> bytes:
        """Return the fields, which are an entry."""
        return cast("bytes", fields)


def plain_file(path: Path, **settings: Any) -> File:
    """Return settings of a file without limits but those given."""
    off = ("keep_age", "keep_bytes", "space_left", "space_low", "num_logs", "max_age")
    limits = dict.fromkeys((*off, "max_file_bytes"), 0)
    return File(path=str(path), **limits | settings)


def write(sink: Sink, entries: list[bytes]) -> None:
    """Have a sink write a batch of finished entries."""
    for entry in entries:
        sink.add(cast("Event", entry))
    sink.flush()
