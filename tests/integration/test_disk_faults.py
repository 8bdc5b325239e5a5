# SPDX-License-Identifier: Apache-2.0
"""The file sink on file systems that really fill up, fail, or turn read-only."""

import fcntl
import os
import resource
import struct
from pathlib import Path

import pytest

from execaudit.sinks.file import FileSink
from tests.integration.disk import Disk
from tests.lines import line, lines, read, seqs
from tests.private_mounts import in_private_mounts, mount_ext4, mount_tmpfs, run
from tests.sinks import write

KIB = 1024
# Linux's include/uapi/linux/ext4.h: EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32).
EXT4_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_NOLOGFLUSH = 2


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def write_until_lost(disk: Disk, sink: FileSink, *, batch: int = 7, size: int = 100) -> int:
    """Write batches until some line is lost; the number of the next line."""
    seq = 1
    while not sink.counters.lost:
        write(sink, lines(seq, batch, "x" * size))
        seq += batch
        disk.clock.advance(0.001)
    return seq


def assert_exact(disk: Disk, sink: FileSink, next_seq: int) -> None:
    """Written and lost add up, and what was written is what is there."""
    assert sink.counters.written + sink.counters.lost == next_seq - 1
    assert seqs(disk.path) == list(range(1, sink.counters.written + 1))
    assert sink.counters.bytes == disk.path.stat().st_size


@pytest.mark.parametrize("size", [0, 1, 77, 1000, 5000])
@in_private_mounts
def test_full_disk_leaves_no_half_line_and_resumes_by_itself(disk: Disk, size: int) -> None:
    mount_tmpfs(disk.root, "size=256k")
    disk.fill(leaving=64 * KIB)
    sink = disk.sink()

    seq = write_until_lost(disk, sink, size=size)

    assert_exact(disk, sink, seq)
    assert "No space left on device" in str(sink.notices.take())
    disk.wait(sink)
    assert sink.losses.take() == []
    lost = sink.counters.lost

    disk.ballast.unlink()
    disk.wait(sink)
    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("disk_full", lost)
    assert incident.first is not None
    assert incident.first.seq == sink.counters.written + 1
    assert incident.last is not None
    assert incident.last.seq == seq - 1
    write(sink, [line(seq)])
    assert seqs(disk.path)[-1] == seq
    assert f"{lost} records were lost" in str(sink.notices.take())


@in_private_mounts
def test_records_of_losses_survive_a_full_disk_and_come_first(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    disk.fill(leaving=8 * KIB)
    sink = disk.sink()
    seq = write_until_lost(disk, sink)
    write(sink, [line(seq, kind="lost"), line(seq + 1), line(seq + 2, kind="config")])
    lost = sink.counters.lost

    disk.ballast.unlink()
    disk.wait(sink)

    assert [record["type"] for record in read(disk.path)[-2:]] == ["lost", "config"]
    assert sink.counters.lost == lost
    (incident,) = sink.losses.take()
    assert incident.count == lost


@in_private_mounts
def test_count_of_losses_survives_when_the_disk_fills_again_at_once(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    disk.fill(leaving=8 * KIB)
    sink = disk.sink()
    seq = write_until_lost(disk, sink)
    disk.ballast.unlink()
    disk.wait(sink)
    (incident,) = sink.losses.take()
    disk.fill(leaving=0)
    told = line(seq, "x" * 5000, kind="lost")
    write(sink, [told])
    assert disk.path.read_bytes().count(b'"lost"') == 0

    disk.ballast.unlink()
    disk.wait(sink)

    assert disk.path.read_bytes().endswith(told)
    assert sink.counters.lost == incident.count


@in_private_mounts
def test_full_disk_at_the_start_does_not_keep_the_sink_from_starting(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k,nr_inodes=2")
    disk.ballast.touch()
    sink = disk.sink()
    write(sink, lines(1, 3))
    assert sink.counters.lost == 3

    disk.ballast.unlink()
    disk.wait(sink)

    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("disk_full", 3)
    write(sink, [line(4)])
    assert seqs(disk.path) == [4]


@in_private_mounts
def test_full_disk_at_the_start_is_cleaned_of_what_compressing_left(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k,nr_inodes=2")
    (disk.root / f".{disk.path.name}.20261123T020406Z.gz.part").write_bytes(b"half")
    sink = disk.sink()
    assert disk.others() == []

    disk.wait(sink)
    write(sink, [line(1)])
    assert seqs(disk.path) == [1]


@in_private_mounts
def test_full_disk_makes_room_by_removing_the_oldest(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    sink = disk.sink(max_file_bytes=32 * KIB, disk_full_action="rotate-oldest")
    for first in range(1, 10_000, 10):
        write(sink, lines(first, 10, "x" * 50))
        disk.clock.advance(1)

    assert sink.counters.lost == 0
    kept = [seq for name in disk.others() for seq in seqs(disk.root / name)] + seqs(disk.path)
    assert kept == list(range(kept[0], 10_001))
    assert len(kept) > 500
    assert "to make room" in str(sink.notices.take())


@pytest.mark.parametrize("is_started", [False, True])
@in_private_mounts
def test_full_disk_makes_room_for_a_file_that_must_be_made(disk: Disk, *, is_started: bool) -> None:
    mount_tmpfs(disk.root, "size=256k,nr_inodes=4")
    sink = disk.sink(disk_full_action="rotate-oldest")
    for seq in (1, 2):
        write(sink, [line(seq)])
        sink.rotate()
        disk.clock.advance(1)
    write(sink, [line(3)])
    disk.path.rename(disk.root / f"{disk.path.name}.1")
    if is_started:  # after the first was killed
        sink = disk.sink(disk_full_action="rotate-oldest")
        disk.wait(sink)
    write(sink, [line(4)])

    assert (sink.counters.lost, seqs(disk.path)) == (0, [4])
    assert disk.others() == [f"{disk.path.name}.1", f"{disk.path.name}.20261123T020407Z"]


@in_private_mounts
def test_full_disk_without_anything_to_remove_drops_and_counts(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    sink = disk.sink(disk_full_action="rotate-oldest")

    assert_exact(disk, sink, write_until_lost(disk, sink))


@in_private_mounts
def test_low_space_drops_new_records_and_resumes_above_the_threshold(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=1m")
    sink = disk.sink(space_left=600 * KIB, space_low=300 * KIB, space_low_action="drop-new")
    write(sink, [line(1)])
    disk.fill(leaving=500 * KIB)
    disk.clock.advance(1)
    write(sink, [line(2)])
    assert "less than space_left" in str(sink.notices.take())
    disk.fill(leaving=200 * KIB)
    disk.clock.advance(1)
    write(sink, [line(3)])
    write(sink, [line(4)])
    assert (sink.counters.written, sink.counters.lost) == (2, 2)
    assert "dropping new records" in str(sink.notices.take())

    disk.ballast.unlink()
    disk.wait(sink)

    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("disk_low", 2)
    write(sink, [line(5)])
    assert seqs(disk.path) == [1, 2, 5]
    notices = str(sink.notices.take())
    assert "enough again" in notices
    assert "2 records were lost" in notices


@in_private_mounts
def test_low_space_removes_the_oldest_until_enough_is_free(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=1m")
    for day in (18, 19, 20, 21):
        (disk.root / f"{disk.path.name}.202611{day}T000000Z").write_bytes(b"{}\n" * (50 * KIB))
    (disk.root / "mine.txt").write_bytes(b"x")
    sink = disk.sink(space_low=600 * KIB, space_low_action="rotate-oldest")
    write(sink, [line(1)])

    # 600 KiB are used, 1 MiB less 640 KiB may be: the margin of a sixteenth included.
    assert disk.others() == [
        f"{disk.path.name}.20261120T000000Z", f"{disk.path.name}.20261121T000000Z", "mine.txt",
    ]  # fmt: skip
    assert seqs(disk.path) == [1]


@in_private_mounts
def test_rotation_without_a_free_inode_goes_on_with_the_old_file(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k,nr_inodes=2")
    sink = disk.sink(max_file_bytes=100)
    for seq in range(1, 6):
        write(sink, [line(seq)])
    assert seqs(disk.path) == [1, 2, 3, 4, 5]
    assert disk.others() == []

    run("mount", "-o", "remount,nr_inodes=10", disk.root)
    disk.clock.advance(60)
    write(sink, [line(6)])

    assert seqs(disk.path) == [6]
    assert sink.counters.lost == 0


@in_private_mounts
def test_compressing_on_a_full_disk_leaves_the_plain_file(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    sink = disk.sink(compress="gzip")
    write(sink, [b'{"x":"' + os.urandom(60 * KIB).hex().encode() + b'"}\n'])
    disk.fill(leaving=0)
    sink.rotate()
    while sink._generations._queued:
        os.sched_yield()

    assert disk.others() == [f"{disk.path.name}.20261123T020406Z"]
    assert "Failed to compress" in str(sink.notices.take())
    disk.ballast.unlink()
    write(sink, [line(1)])
    sink.rotate()
    while sink._generations._queued:
        os.sched_yield()
    assert [Path(name).suffix for name in disk.others()] == [".gz", ".gz"]


@in_private_mounts
def test_read_only_file_system_is_counted_and_recovered_from(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k,ro")
    sink = disk.sink()
    write(sink, lines(1, 4))
    assert sink.counters.lost == 4

    run("mount", "-o", "remount,rw", disk.root)
    disk.wait(sink)

    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("read_only", 4)
    write(sink, [line(5)])
    assert seqs(disk.path) == [5]


@in_private_mounts
def test_file_system_that_turns_read_only_under_us_is_counted(disk: Disk) -> None:
    mount_ext4(disk.root, disk.root.parent / "image", size_kib=4096, options="errors=remount-ro")
    sink = disk.sink()
    write(sink, lines(1, 2))
    device = Path(run("findmnt", "-no", "SOURCE", disk.root).strip())
    Path(f"/sys/fs/ext4/{device.name}/trigger_fs_error").write_text("a test")
    write(sink, lines(3, 2))

    assert (sink.counters.written, sink.counters.lost) == (2, 2)
    assert seqs(disk.path) == [1, 2]
    sink.losses.end()
    assert [one.reason for one in sink.losses.take()] == ["read_only"]


@in_private_mounts
def test_device_that_fails_is_counted_and_what_replaces_it_is_written_to(disk: Disk) -> None:
    image = disk.root.parent / "image"
    mount_ext4(disk.root, image, size_kib=4096)
    sink = disk.sink()
    write(sink, lines(1, 2))
    os.sync()
    root = os.open(disk.root, os.O_RDONLY)
    fcntl.ioctl(root, EXT4_IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_NOLOGFLUSH))
    os.close(root)
    write(sink, lines(3, 2))
    assert (sink.counters.written, sink.counters.lost) == (2, 2)
    assert "Input/output error" in str(sink.notices.take())

    run("umount", "-l", disk.root)
    mount_ext4(disk.root, disk.root.parent / "other", size_kib=4096)
    disk.wait(sink)

    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("io_error", 2)
    write(sink, [line(5)])
    assert seqs(disk.path) == [5]


@in_private_mounts
def test_quota_is_counted_and_recovered_from(disk: Disk) -> None:
    """Of btrfs: it binds root too, and every kernel with btrfs has it."""
    image = disk.root.parent / "image"
    run("truncate", "-s", "128M", image)
    run("mkfs.btrfs", "-q", "--mixed", image)
    disk.root.mkdir()
    run("mount", "-o", "loop", image, disk.root)
    run("btrfs", "quota", "enable", disk.root)
    run("btrfs", "qgroup", "limit", "256K", disk.root)
    disk.root.chmod(0o750)
    sink = disk.sink()

    assert_exact(disk, sink, write_until_lost(disk, sink))
    assert "quota" in str(sink.notices.take()).lower()
    lost = sink.counters.lost
    run("btrfs", "qgroup", "limit", "none", disk.root)
    disk.wait(sink)
    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("quota", lost)
    write(sink, [line(10**6)])
    assert seqs(disk.path)[-1] == 10**6


@in_private_mounts
def test_file_at_its_size_limit_is_rotated(disk: Disk) -> None:
    """LimitFSIZE= of the unit: EFBIG."""
    mount_tmpfs(disk.root, "size=1m")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    sink = disk.sink()
    for first in range(1, 400, 5):
        write(sink, lines(first, 5))
        disk.clock.advance(1)

    kept = [seq for name in disk.others() for seq in seqs(disk.root / name)] + seqs(disk.path)
    assert kept == list(range(1, 401))
    assert len(disk.others()) >= 2


@in_private_mounts
def test_directory_taken_away_for_good_is_counted(disk: Disk) -> None:
    above = disk.root.parent / "above"
    mount_tmpfs(above, "size=1m")
    log = above / "log"
    log.mkdir(mode=0o750)
    sink = disk.sink(path=str(log / "execaudit.jsonl"))
    write(sink, [line(1)])
    (log / "execaudit.jsonl").unlink()
    log.rmdir()
    above.joinpath("log").write_text("in the way")
    write(sink, lines(2, 3))
    assert sink.counters.lost == 3

    above.joinpath("log").unlink()
    disk.wait(sink)
    write(sink, [line(5)])

    assert seqs(log / "execaudit.jsonl") == [5]
    (incident,) = sink.losses.take()
    assert (incident.reason, incident.count) == ("unavailable", 3)
