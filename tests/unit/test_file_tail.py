# SPDX-License-Identifier: Apache-2.0
"""The end of a file as a crash left it."""

import gzip
import os
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.sinks import file_tail
from execaudit.sinks.file_tail import (
    find_end,
    find_last_record,
    first_time,
    set_torn_end_aside,
)
from execaudit.sinks.line_file import LineFile
from execaudit.sinks.notices import Notices
from execaudit.sinks.rotation import Series
from tests.clocks import START_S
from tests.lines import line, lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir(mode=0o750)
    return directory / "execaudit.jsonl"


def open_and_mend(path: Path) -> tuple[int | None, list[str]]:
    """Return number of the last record, and what the log says."""
    file, notices = LineFile(str(path), 0o640, None), Notices()
    try:
        last = set_torn_end_aside(file, Series(str(path)), START_S, notices)
    finally:
        file.close()
    return last["seq"] if last else None, [text for _, text in notices.take()]


def torn_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob("execaudit.jsonl.torn-*"))


def test_whole_file_is_left_alone_and_gives_its_last_record(path: Path) -> None:
    path.write_bytes(b"".join(lines(1, 3)))

    assert open_and_mend(path) == (3, [])
    assert path.read_bytes() == b"".join(lines(1, 3))


@pytest.mark.parametrize(
    "torn",
    [
        b"{",
        line(4)[:-1],
        line(4)[:-2],
        b"\0" * 4096,
        b"\0" * 200_000,
        line(4)[:40] + b"\0" * 4096,
        b"not json\n",
        b"\0" * 100 + b"\n",
        b"[1]\n" + line(5)[:30],
        b"\xff\xfe\n\n\n{",
        b"x" * 300_000,
    ],
)
def test_torn_end_is_set_aside_byte_for_byte(path: Path, torn: bytes) -> None:
    whole = b"".join(lines(1, 3))
    path.write_bytes(whole + torn)

    last, texts = open_and_mend(path)

    assert path.read_bytes() == whole
    (kept,) = torn_files(path)
    assert kept.read_bytes() == torn
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert last == 3
    assert texts == [f"'{path}' ended in {len(torn)} torn bytes: set aside in '{kept.name}'"]


def test_file_of_nothing_but_a_torn_line_becomes_empty(path: Path) -> None:
    path.write_bytes(line(1)[:50])

    assert open_and_mend(path)[0] is None
    assert path.read_bytes() == b""
    assert torn_files(path)[0].read_bytes() == line(1)[:50]


def test_line_longer_than_any_block_read_is_whole(path: Path) -> None:
    path.write_bytes(line(1, "x" * 3_000_000))

    assert open_and_mend(path) == (1, [])


def test_line_that_is_nested_too_deeply_is_no_record(path: Path) -> None:
    path.write_bytes(line(1) + b"[" * 100_000 + b"]" * 100_000 + b"\n")

    assert open_and_mend(path)[0] == 1


def test_file_that_is_not_ours_loses_only_its_unfinished_line(path: Path) -> None:
    syslog = b"Nov 23 02:04:06 box sshd: hello\n" * 1000
    path.write_bytes(syslog + b"Nov 23")

    open_and_mend(path)

    assert path.read_bytes() == syslog


def test_two_torn_ends_within_a_second_are_both_kept(path: Path) -> None:
    for text in (b"{a", b"{b"):
        path.write_bytes(text)
        open_and_mend(path)

    assert {file.read_bytes() for file in torn_files(path)} == {b"{a", b"{b"}


@given(
    whole=st.integers(0, 5),
    cut=st.integers(0, 5_000),
    size=st.integers(0, 2_000),
)
def test_cut_anywhere_leaves_whole_lines_and_loses_no_byte(
    tmp_path_factory: pytest.TempPathFactory, whole: int, cut: int, size: int
) -> None:
    directory = tmp_path_factory.mktemp("cut", numbered=True)
    path = directory / "execaudit.jsonl"
    before = b"".join(lines(1, whole, "y" * size))
    path.write_bytes((before + line(whole + 1))[: len(before) + cut])
    data = path.read_bytes()

    open_and_mend(path)

    kept = b"".join(file.read_bytes() for file in torn_files(path))
    assert path.read_bytes() + kept == data
    assert path.read_bytes() in (before, before + line(whole + 1))


def test_empty_file_has_no_end_and_no_time(path: Path) -> None:
    path.touch()
    fd = os.open(path, os.O_RDONLY)

    assert find_end(fd) == (0, None)
    assert first_time(fd) == ""
    os.close(fd)


def test_age_is_that_of_the_first_record(path: Path) -> None:
    path.write_bytes(b"".join(lines(1, 3)))
    fd = os.open(path, os.O_RDONLY)

    assert first_time(fd) == "2026-11-23T02:04:06.000000001Z"
    os.close(fd)


def last_number(path: Path) -> int | None:
    last = find_last_record(Series(str(path)))
    return last["seq"] if last else None


@pytest.mark.parametrize("suffix", ["1", "1.gz", "20261123T000000Z", "20261123T000000Z.gz"])
@pytest.mark.parametrize("torn", [b"", line(4)[:40]])
def test_last_record_is_that_of_the_file_before_whoever_moved_or_compressed_it(
    path: Path, suffix: str, torn: bytes
) -> None:
    older, newest = (path.parent / f"{path.name}.{name}" for name in ("20261122T000000Z", suffix))
    older.write_bytes(line(1))
    os.utime(older, (START_S, START_S))
    text = line(2) + line(3, "x" * 200_000) + torn
    newest.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    os.utime(newest, (START_S + 1, START_S + 1))

    assert last_number(path) == 3


def test_last_record_of_a_compressed_file_that_is_long_costs_little_memory(path: Path) -> None:
    packed = path.parent / f"{path.name}.20261123T000000Z.gz"
    packed.write_bytes(gzip.compress(line(1, "x" * 1_000_000) * 50 + line(2)))
    tracemalloc.start()
    try:
        assert last_number(path) == 2
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_compressed_file_that_takes_too_long_to_read_is_left_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path.parent / f"{path.name}.20261122T000000Z").write_bytes(line(1))
    packed = path.parent / f"{path.name}.20261123T000000Z.gz"
    packed.write_bytes(gzip.compress(line(2) * 100_000))
    monkeypatch.setattr(file_tail, "_MOST_BYTES", 1 << 20)

    assert last_number(path) == 1


def test_last_record_is_sought_in_a_plain_file_where_the_newest_is_damaged(path: Path) -> None:
    for stamp, seq in (("20261121T000000Z", 1), ("20261122T000000Z", 2)):
        (path.parent / f"{path.name}.{stamp}").write_bytes(line(seq))
    (path.parent / f"{path.name}.20261123T000000Z.gz").write_bytes(b"\x1f\x8b")
    (path.parent / f"{path.name}.torn-20261123T000000Z").write_bytes(b"{")

    assert last_number(path) == 2


def test_there_is_no_last_record_without_rotated_files(path: Path) -> None:
    assert find_last_record(Series(str(path))) is None
    assert find_last_record(Series("/nowhere/at/all")) is None
