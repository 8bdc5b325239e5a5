# SPDX-License-Identifier: Apache-2.0
"""From a record to its line, in the schema that a sink was told to write.

Owns which schemas there are, and the bound on a line's length.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from execaudit.formats.trim import trim
from execaudit.records.fields import FieldDict
from execaudit.records.text import dumps

Adapter = Callable[[FieldDict], FieldDict]


class Format(NamedTuple):
    """A schema: what makes its document of a record's fields (None: nothing to do)."""

    adapt: Adapter | None


def _adapter(schema: str) -> Adapter:
    """The adapter in the module of that name, imported for the first record that goes through."""

    def adapt(fields: FieldDict) -> FieldDict:
        made: FieldDict = importlib.import_module(f"execaudit.formats.{schema}").adapt(fields)
        return made

    return adapt


FORMATS = {
    "execaudit": Format(None),
    "ecs": Format(_adapter("ecs")),
    "ocsf": Format(_adapter("ocsf")),
}
"""By the name that `format` takes in the configuration."""


def make_line(fields: FieldDict, name: str, max_line_bytes: int = 0) -> bytes:
    """One line with its newline, trimmed to `max_line_bytes` (0: as long as it is)."""
    adapt = FORMATS[name].adapt

    def encode(fields: FieldDict) -> bytes:
        return dumps(adapt(fields) if adapt else fields) + b"\n"

    line = encode(fields)
    if not max_line_bytes or len(line) <= max_line_bytes:
        return line
    return trim(fields, encode, max_line_bytes)
