# SPDX-License-Identifier: Apache-2.0
"""The encoders of all formats, by the name that `format` takes in the configuration.

Owns the list of formats, the values that ECS and OCSF derive, and the bound on a line's length.
"""

import importlib
import json
from collections.abc import Callable
from typing import Any, Protocol

from execaudit.formats.derived import (
    base_name,
    join_words,
    parent_line,
    parent_words,
    to_entities,
    to_variables,
)
from execaudit.formats.trim import trim
from execaudit.records.encoder import Encoder, JsonEncoder, render_line
from execaudit.records.host import Host
from execaudit.records.record import record_fields, strings_of
from execaudit.records.text import FieldDict, decode_all, dumps
from execaudit.wire.event import Event

Adapter = Callable[[FieldDict], FieldDict]
Render = Callable[[FieldDict], bytes]

_LARGEST_SEQ = 2**31 - 1  # beyond it OCSF wants text
JOURNAL = "journal"


class AnyEncoder(Protocol):
    """Makes bytes of Events and of the daemon's own records."""

    format: str

    def encode(self, event: Event) -> bytes:
        """Return the bytes of an exec or exit."""

    def encode_fields(self, fields: FieldDict) -> bytes:
        """Return the bytes of a record of the daemon's own."""

    def follow_host(self) -> None:
        """Forget what was made with another name, clock or users of the host."""


class AdaptingEncoder(Encoder):
    """Makes documents of another schema with its adapter."""

    derived: tuple[tuple[str, bytes, bool], ...] = (
        ("argv_words", b"%b", True),
        ("time_ms", b"%d", False),
        ("start_ms", b"%d", False),
        ("duration_ns_ms", b"%d", False),
    )
    derived_of_parents = (
        ("ancestors_start", True),
        ("ancestors_entities", False),
        ("pexe_name", True),
        ("pcmdline_args", False),
        ("pcmdline_words", False),
    )

    def __init__(self, host: Host, schema: str) -> None:
        super().__init__(host, RENDERS[schema])
        self.format = schema

    def derive(self, event: Event, argv: bytes) -> tuple[Any, ...]:
        """Return the joined arguments, as the content of a JSON string, and times in ms."""
        duration_ns = event.duration_ns if event.type == "exit" else None
        words = argv[2:-2].replace(b'","', b" ")
        if b"\\" in argv:  # a quote that it escapes may look like the end of an argument
            words = dumps(join_words(json.loads(argv)))[1:-1]
        return (
            words,
            self._host.time_ms(event.time_ns),
            self._host.time_ms(event.start_ns),
            None if duration_ns is None else duration_ns // 1_000_000,
        )

    def derive_of_parents(self, fields: FieldDict) -> tuple[bytes, ...]:
        """Return values of `derived_of_parents`, as JSON text."""
        ancestors, command = fields["ancestors"], fields.get("pcmdline", "")
        return (
            ancestors[0]["start"].encode(),
            dumps(to_entities(ancestors)),
            base_name(fields.get("pexe", "")).encode(),
            dumps(parent_words(command)),
            dumps(parent_line(command)),
        )


class OcsfEncoder(AdaptingEncoder):
    """Makes events of OCSF, which has its own form for variables and for large numbers."""

    derived = (*AdaptingEncoder.derived, ("env_variables", b"%b", False))

    def __init__(self, host: Host) -> None:
        super().__init__(host, "ocsf")

    def encode(self, event: Event) -> bytes:
        """Return the bytes of an exec or exit."""
        if event.seq > _LARGEST_SEQ:
            return self._render(record_fields(event, self._host))
        return super().encode(event)

    def derive(self, event: Event, argv: bytes) -> tuple[Any, ...]:
        """Return the variables as well."""
        texts, _ = decode_all(strings_of(event.env))
        return (*super().derive(event, argv), dumps(to_variables(texts)))


class BoundedEncoder:
    """Trims lines to `limit` bytes, and marks what was left out."""

    def __init__(self, encoder: AnyEncoder, host: Host, limit: int) -> None:
        self.format = encoder.format
        self._encoder = encoder
        self._host = host
        self._limit = limit
        self.follow_host = encoder.follow_host

    def encode(self, event: Event) -> bytes:
        """Return the line of an exec or exit."""
        line = self._encoder.encode(event)
        if len(line) <= self._limit:
            return line
        return trim(record_fields(event, self._host), RENDERS[self.format], self._limit)

    def encode_fields(self, fields: FieldDict) -> bytes:
        """Return the line of a record of the daemon's own."""
        return make_line(fields, self.format, self._limit)


def _rendering(schema: str) -> Render:
    """Return a function that renders a schema; it imports the adapter for the first record."""

    def render(fields: FieldDict) -> bytes:
        adapt: Adapter = importlib.import_module(f"execaudit.formats.{schema}").adapt
        return dumps(adapt(fields)) + b"\n"

    return render


RENDERS: dict[str, Render] = {
    "execaudit": render_line,
    "ecs": _rendering("ecs"),
    "ocsf": _rendering("ocsf"),
}
"""Functions that make the line of a record's fields, by format."""


def make_encoder(
    name: str,
    host: Host,
    identifier: str,
    max_line_bytes: int = 0,
    fields: str | tuple[str, ...] = "all",
) -> AnyEncoder:
    """Return an encoder for lines of at most so many bytes (0: as long as they are).

    `name` is one of RENDERS, or "journal" for entries with the sender `identifier` and the `fields`
    that `chosen_fields` makes of them.
    """
    encoder: AnyEncoder
    if name == JOURNAL:
        from execaudit.records.journal_encoder import JournalEncoder  # noqa: PLC0415 - only there

        return JournalEncoder(host, identifier, fields)
    if name == "execaudit":
        encoder = JsonEncoder(host)
    else:
        encoder = OcsfEncoder(host) if name == "ocsf" else AdaptingEncoder(host, name)
    return BoundedEncoder(encoder, host, max_line_bytes) if max_line_bytes else encoder


def make_line(fields: FieldDict, name: str, max_line_bytes: int = 0) -> bytes:
    """Return the line of a record, trimmed to `max_line_bytes` (0: as long as it is)."""
    line = RENDERS[name](fields)
    if not max_line_bytes or len(line) <= max_line_bytes:
        return line
    return trim(fields, RENDERS[name], max_line_bytes)
