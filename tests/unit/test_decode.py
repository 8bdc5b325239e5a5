# SPDX-License-Identifier: Apache-2.0
"""Raw records taken apart: every slice at its place, and nothing made of damaged bytes."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.wire import record
from execaudit.wire.decode import split, split_chunk, split_exit
from tests.records import chunk_record, exec_record, exit_record, join, leaf_first

STRINGS = ("filename", "interp", "exe", "cwd", "root", "cgroup")


def test_every_string_is_sliced_at_its_place() -> None:
    raw = exec_record(
        b"sh", b"-c", env=(b"A=1",), filename=b"./s\0", interp=b"/bin/sh\0",
        exe=leaf_first(b"/usr/bin/dash"), cwd=leaf_first(b"/tmp"), root=leaf_first(b"/srv/jail"),
        cgroup=leaf_first(b"/a/b"),
    )  # fmt: skip
    buf, (at,) = join(raw)

    parts = split(buf, at)

    assert parts is not None
    assert parts.filename == b"./s\0"
    assert parts.interp == b"/bin/sh\0"
    assert parts.exe[-len(b"dash\0bin\0usr\0") :] == b"dash\0bin\0usr\0"
    assert parts.cwd == b"tmp\0"
    assert parts.root == b"jail\0srv\0"
    assert parts.cgroup[8:] == b"b\0a\0"
    assert parts.env == b"A=1\0"
    assert parts.argv == b"sh\0-c\0"


def test_numbers_are_those_of_the_record() -> None:
    members: dict[str, Any] = {
        "time_ns": 11, "hook": 3, "cpu": 12, "seq": 13, "flags": 14, "error": -2, "argc": 15,
        "pid": 16, "tid": 17, "start_ns": 18, "exec_count": 19, "nspid": 20, "chunks": 21,
        "argv_bytes": 122, "argv_head": 23, "argv_tail": 24,
        "env_bytes": 125, "env_head": 26, "env_tail": 27,
    }  # fmt: skip

    parts = split(exec_record(b"x", **members), 0)

    assert parts is not None
    assert {name: getattr(parts, name) for name in members} == members


@pytest.mark.parametrize("count", range(record.ANCESTORS + 1))
def test_ancestors_are_as_many_as_counted(count: int) -> None:
    ancestors = [(at, at + 1, at + 2, b"p") for at in range(count)]

    parts = split(exec_record(b"x", ancestors=ancestors), 0)

    assert parts is not None
    assert len(parts.ancestors) == count * record.ANCESTOR.size


def test_record_that_ends_before_its_fixed_part_is_refused() -> None:
    raw = exec_record(b"x")

    for size in (0, 1, record.HEAD.size, record.EXEC.size - 1):
        assert split(raw[:size], 0) is None


def test_record_that_breaks_off_within_its_strings_is_refused() -> None:
    raw = exec_record(b"x", b"y")

    assert split(raw, 0) is not None
    assert split(raw[:-1], 0) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"version": record.WIRE_VERSION + 1},
        {"version": 0},
        {"hook": len(record.HOOKS)},
        {"hook": 255},
        {"ancestor_count": record.ANCESTORS + 1},
        {"ancestor_count": 0xFFFF},
        {"size": 0},
        {"size": 0xFFFFFFFF},
        {"argv_inline": 0xFFFFFFFF},
        {"env_inline": 1},
        {"filename_bytes": 0},
        {"cgroup_bytes": 0xFFFF},
        {"argv_bytes": 1},  # less than the record itself carries
    ],
    ids=str,
)
def test_record_whose_lengths_disagree_is_refused(damage: dict[str, Any]) -> None:
    assert split(exec_record(b"x", b"y", **damage), 0) is None


def test_environment_longer_than_its_block_is_refused() -> None:
    assert split(exec_record(b"x", env=(b"A=1",), env_bytes=2), 0) is None


@given(st.binary(max_size=1200), st.integers(0, 40))
def test_any_bytes_are_taken_apart_or_refused(raw: bytes, at: int) -> None:
    parts = split(raw, at)

    assert parts is None or len(parts.argv) <= len(raw)
    split_chunk(raw, at)
    split_exit(raw, at)


@given(st.data())
def test_any_lengths_are_refused_or_tile_the_record(data: st.DataObject) -> None:
    raw = bytearray(exec_record(b"x" * 50, b"y", env=(b"A=1",), interp=b"/bin/sh\0"))
    at = record.EXEC.offset("filename_bytes")
    before = struct.unpack_from("@6H", raw, at)
    any_lengths = st.lists(st.integers(0, 60), min_size=6, max_size=6)
    lengths = data.draw(any_lengths | st.permutations(before))
    struct.pack_into("@6H", raw, at, *lengths)

    parts = split(bytes(raw), 0)

    assert (parts is not None) == (sum(lengths) == sum(before))
    together = parts and (
        parts.filename + parts.interp + parts.exe[32:] + parts.cwd + parts.root
        + parts.cgroup[8:] + parts.env + parts.argv
    )  # fmt: skip
    assert together in (None, bytes(raw[record.EXEC.size :]))


def test_chunk_carries_its_data() -> None:
    chunk = split_chunk(chunk_record(record.AREA_ENV, 4096, b"abc"), 0)

    assert chunk == (record.AREA_ENV, 4096, 3, b"abc")


def test_small_chunk_takes_no_more_than_it_needs_and_large_one_is_read_too() -> None:
    small, large = bytes(record.CHUNK_SMALL), bytes(record.CHUNK_SMALL + 1)
    raw = [chunk_record(record.AREA_ENV, 0, data) for data in (small, large)]

    assert [len(one) for one in raw] == sorted(record.CHUNK_SIZES)
    chunks = [split_chunk(one, 0) for one in raw]
    assert [chunk.data for chunk in chunks if chunk] == [small, large]


def test_chunk_that_was_unreadable_has_no_data() -> None:
    chunk = split_chunk(chunk_record(record.AREA_ARGV, 4096, b"", wanted=100), 0)

    assert chunk == (record.AREA_ARGV, 4096, 100, b"")


@pytest.mark.parametrize(
    "damage",
    [
        {"got": record.CHUNK_BYTES + 1},
        {"wanted": record.CHUNK_BYTES + 1},
        {"got": record.CHUNK_SMALL + 1, "wanted": record.CHUNK_SMALL + 1},
        {"wanted": record.CHUNK_SMALL + 1, "got": 0},
        {"size": max(record.CHUNK_SIZES)},  # more than there is
        {"wanted": 0},
        {"got": 4},  # more than wanted
        {"offset": 0xFFFFFFFF},
        {"area": 2},
        {"size": min(record.CHUNK_SIZES) - 1},
    ],
    ids=str,
)
def test_chunk_whose_members_disagree_is_refused(damage: dict[str, Any]) -> None:
    assert split_chunk(chunk_record(record.AREA_ARGV, 0, b"abc", **damage), 0) is None


@pytest.mark.parametrize(
    "damage", [{"wanted": record.CHUNK_BYTES + 1, "got": 0}, {"size": 1}], ids=str
)
def test_large_chunk_whose_members_disagree_is_refused(damage: dict[str, Any]) -> None:
    data = bytes(record.CHUNK_BYTES)

    assert split_chunk(chunk_record(record.AREA_ARGV, 0, data), 0) is not None
    assert split_chunk(chunk_record(record.AREA_ARGV, 0, data, **damage), 0) is None


@pytest.mark.parametrize("count", [3, record.CHUNK_BYTES])
def test_chunk_that_breaks_off_is_refused(count: int) -> None:
    raw = chunk_record(record.AREA_ARGV, 0, bytes(count))

    assert split_chunk(raw, 0) is not None
    assert split_chunk(raw[:-1], 0) is None


def test_exit_is_taken_apart() -> None:
    raw = exit_record(
        time_ns=1, cpu=2, seq=3, flags=4, start_ns=5, parent_start_ns=6, pid=7, exec_count=8,
        ppid=9, parent_exec_count=10, status=11, uid=12, comm=b"sleep",
    )  # fmt: skip

    exit_event = split_exit(raw, 0)

    assert exit_event is not None
    assert exit_event[:-1] == tuple(range(1, 13))
    assert exit_event.comm == b"sleep".ljust(16, b"\0")


@pytest.mark.parametrize("damage", [{"size": 8}, {"version": 9}], ids=str)
def test_exit_of_another_form_is_refused(damage: dict[str, Any]) -> None:
    assert split_exit(exit_record(**damage), 0) is None


def test_exit_that_breaks_off_is_refused() -> None:
    assert split_exit(exit_record()[:-1], 0) is None
