# SPDX-License-Identifier: Apache-2.0
"""What tests need to give sinks entries that are finished already."""

from typing import Any, Protocol, cast

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


class Batched(Protocol):
    """What of a sink takes a batch."""

    def add(self, event: Event, /) -> None:
        """Take an event into the batch."""

    def flush(self) -> None:
        """Write the batch."""


def write(sink: Batched, entries: list[bytes]) -> None:
    """Have a sink write a batch of finished entries."""
    for entry in entries:
        sink.add(cast("Event", entry))
    sink.flush()
