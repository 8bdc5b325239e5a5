# SPDX-License-Identifier: Apache-2.0
"""Redaction of an Event, before anything is made of its arguments and variables.

Owns which blocks of an Event are redacted. What a secret is, `redact` knows.
"""

from execaudit.records.record import strings_of
from execaudit.records.redact import Redactor
from execaudit.wire.blocks import join_strings
from execaudit.wire.event import Event


def redact_event(event: Event, redactor: Redactor) -> None:
    """Replace secrets in `argv` and `env` of an event, and note where."""
    if event.argv:
        if event.argv_gaps:
            gaps = [gap.index for gap in event.argv_gaps]
            result = redactor.redact(strings_of(event.argv), gaps)
            if result.touched:
                event.argv = join_strings(result.values)
                event.redacted_argv = tuple(result.touched)
        elif (found := redactor.redact_block(event.argv)) is not None:
            event.argv, touched = found
            event.redacted_argv = tuple(touched)
            event.is_plain = False
    if event.env and (found := redactor.redact_block(event.env)) is not None:
        event.env, touched = found
        event.redacted_env = tuple(touched)
        event.is_plain = False
