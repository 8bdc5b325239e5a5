# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile bytes through the whole path: never an exception, never an invalid line.

EXECAUDIT_FUZZ_EXAMPLES=20000 and --timeout=0 make a long run of it (tests/conftest.py).
"""

import json
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from execaudit.records.pipeline import Pipeline
from hypothesis import given
from hypothesis import strategies as st

from execaudit.trace.filters import RecordFilter, build_filters
from execaudit.trace.table import Table, TableOptions
from execaudit.wire import record
from tests.records import (
    chunk_record,
    chunks_of,
    exec_record,
    exit_record,
    join,
    leaf_first,
    make_host,
    slot,
)

ENV_NAMES = (b"LD_PRELOAD=", b"A=")
LONG = bytes(97 + at % 26 for at in range(40000)) + b"\0"
VALID: list[Callable[[int], list[bytes]]] = [
    lambda seq: [exec_record(b"ls", b"-l", seq=seq)],
    lambda seq: [exec_record(b"a\xff", b"", b"\n\x1b[2J", "é\u202e".encode(), seq=seq)],
    lambda seq: [exec_record(b"x", env=(b"LD_PRELOAD=/x.so", b"A=\xff"), uid=1000, seq=seq)],
    lambda seq: [exec_record(b"x", error=-2, seq=seq, flags=record.FLAG_CUT_ARGV)],
    lambda seq: [
        exec_record(
            b"sh", b"s", flags=record.FLAG_SCRIPT | record.FLAG_CUT_EXE, interp=b"/bin/sh\0",
            root=leaf_first(b"/jail"), comm=b"\xff", seq=seq,
        )
    ],
    lambda seq: [
        *chunks_of(record.AREA_ARGV, LONG, 4096, seq=seq),
        exec_record(argv_block=LONG, argv_inside=4096, chunks=3, argc=1, seq=seq),
    ],
    lambda seq: [
        chunk_record(record.AREA_ENV, 100, LONG[100:9000], seq=seq),
        exec_record(b"x", env_block=LONG[:9000], env_inside=100, chunks=1, seq=seq),
    ],
    lambda seq: [exit_record(seq=seq, status=0x8B)],
    lambda seq: [exit_record(seq=seq, status=0x100, flags=record.FLAG_BAD_START)],
]  # fmt: skip
# Members that other members depend on: places worth hitting.
OFFSETS = [
    *range(record.HEAD.size),
    *range(record.EXEC.offset("flags"), record.EXEC.offset("uid")),
    *range(record.EXEC.offset("ancestors"), record.EXEC.offset("ancestors") + 24),
]
EXTREMES = st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])


@st.composite
def damaged(draw: st.DrawFn, seq: int) -> list[bytes]:
    """Records of one event, some of their bytes changed, cut off, or put in again."""
    out: list[bytes] = []
    for raw in draw(st.sampled_from(VALID))(seq):
        body = bytearray(raw)
        for _ in range(draw(st.sampled_from([0, 0, 1, 1, 3]))):
            at = draw(st.sampled_from(OFFSETS) | st.integers(0, len(body) - 1))
            if at < len(body):
                body[at] = draw(EXTREMES | st.integers(0, 255))
        fate = draw(st.sampled_from(["whole"] * 5 + ["cut", "resized", "twice", "lost"]))
        if fate == "cut":
            body = body[: draw(st.integers(0, len(body)))]
        elif fate == "resized":
            body[:4] = struct.pack("@I", draw(st.integers(0, 2**32 - 1)))
        if fate != "lost":
            out += [bytes(body)] * (2 if fate == "twice" else 1)
    return out


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    out: list[bytes] = []
    for seq in range(1, draw(st.integers(2, 7))):
        out += draw(damaged(seq))
    return out


def check_line(line: bytes) -> dict[str, Any]:
    """Assert that a line is exactly one JSON object, harmless to a terminal; return it."""
    assert line.endswith(b"\n")
    text = line[:-1].decode("utf-8")
    assert not any(code < 0x20 or 0x7F <= code < 0xA0 for code in map(ord, text))
    fields = json.loads(text)
    assert isinstance(fields, dict)
    assert fields["type"] in ("exec", "exit", "lost")
    assert not set(fields.get("unreadable", ())) & fields.keys()
    return fields


def run(pipeline: Pipeline, buf: bytes, offsets: list[int]) -> list[dict[str, Any]]:
    """Put a batch through and settle; assert that all events and lines are accounted for."""
    out = [check_line(line) for line in pipeline.lines(buf, offsets)]
    counts = pipeline.counts
    assert counts.shown == sum(fields["type"] != "lost" for fields in out)
    settled = pipeline.settle([[slot()]] * len(record.HOOKS), {}, 10**12)
    out += [check_line(pipeline.line(fields)) for fields in settled]
    assert counts.seen == counts.shown + counts.filtered + counts.lost
    assert counts.lost == sum(fields["count"] for fields in out if fields["type"] == "lost")
    assert counts.shown + counts.filtered + counts.undecodable <= len(offsets)
    return out


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3100), max_size=6))
def test_any_bytes_give_valid_lines_or_none(buf: bytes, offsets: list[int]) -> None:
    run(Pipeline(make_host(), ENV_NAMES), buf, offsets)


@given(st.binary(min_size=200, max_size=3000), st.integers(1, 4), st.integers(0, 5))
def test_any_bytes_behind_a_good_header_give_valid_lines_or_none(
    body: bytes, kind: int, hook: int
) -> None:
    head = exec_record(b"x", kind=kind, hook=hook, size=record.HEAD.size + len(body))

    run(Pipeline(make_host(), ENV_NAMES), head[: record.HEAD.size] + body, [0])


@given(streams())
def test_damaged_records_give_valid_lines_or_are_counted(records: list[bytes]) -> None:
    run(Pipeline(make_host(), ENV_NAMES), *join(*records))


@given(streams())
def test_damaged_records_give_the_same_in_one_batch_and_in_many(records: list[bytes]) -> None:
    # Each record in a buffer of its own ends where its bytes end; joined, others lie behind it.
    padded = [raw + bytes(len(LONG)) for raw in records]
    together, apart = Pipeline(make_host(), ENV_NAMES), Pipeline(make_host(), ENV_NAMES)

    lines = together.lines(*join(*padded))

    assert lines == [line for raw in padded for line in apart.lines(raw, [0])]
    assert together.counts == apart.counts


@given(streams())
def test_damaged_records_give_the_same_fast_and_slow(records: list[bytes]) -> None:
    fast = Pipeline(make_host(), ENV_NAMES)
    slow = Pipeline(make_host(), ENV_NAMES, lambda _: True)
    batch = join(*records)

    assert fast.lines(*batch) == slow.lines(*batch)
    assert fast.counts == slow.counts


@given(streams())
def test_damaged_records_pass_filters_durations_and_the_table(records: list[bytes]) -> None:
    filters = build_filters(user="0", name="s", line="x|")
    pipeline = Pipeline(make_host(), ENV_NAMES, RecordFilter(filters))
    pipeline.measure_durations()
    table = Table(TableOptions(time=True, timestamp=True, print_uid=True, print_pcomm=True), 80)

    for fields in pipeline.records(*join(*records)):
        line = table.line(fields)
        assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in line)


@pytest.mark.parametrize("spread", ["one record", "one processor", "all processors"])
def test_flood_of_chunks_takes_bounded_memory(spread: str) -> None:
    pipeline = Pipeline(make_host())
    data = bytes(record.CHUNK_BYTES)
    tracemalloc.start()
    try:
        for number in range(6000):  # 96 MiB
            raw = chunk_record(
                record.AREA_ARGV,
                0,
                data,
                seq=number if spread == "one processor" else 1,
                cpu=number if spread == "all processors" else 0,
            )
            assert pipeline.lines(raw, [0]) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 80 << 20
