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
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.encoder import JsonEncoder, render_line
from execaudit.records.record import record_fields
from execaudit.table.lines import Table, TableOptions
from execaudit.trace.filters import EventFilter
from execaudit.trace.follow import Keep, Output
from execaudit.wire import record
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event
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
TABLE = Table(TableOptions(time=True, timestamp=True, print_uid=True, print_pcomm=True), 80)
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
    text = line.decode("utf-8")
    assert not any(code < 0x20 or 0x7F <= code < 0xA0 for code in map(ord, text))
    fields = json.loads(text)
    assert fields["type"] in ("exec", "exit", "lost")
    assert not set(fields.get("unreadable", ())) & fields.keys()
    return dict(fields)


class Lines(JsonEncoder):
    """The lines of a trace, each of which is that of the fields; the table can show these too."""

    def encode(self, event: Event) -> bytes:
        line = super().encode(event)
        fields = record_fields(event, self._host)
        assert line == render_line(fields)
        shown = TABLE.line(fields)
        assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
        return line


class Trace:
    """A trace of damaged records."""

    def __init__(self, keep: Keep | None = None) -> None:
        host = make_host()
        self.data = b""
        self.output = Output(
            host, ENV_NAMES, self._write, Lines(host), keep, measures_durations=True
        )

    def _write(self, data: memoryview) -> int:
        self.data += data
        return len(data)

    def run(self, *batches: tuple[bytes, list[int]]) -> None:
        """Put batches through and settle; assert that all is accounted for, line by line."""
        for batch in batches:
            self.output.batch(*batch)
        self.output.settle([[slot()]] * len(record.HOOKS), {}, 10**12)
        assert self.data.endswith(b"\n") or not self.data
        out = [check_line(line) for line in self.data.split(b"\n")[:-1]]
        counts, events = self.output.counts, self.output.accounting.counts
        assert counts.shown == sum(fields["type"] != "lost" for fields in out)
        assert events.lost == sum(fields["count"] for fields in out if fields["type"] == "lost")
        assert events.seen == counts.shown + counts.filtered + events.lost
        records = sum(len(offsets) for _, offsets in batches)
        assert counts.shown + counts.filtered + events.undecodable <= records


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3100), max_size=6))
def test_any_bytes_give_valid_lines_or_none(buf: bytes, offsets: list[int]) -> None:
    Trace().run((buf, offsets))


@given(st.binary(min_size=200, max_size=3000), st.integers(1, 4), st.integers(0, 5))
def test_any_bytes_behind_a_good_header_give_valid_lines_or_none(
    body: bytes, kind: int, hook: int
) -> None:
    head = exec_record(b"x", kind=kind, hook=hook, size=record.HEAD.size + len(body))

    Trace().run((head[: record.HEAD.size] + body, [0]))


@given(streams(), st.booleans())
def test_damaged_records_give_valid_lines_or_are_counted(
    records: list[bytes], is_filtered: bool
) -> None:
    keep = EventFilter(user="0", name="s", line="x|")

    Trace(keep if is_filtered else None).run(join(*records))


@given(streams())
def test_damaged_records_give_the_same_in_one_batch_and_in_many(records: list[bytes]) -> None:
    # Each record in a buffer of its own ends where its bytes end; joined, others lie behind it.
    padded = [raw + bytes(len(LONG)) for raw in records]
    together, apart = Trace(), Trace()

    together.run(join(*padded))
    apart.run(*((raw, [0]) for raw in padded))

    assert together.data == apart.data


@pytest.mark.parametrize("spread", ["one record", "one processor", "all processors"])
def test_flood_of_chunks_takes_bounded_memory(spread: str) -> None:
    decoder = Decoder()
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
            assert list(decoder.decode(raw, [0])) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 80 << 20
