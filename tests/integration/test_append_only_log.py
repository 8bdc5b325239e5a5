# SPDX-License-Identifier: Apache-2.0
"""The file sink on a log that may only be appended to (chattr +a)."""

from pathlib import Path

import pytest

from tests.integration.disk import Disk
from tests.lines import line, lines, seqs
from tests.private_mounts import in_private_mounts, mount_tmpfs, run
from tests.sinks import write

KIB = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@in_private_mounts
def test_half_line_in_an_append_only_file_is_finished_before_the_next(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    sink = disk.sink()
    write(sink, [line(1)])
    run("chattr", "+a", disk.path)
    disk.fill(leaving=8 * KIB)
    write(sink, lines(2, 5, "x" * 5000))
    torn = disk.path.read_bytes()
    assert not torn.endswith(b"\n"), "the disk took whole lines: nothing is tested"
    write(sink, [line(7, "after")])

    disk.ballast.unlink()
    disk.wait(sink)
    write(sink, [line(8, "after")])

    written = seqs(disk.path)
    assert disk.path.read_bytes().startswith(torn)
    assert written == [1, *range(2, written[-2] + 1), 8]
    assert sink.counters.written == len(written)
    assert sink.counters.lost == 8 - len(written)
    run("chattr", "-a", disk.path)


@in_private_mounts
def test_append_only_file_that_cannot_be_rotated_is_written_on(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    sink = disk.sink(max_file_bytes=100)
    write(sink, [line(1)])
    run("chattr", "+a", disk.path)
    for seq in range(2, 6):
        write(sink, [line(seq)])

    assert seqs(disk.path) == [1, 2, 3, 4, 5]
    assert str(sink.notices.take()).count("Failed to rotate") == 1
    run("chattr", "-a", disk.path)


@in_private_mounts
def test_torn_line_in_an_append_only_file_does_not_join_the_next(disk: Disk) -> None:
    mount_tmpfs(disk.root, "size=256k")
    disk.path.write_bytes(line(1) + b'{"torn')
    run("chattr", "+a", disk.path)
    sink = disk.sink()
    write(sink, [line(2)])

    assert disk.path.read_bytes() == line(1) + b'{"torn\n' + line(2)
    assert "ending the line" in str(sink.notices.take())
    run("chattr", "-a", disk.path)
