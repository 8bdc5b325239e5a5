# SPDX-License-Identifier: Apache-2.0
"""A pipeline, and batches of records for it."""

import json
from typing import Any

from execaudit.records.fields import FieldDict
from execaudit.records.pipeline import Keep, Pipeline

from execaudit.wire import record
from tests.records import (
    exec_record,
    join,
    make_host,
)

SECOND = 10**9


HOOKS = record.HOOKS


EXIT = HOOKS.index("exit")


def make_pipeline(keep: Keep | None = None) -> Pipeline:
    return Pipeline(make_host(), (b"LD_PRELOAD=",), keep)


def feed(pipeline: Pipeline, *records: bytes) -> list[FieldDict]:
    """Put one batch through; the records that come out as JSON, read back."""
    return [json.loads(line) for line in pipeline.lines(*join(*records))]


def nth(seq: int, **members: Any) -> bytes:
    """Return the exec with this sequence number, one for each second."""
    return exec_record(b"x%d" % seq, seq=seq, time_ns=seq * SECOND, **members)


def seconds(fields: FieldDict) -> tuple[int, int]:
    """Return the time span of a lost record in seconds since boot."""
    host = make_host()
    by_text = {host.time(at * SECOND): at for at in range(1000)}
    return by_text[fields["first"]], by_text[fields["last"]]


def assert_adds_up(pipeline: Pipeline) -> None:
    counts = pipeline.counts
    assert counts.seen == counts.shown + counts.filtered + counts.lost
