# SPDX-License-Identifier: Apache-2.0
"""From a record to its line, in the schema that a sink was told to write.

Owns which schemas there are, how their lines are recognised, and the bound on a line's length.
"""

import importlib
import re
from collections.abc import Callable
from typing import NamedTuple

from execaudit.formats.trim import trim
from execaudit.records.fields import FieldDict
from execaudit.records.text import dumps
from execaudit.sinks.accounting import JSON_FORM, Form, Mark

Adapter = Callable[[FieldDict], FieldDict]


class Format(NamedTuple):
    """A schema: what makes its document of a record's fields (None: nothing to do), its lines."""

    adapt: Adapter | None
    form: Form


_EVENT_ID = rb'[0-9a-f]*-([a-z_]+)-(\d+)-(\d+)"'
_ECS = rb'\{"@timestamp":"([^"]*)","event":\{"dataset":"execaudit\.ex(?:ec|it)"'
_OCSF = rb'\{"metadata":\{"original_time":"([^"]*)","event_code":"ex(?:ec|it)"'


def _form(begin: bytes, name: bytes) -> Form:
    """By what every line of an exec or exit begins with: its time, its type, its identity."""
    is_event = re.compile(begin).match
    marked = re.compile(begin + b',"' + name + b'":"' + _EVENT_ID).match

    def mark(line: bytes) -> Mark | None:
        found = marked(line)
        if found is None:
            return None
        when, hook, cpu, seq = found.groups()
        return Mark(when.decode(), int(cpu), hook.decode(), int(seq))

    return Form(lambda line: is_event(line) is not None, mark)


def _adapter(schema: str) -> Adapter:
    """The adapter in the module of that name, imported for the first record that goes through."""

    def adapt(fields: FieldDict) -> FieldDict:
        made: FieldDict = importlib.import_module(f"execaudit.formats.{schema}").adapt(fields)
        return made

    return adapt


FORMATS = {
    "execaudit": Format(None, JSON_FORM),
    "ecs": Format(_adapter("ecs"), _form(_ECS, b"id")),
    "ocsf": Format(_adapter("ocsf"), _form(_OCSF, b"uid")),
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
