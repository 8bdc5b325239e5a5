# SPDX-License-Identifier: Apache-2.0
"""The fast path gives, byte for byte, what the vocabulary says, or leaves the record to it."""

import json
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.encode import Encoder
from execaudit.records.fields import exec_fields
from execaudit.records.host import Host
from execaudit.records.pipeline import Pipeline
from execaudit.wire import record
from execaudit.wire.decode import HEAD, split
from tests.records import block, exec_record, join, leaf_first, make_host
from tests.unit.any_records import ENV_NAMES, ORDINARY_FLAGS, ordinary_records


def long_way(raw: bytes, host: Host) -> bytes:
    parts = split(raw, 0)
    assert parts is not None
    return Pipeline.line(exec_fields(parts, [], host, ENV_NAMES))


def fast_way(encoder: Encoder, raw: bytes) -> bytes | None:
    return encoder.encode(raw, 0, HEAD(raw, 0))


@given(st.lists(ordinary_records(), min_size=1, max_size=4))
def test_fast_path_gives_the_bytes_of_the_long_way(records: list[bytes]) -> None:
    host = make_host()
    encoder = Encoder(host, ENV_NAMES)

    for raw in [*records, *records]:  # with cold caches and with warm ones
        line = long_way(raw, host)
        assert fast_way(encoder, raw) in (None, line)
        assert json.loads(line)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"uid": 1000, "euid": 0, "auid": 1000, "flags": record.FLAG_PRIVILEGED},
        {"flags": record.FLAG_SCRIPT, "interp": b"/bin/sh\0"},
        {"error": -2},
        {"env": (b"LD_PRELOAD=/x.so", b"A=1")},
        {"root": leaf_first(b"/srv/jail")},
        {"filename": "é\0".encode(), "cwd": leaf_first("/ü".encode())},
        {"ancestors": ()},
        {"tid": 1001, "nspid": 1},
        {"flags": record.FLAG_CUT_ANCESTORS | record.FLAG_CWD_DELETED},
    ],
    ids=str,
)
def test_what_is_usual_takes_the_fast_path(members: dict[str, Any]) -> None:
    raw = exec_record(b"ls", "é".encode(), b"", b'"', **members)
    host = make_host()

    assert fast_way(Encoder(host, ENV_NAMES), raw) == long_way(raw, host)


@pytest.mark.parametrize(
    "members",
    [
        {"chunks": 1},
        {"argv_inside": 2},
        {"env": (b"A=1",), "env_inside": 1},
        {"comm": b"\xff"},
        {"filename": b"\xff\0"},
        {"exe": b"\xff\0"},
        {"cwd": b"\xff\0"},
        {"root": b"\xff\0"},
        {"cgroup": b"\xff\0"},
        {"interp": b"\xff\0", "flags": record.FLAG_SCRIPT},
        {"interp": b"", "flags": record.FLAG_SCRIPT},
        {"interp": b"/bin/sh\0"},
        {"ancestors": ((1, 2, 3, b"\xff"),)},
        {"env": (b"LD_PRELOAD=\xff",)},
        {"argv_block": b"a\0\xff\0"},
        {"argv_block": b"not terminated"},
        {"env_block": b"LD_PRELOAD=not terminated"},
        {"size": 3},
        {"version": 2},
        {"hook": 6},
        {"ancestor_count": 9},
        *(
            {"flags": value}
            for name, value in vars(record).items()
            if name.startswith(("FLAG_BAD_", "FLAG_CUT_")) and value not in ORDINARY_FLAGS
        ),
        {"flags": 1 << 63},
    ],
    ids=str,
)
def test_what_is_unusual_is_left_to_the_long_way(members: dict[str, Any]) -> None:
    raw = exec_record(b"ls", **members)

    assert fast_way(Encoder(make_host(), ENV_NAMES), raw) is None


@given(ordinary_records(), st.data())
def test_damaged_record_takes_no_other_form_on_the_fast_path(
    raw: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    host = make_host()

    line = fast_way(Encoder(host, ENV_NAMES), bytes(damaged))

    assert line is None or line == long_way(bytes(damaged), host)


@given(st.lists(ordinary_records(), min_size=2, max_size=2))
def test_records_that_share_a_prefix_are_not_mixed_up_in_the_caches(pair: list[bytes]) -> None:
    # One record with the strings of the other: the same lengths may lie over other bytes.
    first, second = pair
    strings_at = record.EXEC.size
    mixed = first[:strings_at] + second[strings_at:]
    mixed = struct.pack("@I", len(mixed)) + mixed[4:]
    host = make_host()
    encoder = Encoder(host, ENV_NAMES)
    fast_way(encoder, first)

    line = fast_way(encoder, mixed) if split(mixed, 0) else None

    assert line is None or line == long_way(mixed, host)


def test_caches_are_bounded_and_right_when_they_overflow() -> None:
    host = make_host()
    encoder = Encoder(host, ENV_NAMES)

    for number in range(5000):
        raw = exec_record(
            b"x", uid=number, comm=b"c%d" % number, filename=b"/f%d\0" % number,
            cwd=b"d%d\0" % number, exe=b"e%d\0" % number, cgroup=b"g%d\0" % number,
            env=(b"LD_PRELOAD=%d" % number,), ns_mnt=number, time_ns=number * 10**9,
            ancestors=((number, number, 1, b"p"),), seq=number,
        )  # fmt: skip
        line = fast_way(encoder, raw)
        if number % 500 == 0:
            assert line == long_way(raw, host)

    caches = [value for value in vars(encoder).values() if isinstance(value, dict)]
    assert len(caches) >= 10
    assert all(len(cache) <= 4096 for cache in caches)


def test_long_paths_that_never_repeat_do_not_fill_the_memory() -> None:
    # Any user can run programs under thousands of different names of 4,000 bytes.
    host = make_host()
    encoder = Encoder(host, ENV_NAMES)
    tracemalloc.start()
    try:
        for number in range(4000):
            long = b"%05d" % number + b"x" * 4000
            fast_way(encoder, exec_record(
                b"x", filename=long + b"\0", exe=long + b"\0", cwd=long + b"\0",
                env=(b"LD_PRELOAD=" + long,), error=-number,
            ))  # fmt: skip
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 8 << 20


def test_clock_step_renews_what_was_kept() -> None:
    host = make_host()
    encoder = Encoder(host, ENV_NAMES)
    raw = exec_record(b"x")
    fast_way(encoder, raw)

    host.wall_offset_ns += 10**12
    encoder.follow_host()

    assert fast_way(encoder, raw) == long_way(raw, host)


@pytest.mark.parametrize("offset_ns", [-(10**30), -1, 0, 10**30])
def test_any_clock_of_a_recording_gives_the_same_time_on_both_ways(offset_ns: int) -> None:
    host = make_host(wall_offset_ns=offset_ns)
    raw = exec_record(b"x", time_ns=2**64 - 1)

    assert fast_way(Encoder(host, ENV_NAMES), raw) == long_way(raw, host)


@pytest.mark.parametrize("names", [(), (b"=",), (b"A=", b"B="), (b"A=", b"A=")])
def test_any_choice_of_variables_gives_the_same_on_both_ways(names: tuple[bytes, ...]) -> None:
    host = make_host()
    raw = exec_record(b"x", env=(b"A=1", b"=x", b"B=", b"AA=2", b"A=3"))
    parts = split(raw, 0)
    assert parts is not None

    line = fast_way(Encoder(host, names), raw)

    assert line == Pipeline.line(exec_fields(parts, [], host, names))


def test_host_name_is_encoded_like_any_text() -> None:
    host = make_host(name='a"\\\x7f\u202e')
    raw = exec_record(b"x")

    assert fast_way(Encoder(host, ENV_NAMES), raw) == long_way(raw, host)


def test_largest_record_goes_through() -> None:
    many = [b"%d" % number for number in range(800)]
    raw = exec_record(*many, env=[b"A%d=" % number for number in range(800)])
    host = make_host()
    buf, (at,) = join(raw)

    assert Encoder(host, ENV_NAMES).encode(buf, at, HEAD(buf, at)) == long_way(raw, host)
    assert len(block(many)) < 4096
