# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of a sink, and a sink of its encoder.

Owns the two protocols. File, journal and standard output follow the first by way of
`queued_sink.QueuedSink`.
"""

from typing import Any, Protocol, TypeVar

from execaudit.sinks.losses import Counters, Losses
from execaudit.sinks.notices import Notices
from execaudit.sinks.selection import Selection
from execaudit.wire.event import Event

SettingsT_contra = TypeVar("SettingsT_contra", contravariant=True)


class Encoder(Protocol):
    """Makes the entries of one format: lines with their newline, or entries of the journal."""

    @property
    def format(self) -> str:
        """The format's name. Entries of one format can go to any sink that has it."""

    def encode(self, event: Event, /) -> bytes:
        """Return the entry of an exec or exit."""

    def encode_fields(self, fields: dict[str, Any], /) -> bytes:
        """Return the entry of a record of the daemon itself."""


class Sink(Protocol[SettingsT_contra]):
    """Takes records and delivers them; what it cannot deliver it counts and reports.

    Nothing but `close` ever waits for a disk, a journal or a reader.

    Attributes:
        name: as the section of the configuration is named.
        encoder: makes its entries.
        selection: which events it takes, None for all.
        counters: what went through it.
        losses: incidents, to be taken and recorded once they have ended.
        notices: what it has to say in the log, to be taken.

    """

    name: str
    encoder: Encoder
    selection: Selection | None
    counters: Counters
    losses: Losses
    notices: Notices

    @property
    def last_record(self) -> dict[str, Any] | None:
        """The last record that the run before left there, None where that is not known."""

    @property
    def undelivered(self) -> int:
        """Entries that were taken and are neither written nor reported as lost."""

    def selects(self, event: Event, /) -> bool:
        """Return True if it takes the event; count it otherwise."""

    def add(self, event: Event, /) -> None:
        """Take an event into the batch."""

    def add_fields(self, fields: dict[str, Any], /) -> None:
        """Take a record of the daemon itself into the batch."""

    def flush(self) -> None:
        """Write the batch, in one go; keep or count what cannot be written now."""

    def on_timer(self, now_s: float, /) -> float | None:
        """Do what is due at `now_s` of CLOCK_MONOTONIC; return when to call again.

        None: not before something is written.
        """

    def rotate(self) -> None:
        """Begin another file, where there are files."""

    def status(self) -> dict[str, Any]:
        """Return what `execaudit status` shows beside the counters."""

    def fits(self, settings: SettingsT_contra, /) -> bool:
        """Return True if it can go on under other settings."""

    def configure(
        self, settings: SettingsT_contra, encoder: Encoder, selection: Selection | None, /
    ) -> None:
        """Go on under settings that fit, with all that waits and was counted."""

    def close(self, successor: "Sink[Any] | None" = None, /) -> None:
        """Deliver what waits, for some seconds at most; count the rest as lost.

        A successor goes on with the counts. Where it has the same format, it also gets the
        records of the daemon itself that wait. What was lost can be taken from this sink.
        """

    def take_over(self, counters: Counters, entries: list[bytes], /) -> None:
        """Go on with the counts of a closed sink, and write what waited there."""
