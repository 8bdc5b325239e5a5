# SPDX-License-Identifier: Apache-2.0
"""The file sink by a clock of our own. Failing disks: tests/integration/test_disk_faults.py."""

import errno
import gzip
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from execaudit.errors import ExecauditError
from execaudit.sinks.file import FileSink
from tests.lines import line, lines, read, seqs
from tests.sinks import FinishedEntries, write
from tests.unit.sink_bench import STAMP, Bench, wait_for


def test_lines_are_appended_and_counted(bench: Bench) -> None:
    sink = bench.sink()
    write(sink, lines(1, 3))
    write(sink, [])
    write(sink, lines(4, 2))

    assert seqs(bench.path) == [1, 2, 3, 4, 5]
    assert sink.on_timer(bench.clock.now_s) is None
    assert (sink.counters.written, sink.counters.lost) == (5, 0)
    assert sink.counters.bytes == bench.path.stat().st_size
    assert sink.losses.take() == []


def test_second_run_goes_on_in_the_same_file(bench: Bench) -> None:
    write(bench.sink(), lines(1, 2))
    sink = bench.sink()
    write(sink, lines(3, 1))

    assert seqs(bench.path) == [1, 2, 3]
    assert sink.last_record is not None
    assert sink.last_record["seq"] == 2


def test_torn_line_of_a_crash_is_set_aside_and_reported(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o750)
    bench.path.write_bytes(line(1) + line(2)[:-5])
    sink = bench.sink()
    write(sink, lines(3, 1))

    assert seqs(bench.path) == [1, 3]
    (torn,) = bench.others()
    assert f"{len(line(2)) - 5} torn bytes: set aside in '{torn}'" in bench.notices(sink)


def test_batch_larger_than_a_file_may_be_is_written_whole(bench: Bench) -> None:
    sink = bench.sink(max_file_bytes=100)
    write(sink, lines(1, 50))

    assert seqs(bench.path) == list(range(1, 51))


def test_file_moved_by_logrotate_is_opened_again_without_losing_a_line(bench: Bench) -> None:
    sink = bench.sink()
    write(sink, lines(1, 2))
    moved = bench.path.rename(bench.directory / "execaudit.jsonl.1")
    write(sink, lines(3, 2))

    assert seqs(moved) == [1, 2]
    assert seqs(bench.path) == [3, 4]
    assert "opened it again" in bench.notices(sink)


def test_file_replaced_by_logrotate_create_is_taken_over(bench: Bench) -> None:
    sink = bench.sink()
    write(sink, lines(1, 1))
    bench.path.rename(bench.directory / "execaudit.jsonl.1")
    bench.path.touch(mode=0o600)
    sink.rotate()
    write(sink, lines(2, 1))

    assert seqs(bench.path) == [2]
    assert bench.path.stat().st_mode & 0o777 == 0o640
    assert bench.others() == ["execaudit.jsonl.1"]


def test_file_emptied_by_logrotate_copytruncate_is_appended_to(bench: Bench) -> None:
    sink = bench.sink(max_age=10, max_file_bytes=1000)
    write(sink, lines(1, 5))
    os.truncate(bench.path, 0)
    bench.clock.advance(100)
    sink.on_timer(bench.clock.now_s)
    write(sink, lines(6, 1))

    assert seqs(bench.path) == [6]
    assert bench.others() == []


def test_file_removed_between_look_and_write_gets_the_batch_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = bench.sink()
    write(sink, lines(1, 1))
    live = sink._file
    prepare = live.prepare

    def prepare_then_remove(now_s: float, size: int) -> None:
        prepare(now_s, size)
        bench.path.unlink()

    monkeypatch.setattr(live, "prepare", prepare_then_remove)
    write(sink, lines(2, 3))

    assert seqs(bench.path) == [2, 3, 4]
    assert sink.counters.lost == 0


def test_directory_removed_is_made_again(bench: Bench) -> None:
    sink = bench.sink()
    write(sink, lines(1, 1))
    bench.path.unlink()
    bench.directory.rmdir()
    write(sink, lines(2, 1))

    assert seqs(bench.path) == [2]


def test_link_put_in_the_files_place_is_not_followed_and_losses_are_reported(bench: Bench) -> None:
    victim = bench.directory.parent / "victim"
    sink = bench.sink()
    bench.path.unlink()
    bench.path.symlink_to(victim)
    write(sink, lines(1, 3))
    assert not victim.exists()
    assert (sink.counters.written, sink.counters.lost) == (0, 3)
    assert "not a regular file" in bench.notices(sink)
    assert sink.losses.take() == []

    bench.path.unlink()
    deadline = sink.on_timer(bench.clock.now_s)
    assert deadline == pytest.approx(1.0)
    bench.clock.advance(1)
    sink.on_timer(bench.clock.now_s)
    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("unavailable", 3)
    write(sink, lines(4, 1))
    assert seqs(bench.path) == [4]
    assert "3 records were lost" in bench.notices(sink)


def test_writing_nothing_proves_nothing_about_a_failed_file(bench: Bench) -> None:
    sink = bench.sink()
    bench.path.unlink()
    bench.path.mkdir()
    write(sink, lines(1, 1))
    bench.clock.advance(2)
    write(sink, [])

    assert sink.status()["is_failing"]
    assert sink.losses.take() == []


def test_link_at_the_start_is_an_error(bench: Bench) -> None:
    bench.directory.mkdir(mode=0o750)
    bench.path.symlink_to("victim")

    with pytest.raises(ExecauditError, match="not a regular file"):
        bench.sink()


def test_directory_that_cannot_be_made_at_the_start_is_an_error(bench: Bench) -> None:
    with pytest.raises(ExecauditError, match="No such file"):
        bench.sink(path=str(bench.directory / "a" / "b" / "x.jsonl"))


def test_full_disk_without_a_directory_at_the_start_is_reported_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", fail)
    sink = bench.sink()

    assert bench.notices(sink) == (
        f"Failed to write '{bench.path}': No space left on device, dropping records until it can be"
        " written again"
    )


def test_retries_of_what_does_not_mend_come_ever_more_rarely(bench: Bench) -> None:
    sink = bench.sink()
    bench.path.unlink()
    bench.path.mkdir()
    write(sink, lines(1, 1))
    waits = []
    for _ in range(9):
        deadline = sink.on_timer(bench.clock.now_s)
        assert deadline is not None
        waits.append(deadline - bench.clock.now_s)
        bench.clock.now_s = deadline
        write(sink, lines(1, 1))

    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])
    assert bench.notices(sink).count("dropping records") == 1


def test_syncs_as_configured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)

    write(bench.sink(fsync="none"), lines(1, 1))
    assert synced == []
    write(bench.sink(fsync="batch"), lines(1, 1))
    assert len(synced) == 1
    sink = bench.sink(fsync="interval", fsync_interval=5)
    write(sink, lines(1, 1))
    bench.clock.advance(1)
    write(sink, lines(1, 1))
    assert sink.on_timer(bench.clock.now_s) == pytest.approx(5)
    assert len(synced) == 2  # the one before, when it was closed
    bench.clock.advance(4)
    assert sink.on_timer(bench.clock.now_s) is None
    sink.close()
    assert len(synced) == 4  # once by the interval, once at the end
    assert sink.on_timer(bench.clock.now_s) is None


@pytest.mark.parametrize("fsync", ["none", "interval", "batch"])
def test_file_that_others_moved_is_synced_as_configured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fsync: str
) -> None:
    sink = bench.sink(fsync=fsync)
    write(sink, lines(1, 1))
    inode = bench.path.stat().st_ino
    bench.path.rename(bench.directory / "execaudit.jsonl.1")
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_ino))
    write(sink, lines(2, 1))
    sink.close()

    assert (inode in synced) is (fsync != "none")


def test_disk_that_hangs_holds_a_bounded_number_of_descriptors(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: go_on.wait())
    sink = bench.sink(fsync="interval", fsync_interval=1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for seq in range(1, 101):
        write(sink, [line(seq)])
        bench.clock.advance(1)
        sink.on_timer(bench.clock.now_s)

    assert len(list(Path("/proc/self/fd").iterdir())) < before + 10
    assert "it takes too long" in bench.notices(sink)
    assert sink.counters.written == 100
    go_on.set()


def test_every_record_is_written_or_counted_whatever_happens(bench: Bench) -> None:
    """Rotation, moves, removals and refusals in turn; the sum stays exact."""
    sink = bench.sink(max_file_bytes=2000, compress="gzip")
    seq = 0
    for turn in range(200):
        count = turn % 7
        is_blocked = bench.path.is_dir()
        if turn % 31 == 5 and not is_blocked:
            bench.path.unlink()
            bench.path.mkdir()
        elif is_blocked and turn % 31 == 9:
            bench.path.rmdir()
        elif turn % 11 == 3 and not is_blocked:
            bench.path.rename(bench.directory / f"moved-{turn}")
        write(sink, lines(seq + 1, count))
        seq += count
        bench.clock.advance(0.7)
        sink.on_timer(bench.clock.now_s)
    wait_for(sink)

    assert sink.counters.lost > 0
    assert sink.counters.written + sink.counters.lost == seq
    for path in bench.directory.iterdir():
        if path.suffix == ".gz":
            path.write_bytes(gzip.decompress(path.read_bytes()))
        read(path)


def test_file_of_a_process_that_is_about_to_end_is_waited_for(bench: Bench) -> None:
    before = bench.sink()
    write(before, lines(1, 1))
    timer = threading.Timer(0.2, before.close)
    timer.start()
    sink = FileSink(bench.settings, FinishedEntries(), patience_s=30)  # by the host's clocks
    timer.join()
    write(sink, lines(2, 1))
    sink.close()

    assert seqs(bench.path) == [1, 2]


def test_file_that_another_process_took_meanwhile_is_not_written_to(bench: Bench) -> None:
    sink = bench.sink()
    write(sink, lines(1, 1))
    bench.path.rename(bench.directory / "moved")
    other = FileSink(bench.settings, FinishedEntries(), clock=bench.clock)
    write(other, lines(100, 1))
    write(sink, lines(2, 3))

    assert seqs(bench.path) == [100]
    assert sink.counters.lost == 3
    assert f"process {os.getpid()} writes to it" in bench.notices(sink)
    other.close()
    bench.clock.advance(1)
    sink.on_timer(bench.clock.now_s)
    write(sink, lines(5, 1))
    assert seqs(bench.path) == [100, 5]


def test_other_settings_take_hold_without_the_file_being_opened_again(bench: Bench) -> None:
    sink = bench.sink(max_file_bytes=0)
    write(sink, lines(1, 3))
    inode = bench.path.stat().st_ino
    sink.configure(
        replace(bench.settings, mode=0o600, compress="gzip", max_file_bytes=1, max_age=60),
        FinishedEntries(),
        None,
    )
    assert bench.path.stat().st_ino == inode
    assert bench.path.stat().st_mode & 0o777 == 0o600
    assert sink.on_timer(bench.clock.now_s) is not None
    write(sink, lines(4, 1))
    wait_for(sink)

    assert seqs(bench.path) == [4]
    assert bench.others() == [f"execaudit.jsonl.{STAMP}.gz"]


def test_counts_and_waiting_records_of_a_closed_sink_go_on_in_its_successor(bench: Bench) -> None:
    old, other = bench.sink(), bench.directory.parent / "other"
    write(old, lines(1, 2))
    bench.path.unlink()
    bench.path.mkdir()
    write(old, [*lines(3, 2), line(5, kind="lost")])
    successor = FileSink(
        replace(bench.settings, path=str(other / "execaudit.jsonl")), FinishedEntries()
    )
    bench.open_ones.append(successor)

    old.close(successor)
    write(successor, lines(6, 1))

    (incident,) = old.losses.take()
    assert (incident.reason, incident.count) == ("unavailable", 2)
    assert seqs(other / "execaudit.jsonl") == [5, 6]
    assert (successor.counters.written, successor.counters.lost) == (4, 2)
    assert old.undelivered == successor.undelivered == 0


def test_directory_made_again_for_everybody_is_not_written_to(bench: Bench) -> None:
    sink = bench.sink()
    write(sink, lines(1, 1))
    bench.path.unlink()
    bench.directory.rmdir()
    bench.directory.mkdir()
    bench.directory.chmod(0o777)
    write(sink, lines(2, 2))
    assert list(bench.directory.iterdir()) == []
    assert "everybody can write to it" in bench.notices(sink)

    bench.directory.chmod(0o750)
    bench.clock.advance(1)
    sink.on_timer(bench.clock.now_s)
    write(sink, lines(4, 1))
    assert seqs(bench.path) == [4]
    assert sink.counters.lost == 2
