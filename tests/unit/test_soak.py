# SPDX-License-Identifier: Apache-2.0
"""What a soak counts in a log that is rotated, and what it calls bad."""

import dataclasses
import gzip
import json
from pathlib import Path

import pytest

from tests.soak.chart import draw
from tests.soak.judge import judge
from tests.soak.kernel_count import CHECKED
from tests.soak.log_count import LogCount
from tests.soak.samples import Figures, Sample

NS = 10**9


def line(seq: int, **more: object) -> bytes:
    record = {
        "time": f"2026-01-01T00:00:{seq % 60:02}.000000000Z",
        "type": "exec",
        "cpu": 0,
        "seq": seq,
        "pid": seq,
        "result": "success",
        "filename": "/bin/true",
        **more,
    }
    return json.dumps(record).encode() + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "x.jsonl"


@pytest.fixture
def count(log: Path) -> LogCount:
    return LogCount(lambda: log)


def total(count: LogCount) -> int:
    return count.count_until(2**63)


def test_log_is_counted_once_through_rotation_and_compression(log: Path, count: LogCount) -> None:
    rotated = log.with_name(f"{log.name}.20260101T000000Z")
    log.write_bytes(line(1) + line(2)[:20])
    count.poll()
    assert total(count) == 1
    rotated.write_bytes(line(1) + line(2) + line(3))
    log.write_bytes(line(4))
    count.poll()
    rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()
    log.write_bytes(line(4) + line(5))
    count.poll()
    assert (total(count), count.repeated, count.broken) == (5, 0, [])


def test_generation_that_was_compressed_between_two_looks_is_counted(
    log: Path, count: LogCount
) -> None:
    log.write_bytes(line(1))
    count.poll()
    name = f"{log.name}.20260101T000000Z.gz"
    log.with_name(name).write_bytes(gzip.compress(line(1) + line(2)))
    log.write_bytes(line(3))
    count.poll()
    assert total(count) == 3


def test_execs_are_counted_by_their_time_and_repeated_ones_once(log: Path, count: LogCount) -> None:
    log.write_bytes(line(1) + line(2) + line(1) + line(30) + line(3, result="ENOENT"))
    count.poll()
    first_ns = 1767225600 * NS
    assert count.count_until(first_ns + 2 * NS) == 2
    assert count.count_until(first_ns + 60 * NS) == 3
    assert count.repeated == 1


def test_checks_of_daemons_do_not_count(log: Path, count: LogCount) -> None:
    log.write_bytes(line(1, filename=CHECKED))
    count.poll()
    assert total(count) == 0


def test_losses_of_execs_and_of_the_file_count_as_lost(log: Path, count: LogCount) -> None:
    losses = [{"hook": "exec"}, {"hook": "execve"}, {"sink": "file"}, {"sink": "journal"}, {}]
    lines = [
        json.dumps({"type": "lost", "reason": "ring", "count": 10**place, **of}) + "\n"
        for place, of in enumerate(losses)
    ]
    log.write_text("".join(lines))
    count.poll()
    assert count.missing() == 10101


@pytest.mark.parametrize("broken", [b'{"type":"ex\n', b"\n", b'{"time":"x"}\n', b'"type"\n'])
def test_line_that_is_no_record_is_broken(log: Path, count: LogCount, broken: bytes) -> None:
    log.write_bytes(line(1) + broken + line(2))
    count.poll()
    assert count.broken == [broken[:-1]]
    assert total(count) == 2


def samples(**end: int) -> list[Sample]:
    """Return two hours of a good run, whose last half hour differs as said."""
    good = Figures(pid=1, resident_kib=1000, descriptors=30, threads=2, recorded=100)
    bad = dataclasses.replace(good, **end)
    return [
        Sample(float(minute), 100, 5, good, bad if minute > 90 else good) for minute in range(121)
    ]


def bad_texts(run: list[Sample], **happened: int) -> list[str]:
    return [
        verdict.text for verdict in judge(run, happened, is_whole=True) if verdict.is_good is False
    ]


def test_good_run_is_good() -> None:
    assert bad_texts(samples(resident_kib=1050), restart=1) == []
    assert bad_texts(samples(resident_kib=1060, table_bytes=10240), restart=1) == []


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ({"resident_kib": 1051}, "resident KiB"),
        ({"descriptors": 31}, "descriptors"),
        ({"threads": 3}, "threads"),
        ({"pid": 2}, "process"),
        ({"missing": 1}, "by the kernel's count"),
        ({"missing": 1, "lost": 7}, "by the kernel's count"),
        ({"missing": -1}, "by the kernel's count"),
        ({"repeated": 1}, "twice"),
        ({"broken": 1}, "no records"),
    ],
)
def test_run_is_bad_where_something_is_wrong_at_its_end(end: dict[str, int], says: str) -> None:
    (text,) = bad_texts(samples(**end))
    assert says in text


def test_loss_that_is_reported_is_not_bad_and_may_be_of_others() -> None:
    assert bad_texts(samples(missing=3, lost=8)) == []


@pytest.mark.parametrize(("unaudited", "is_good"), [(0, True), (8, True), (9, False), (-1, False)])
def test_what_auditd_did_not_log_is_bad_but_for_what_it_lost_and_others(
    unaudited: int, is_good: bool
) -> None:
    run = samples()
    run[-1] = dataclasses.replace(run[-1], unaudited=unaudited, audit_lost=3)
    assert (bad_texts(run) == []) == is_good


def test_run_in_which_something_never_happened_is_bad() -> None:
    assert bad_texts(samples(), restart=1, upgrade=0) == [
        "what happened: {'restart': 1, 'upgrade': 0}"
    ]


def test_run_that_was_ended_early_is_not_judged_by_what_never_happened() -> None:
    assert judge(samples(), {"upgrade": 0}, is_whole=False)[-1].is_good is None


def test_growth_is_not_judged_in_a_short_run() -> None:
    run = samples()[:30]
    run[-1] = dataclasses.replace(run[-1], steady=Figures(pid=1, resident_kib=5, recorded=100))
    assert [verdict.is_good for verdict in judge(run, {}, is_whole=True)[:3]] == [None] * 3


def test_chart_has_a_line_for_each_daemon_in_each_panel() -> None:
    text = draw(samples(resident_kib=1050))
    assert text.count("<polyline") == 18
    assert "resident memory" in text
