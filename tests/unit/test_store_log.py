# SPDX-License-Identifier: Apache-2.0
"""Logs are read back whole, in order, and only where a period may be."""

import gzip
import os
import random
import resource
from pathlib import Path

import pytest

from execaudit.errors import ExecauditError
from execaudit.store.broken import Broken
from execaudit.store.chunks import LINE_LIMIT
from execaudit.store.log import BEFORE_BYTES, Log, open_log
from execaudit.store.part import Part
from execaudit.store.times import ALWAYS, SECOND_NS, Span
from tests.log_files import BEGIN_S, compress, exec_fields, lines_of, own_fields, rotated


def read(log: Log, span: Span = ALWAYS, size: int = 0) -> list[bytes]:
    """Return the lines that are read for a period."""
    pieces = log.pieces(span)
    if size:
        pieces = [each for piece in pieces for each in piece.split(size)]
    chunks = [chunk for piece in pieces for chunk in piece.chunks(log.broken)]
    return [line for chunk in chunks for line in chunk.data.splitlines()]


def within(lines: list[bytes], span: Span) -> list[bytes]:
    from execaudit.store.line_formats import NATIVE

    return [line for line in lines if NATIVE.fits(line) and span.has(NATIVE.time_of(line))]


def seconds(begin: float, end: float) -> Span:
    return Span(int((BEGIN_S + begin) * SECOND_NS), int((BEGIN_S + end) * SECOND_NS))


def test_rotated_files_come_before_the_live_one_and_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rotated(path, 100).write_bytes(lines_of(exec_fields(1)))
    rotated(path, 200).write_bytes(lines_of(exec_fields(2)))
    compress(rotated(path, 100))
    rotated(path, 200, 1).write_bytes(lines_of(exec_fields(3)))
    path.write_bytes(lines_of(exec_fields(4)))
    (tmp_path / "a.jsonl.torn-20261123T000000Z").write_bytes(b'{"time')
    log = open_log(str(path))
    assert read(log) == lines_of(*map(exec_fields, (1, 2, 3, 4))).splitlines()
    log.close()


def test_file_both_plain_and_compressed_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    data = lines_of(exec_fields(1))
    rotated(path, 100).write_bytes(data)
    rotated(path, 100, suffix=".gz").write_bytes(gzip.compress(data))
    log = open_log(str(path))
    assert read(log) == data.splitlines()
    log.close()


def test_log_of_more_files_than_a_shell_permits_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = [exec_fields(second) for second in range(100)]
    for second, record in enumerate(records):
        rotated(path, second).write_bytes(lines_of(record))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        log = open_log(str(path))
        assert read(log) == lines_of(*records).splitlines()
        log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_missing_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExecauditError, match="No such file"):
        open_log(str(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("seed", range(8))
def test_pieces_hold_every_line_once_wherever_they_are_split(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    path = tmp_path / "a.jsonl"
    records = [
        exec_fields(second, argv=["x" * chance.choice((1, 10, 5000, 200_000))])
        for second in range(60)
    ]
    path.write_bytes(lines_of(*records))
    log = open_log(str(path))
    assert read(log, size=chance.randrange(1000, 300_000)) == lines_of(*records).splitlines()
    log.close()


def test_period_reads_little_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = [exec_fields(second, argv=["x" * 3000]) for second in range(8000)]
    path.write_bytes(lines_of(*records))
    log = open_log(str(path))
    span = seconds(7000, 7010)
    found = read(log, span)
    assert within(found, span) == lines_of(*records[7000:7011]).splitlines()
    assert sum(map(len, found)) < BEFORE_BYTES + (1 << 20)
    log.close()


def test_files_beside_the_period_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(5):
        records = [exec_fields(1000 * number + second) for second in range(1000)]
        rotated(path, 1000 * (number + 1)).write_bytes(lines_of(*records))
        compress(rotated(path, 1000 * (number + 1)))
    path.write_bytes(lines_of(exec_fields(5000)))
    log = open_log(str(path))
    found = [(piece.part.path, piece.end) for piece in log.pieces(seconds(2500, 2510))]
    # Of the one behind, only what stands before its first event.
    assert found == [(f"{rotated(path, 3000)}.gz", None), (f"{rotated(path, 4000)}.gz", 1)]
    log.close()


@pytest.mark.parametrize("is_compressed", [False, True])
def test_records_written_while_the_clock_was_back_are_found(
    tmp_path: Path, *, is_compressed: bool
) -> None:
    path = tmp_path / "a.jsonl"
    before = [exec_fields(s, argv=["x" * 2000]) for s in range(2000)]
    back = [exec_fields(s, clock_s=-1500, argv=["y" * 2000]) for s in range(2000, 4000)]
    rotated(path, 2600).write_bytes(lines_of(*before, *back))
    if is_compressed:
        compress(rotated(path, 2600))
    path.write_bytes(lines_of(*(exec_fields(s, clock_s=-1500) for s in range(4000, 4100))))
    log = open_log(str(path))
    span = seconds(1000, 1100)
    wanted = [*before[1000:1101], *back[500:601]]
    assert within(read(log, span), span) == lines_of(*wanted).splitlines()
    log.close()


def test_time_that_is_none_in_a_compressed_file_does_not_end_the_search(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    broken = {**exec_fields(2), "time": "2026-13-45T99:99:99.000000000Z"}
    rotated(path, 100).write_bytes(lines_of(exec_fields(1), broken))
    compress(rotated(path, 100))
    path.write_bytes(lines_of(exec_fields(200)))
    log = open_log(str(path))
    assert read(log, seconds(0, 50))[:1] == lines_of(exec_fields(1)).splitlines()
    log.close()


def test_samples_of_a_file_without_events_read_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    others = lines_of(own_fields("config", 2, old="a" * 100, new="b" * 100)) * 40_000
    path.write_bytes(lines_of(exec_fields(1), exec_fields(1, clock_s=-50)) + others)
    sizes: list[int] = []
    pread = os.pread

    def count(fd: int, size: int, offset: int) -> bytes:
        data = pread(fd, size, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", count)
    log = open_log(str(path))
    log.pieces(seconds(0, 10))
    assert sum(sizes) < 50 * path.stat().st_size  # each line costs a read of 8 KiB
    log.close()


def test_start_record_before_older_events_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    start = own_fields("start", 1000, gap={"traced": True})
    path.write_bytes(
        lines_of(*map(exec_fields, range(500)), start, *map(exec_fields, range(501, 3000)))
    )
    log = open_log(str(path))
    span = seconds(995, 1005)
    assert lines_of(start).strip() in within(read(log, span), span)
    log.close()


def test_start_record_in_the_next_file_is_read_for_a_period_that_ends_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    rotated(path, 2000).write_bytes(lines_of(*map(exec_fields, range(100))))
    start = own_fields("start", 2000, gap={"traced": False})
    path.write_bytes(lines_of(start, exec_fields(2001)))
    log = open_log(str(path))
    assert lines_of(start).strip() in read(log, seconds(90, 200))
    log.close()


def test_truncated_gzip_gives_what_it_has_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = [exec_fields(s, argv=[str(s * 0.7853981)]) for s in range(3000)]
    data = gzip.compress(lines_of(*records))
    rotated(path, 100, suffix=".gz").write_bytes(data[: len(data) // 2])
    log = open_log(str(path))
    found = read(log)
    assert found == lines_of(*records).splitlines()[: len(found)]
    assert len(found) > 1000
    assert log.broken.files == 1
    assert "ends in the middle" in log.broken.named[0]
    log.close()


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    data = bytearray(gzip.compress(lines_of(*map(exec_fields, range(300)))))
    data[len(data) // 2] ^= 0xFF
    rotated(path, 100, suffix=".gz").write_bytes(data)
    log = open_log(str(path))
    read(log)
    assert log.broken.files == 1
    log.close()


@pytest.mark.parametrize("cut", [b"", b"garbage"])
def test_damaged_gzip_gives_all_that_is_whole_before_the_damage(tmp_path: Path, cut: bytes) -> None:
    path = tmp_path / "a.jsonl"
    records = [exec_fields(s, argv=[str(s * 0.7853981)]) for s in range(3000)]
    data = bytearray(gzip.compress(lines_of(*records)))
    data[-8] ^= 0xFF  # of the checksum
    rotated(path, 100, suffix=".gz").write_bytes(data + cut)
    log = open_log(str(path))
    found = read(log)
    assert found == lines_of(*records).splitlines()[: len(found)]
    assert len(found) >= 2999
    assert log.broken.files == 1
    assert "is damaged: " in log.broken.named[0]
    log.close()


def test_gzip_with_a_damaged_second_member_gives_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    first = lines_of(*map(exec_fields, range(300)))
    rotated(path, 100, suffix=".gz").write_bytes(gzip.compress(first) + b"no member of gzip")
    log = open_log(str(path))
    assert read(log) == first.splitlines()
    assert log.broken.files == 1
    log.close()


@pytest.mark.parametrize("is_compressed", [False, True])
def test_line_longer_than_any_record_is_skipped_and_named(
    tmp_path: Path, *, is_compressed: bool
) -> None:
    path = tmp_path / "a.jsonl"
    name = rotated(path, 100)
    first, last = lines_of(exec_fields(1)), lines_of(exec_fields(2))
    name.write_bytes(first + b"x" * (LINE_LIMIT + (3 << 20)) + b"\n" + last)
    if is_compressed:
        compress(name)
    log = open_log(str(path))
    assert read(log) == (first + last).splitlines()
    assert log.broken.lines == 1
    assert f"byte {len(first)}: is longer" in log.broken.named[0]
    log.close()


def test_last_line_without_newline_counts_if_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    data = lines_of(exec_fields(1), exec_fields(2))
    path.write_bytes(data[:-1])
    assert read(open_log(str(path))) == data.splitlines()


@pytest.mark.parametrize(("is_growing", "lines"), [(True, 0), (False, 1)])
def test_half_line_at_the_end_is_broken_unless_it_is_being_written(
    tmp_path: Path, *, is_growing: bool, lines: int
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines_of(exec_fields(1)) + b'{"time":')
    part, broken = Part(str(path), is_growing=is_growing), Broken()
    assert len(list(part.chunks(broken))) == 1
    assert broken.lines == lines
    part.close()


def test_rotation_between_opening_and_listing_gives_no_line_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from execaudit.sinks.rotation import Series

    path = tmp_path / "a.jsonl"
    path.write_bytes(lines_of(exec_fields(1)))
    members = Series.members
    calls: list[int] = []

    def rotate_first(series: Series) -> object:
        if not calls:
            path.rename(rotated(path, 100))
            path.write_bytes(lines_of(exec_fields(2)))
        calls.append(1)
        return members(series)

    monkeypatch.setattr(Series, "members", rotate_first)
    assert read(open_log(str(path))) == lines_of(exec_fields(1), exec_fields(2)).splitlines()
