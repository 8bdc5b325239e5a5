# SPDX-License-Identifier: Apache-2.0
"""When the file sink rotates, what it names and keeps, and compresses, by a clock of our own."""

import errno
import gzip
import os
import resource
import signal
from dataclasses import replace

import pytest

from execaudit.errors import NotConfigured
from execaudit.sinks import compression, generations
from execaudit.sinks.file import FileSink
from execaudit.sinks.rotation import Series
from tests.clocks import START_S
from tests.lines import line, lines, seqs
from tests.sinks import FinishedEntries, write
from tests.unit.sink_bench import STAMP, Bench, wait_for


def test_rotates_before_the_file_would_outgrow_its_size(bench: Bench) -> None:
    size = len(line(1))
    sink = bench.sink(max_file_bytes=3 * size)
    for seq in range(1, 8):
        write(sink, [line(seq)])
        bench.clock.advance(1)

    assert seqs(bench.path) == [7]
    assert bench.others() == [
        "execaudit.jsonl.20261123T020409Z",
        "execaudit.jsonl.20261123T020412Z",
    ]
    assert [seqs(bench.directory / name) for name in bench.others()] == [[1, 2, 3], [4, 5, 6]]


def test_rotations_within_a_second_get_numbers_and_overwrite_nothing(bench: Bench) -> None:
    sink = bench.sink(max_file_bytes=1)
    for seq in range(1, 5):
        write(sink, [line(seq)])

    names = ["", "-1", "-2"]
    assert bench.others() == [f"execaudit.jsonl.{STAMP}{n}" for n in names]
    assert [seqs(bench.directory / n) for n in bench.others()] == [[1], [2], [3]]


def test_rotates_by_age_also_while_nothing_is_written(bench: Bench) -> None:
    sink = bench.sink(max_age=3600)
    assert sink.on_timer(bench.clock.now_s) is None
    write(sink, lines(1, 1))
    assert sink.on_timer(bench.clock.now_s) == pytest.approx(3600)

    bench.clock.advance(3599)
    assert sink.on_timer(bench.clock.now_s) == pytest.approx(3600)
    bench.clock.advance(1)
    assert sink.on_timer(bench.clock.now_s) is None
    assert bench.path.read_bytes() == b""
    assert bench.others() == ["execaudit.jsonl.20261123T030406Z"]


def test_age_counts_from_the_first_record_across_restarts(bench: Bench) -> None:
    write(bench.sink(max_age=3600), lines(1, 1))
    bench.clock.advance(3000)

    assert bench.sink(max_age=3600).on_timer(bench.clock.now_s) == pytest.approx(3600)


def test_age_is_not_changed_by_steps_of_the_wall_clock(bench: Bench) -> None:
    sink = bench.sink(max_age=3600)
    write(sink, lines(1, 1))
    for step_s in (-(10**6), 10**8):
        bench.clock.wall_offset_s += step_s
        assert sink.on_timer(bench.clock.now_s) == pytest.approx(3600)
    write(sink, lines(2, 1))

    assert seqs(bench.path) == [1, 2]


def test_file_older_than_its_age_rotates_with_the_first_write_after_a_restart(
    bench: Bench,
) -> None:
    write(bench.sink(), lines(1, 1))
    bench.clock.advance(10**6)
    sink = bench.sink(max_age=3600)
    write(sink, lines(2, 1))

    assert seqs(bench.path) == [2]
    assert len(bench.others()) == 1


def test_rotates_on_request_but_not_an_empty_file(bench: Bench) -> None:
    sink = bench.sink()
    sink.rotate()
    write(sink, lines(1, 1))
    sink.rotate()
    sink.rotate()
    write(sink, lines(2, 1))

    assert seqs(bench.path) == [2]
    assert bench.others() == [f"execaudit.jsonl.{STAMP}"]


def test_number_of_rotated_files_is_kept_to(bench: Bench) -> None:
    sink = bench.sink(num_logs=2)
    for seq in range(1, 6):
        write(sink, [line(seq)])
        sink.rotate()
        bench.clock.advance(1)

    assert [seqs(bench.directory / name) for name in bench.others()] == [[4], [5]]


def test_old_files_go_at_the_start_too(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o750)
    (bench.directory / "execaudit.jsonl.20250101T000000Z").write_bytes(line(1))
    (bench.directory / "execaudit.jsonl.1").write_bytes(line(1))

    bench.sink(num_logs=0, keep_age=86400)

    assert bench.others() == ["execaudit.jsonl.1"]


def test_rotated_files_are_compressed_in_the_background(bench: Bench) -> None:
    sink = bench.sink(compress="gzip")
    write(sink, lines(1, 1000))
    sink.rotate()
    wait_for(sink)

    assert bench.others() == [f"execaudit.jsonl.{STAMP}.gz"]
    data = gzip.decompress((bench.directory / bench.others()[0]).read_bytes())
    assert data == b"".join(lines(1, 1000))


def test_file_that_somebody_else_compresses_stays_plain_and_the_log_says_so_once(
    bench: Bench,
) -> None:
    bench.directory.mkdir(mode=0o750)
    plain = bench.directory / f"execaudit.jsonl.{STAMP}"
    plain.write_bytes(line(1))
    os.utime(plain, (START_S, START_S))
    half = bench.directory / f"{plain.name}.gz"
    half.write_bytes(b"half")
    sink = bench.sink(compress="gzip")
    wait_for(sink)
    sink.tidy()
    wait_for(sink)

    assert (seqs(plain), half.read_bytes()) == ([1], b"half")
    assert bench.notices(sink) == (
        f"Failed to compress '{plain.name}' to .gz: File exists, keeping it as it is until the next"
        " rotation"
    )
    half.unlink()
    sink.tidy()
    wait_for(sink)
    assert bench.others() == [half.name]


@pytest.mark.parametrize("is_urgent", [False, True])
def test_file_is_removed_with_its_compressed_copy(bench: Bench, *, is_urgent: bool) -> None:
    bench.directory.mkdir(mode=0o750)
    for name in ("20261121T000000Z", "20261121T000000Z.gz", "20261122T000000Z"):
        (bench.directory / f"execaudit.jsonl.{name}").write_bytes(line(1))
    sink = bench.sink()
    os.utime(bench.directory / "execaudit.jsonl.20261121T000000Z", (START_S, START_S))
    if is_urgent:
        assert sink._generations.remove_oldest()
    else:
        sink.prune(2)
        assert len(bench.others()) == 3
        sink.prune(1)

    assert bench.others() == ["execaudit.jsonl.20261122T000000Z"]


def test_last_record_is_known_where_a_crash_leaves_nothing_but_compressed_files(
    bench: Bench,
) -> None:
    sink = bench.sink(compress="gzip")
    write(sink, lines(1, 3))
    sink.rotate()
    wait_for(sink)
    last = bench.sink(compress="gzip").last_record

    assert last is not None
    assert last["seq"] == 3


def test_reload_that_ends_compression_lets_the_running_one_fail_as_it_would(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = bench.sink(compress="gzip")

    def reload_and_fail(*_: object) -> bool:
        sink.configure(bench.settings, FinishedEntries(), None)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(generations, "compress", reload_and_fail)
    write(sink, [line(1)])
    sink.rotate()
    wait_for(sink)

    assert f"Failed to compress 'execaudit.jsonl.{STAMP}' to .gz" in bench.notices(sink)


def test_names_collide_with_compressed_files_too(bench: Bench) -> None:
    sink = bench.sink(compress="gzip")
    for seq in (1, 2):
        write(sink, [line(seq)])
        sink.rotate()
        wait_for(sink)

    assert bench.others() == [f"execaudit.jsonl.{STAMP}-1.gz", f"execaudit.jsonl.{STAMP}.gz"]


def test_files_left_plain_by_a_crash_are_compressed_at_the_start(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o750)
    (bench.directory / f"execaudit.jsonl.{STAMP}").write_bytes(line(1))
    (bench.directory / f".execaudit.jsonl.{STAMP}.gz.part").write_bytes(b"half")
    sink = bench.sink(compress="gzip")
    wait_for(sink)

    assert bench.others() == [f"execaudit.jsonl.{STAMP}.gz"]


def test_zstd_without_a_module_for_it_is_an_error_at_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(NotConfigured, match="zstd"):
        bench.sink(compress="zstd")


def test_newest_files_stay_where_the_clock_was_set_back(bench: Bench) -> None:
    sink = bench.sink(num_logs=3)
    for seq in range(1, 9):
        write(sink, [line(seq)])
        sink.rotate()
        bench.clock.advance(60)
        if seq == 4:
            bench.clock.wall_offset_s -= 7200

    kept = sorted(seqs(bench.directory / name)[0] for name in bench.others())
    assert kept == [6, 7, 8]
    assert [one.name for one in Series(str(bench.path)).members()] == [
        f"execaudit.jsonl.20261123T020706Z-{number}" for number in (2, 3, 4)
    ]


def test_files_named_after_a_future_that_did_not_come_still_go_by_age(bench: Bench) -> None:
    sink = bench.sink(num_logs=0, keep_age=86400)
    bench.clock.wall_offset_s += 10**9
    write(sink, [line(1)])
    sink.rotate()
    (name,) = bench.others()
    os.utime(bench.directory / name, (START_S, START_S))
    bench.clock.wall_offset_s -= 10**9
    write(sink, [line(2)])
    sink.rotate()
    assert len(bench.others()) == 2

    bench.clock.advance(86500)
    os.utime(bench.directory / f"{name}-1", (START_S + 86500, START_S + 86500))
    write(sink, [line(3)])
    sink.rotate()

    assert [seqs(bench.directory / name) for name in bench.others()] == [[2], [3]]


def test_first_record_of_the_future_rotates_after_the_whole_age_at_most(bench: Bench) -> None:
    bench.clock.wall_offset_s += 7200
    write(bench.sink(), lines(1, 1))
    bench.clock.wall_offset_s -= 14400

    assert bench.sink(max_age=3600).on_timer(bench.clock.now_s) == pytest.approx(3600)


def test_compressing_that_was_killed_half_way_is_done_again_at_the_start(bench: Bench) -> None:
    write(bench.sink(), [line(1, os.urandom(4 << 20).hex())])
    bench.open_ones[-1].close()
    write_all = compression.write_all

    def write_and_hang(fd: int, data: bytes) -> None:
        write_all(fd, data)
        signal.pause()

    child = os.fork()
    if not child:
        compression.write_all = write_and_hang
        sink = FileSink(
            replace(bench.settings, compress="gzip"), FinishedEntries(), clock=bench.clock
        )
        sink.rotate()
        wait_for(sink)
        os._exit(1)
    unfinished = bench.directory / f".execaudit.jsonl.{STAMP}.gz.part"
    while not unfinished.exists() or not unfinished.stat().st_size:
        os.sched_yield()
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert unfinished.exists()

    sink = bench.sink(compress="gzip")
    wait_for(sink)

    assert bench.others() == [f"execaudit.jsonl.{STAMP}.gz"]
    data = gzip.decompress((bench.directory / bench.others()[0]).read_bytes())
    assert len(data) > 8 << 20
    assert data.endswith(b"\n")


def test_sync_that_finds_no_descriptor_costs_no_records(bench: Bench) -> None:
    sink = bench.sink(fsync="interval", fsync_interval=5.0)
    write(sink, lines(1, 1))
    bench.clock.advance(5)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        sink.on_timer(bench.clock.now_s)
        write(sink, lines(2, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert sink.counters.lost == 0
    assert seqs(bench.path) == [1, 2]
    assert f"Failed to sync '{bench.path}': Too many open files" in bench.notices(sink)
