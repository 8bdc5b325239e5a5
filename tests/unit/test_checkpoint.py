# SPDX-License-Identifier: Apache-2.0
"""The checkpoint: another process reads what was committed last, whenever the first one ends."""

import os
import signal

import pytest

from execaudit.daemon.handover.checkpoint import Checkpoint, CheckpointFile, Totals


def checkpoint(number: int = 1) -> Checkpoint:
    return Checkpoint(
        time_ns=number,
        is_stopped=False,
        position=number * 8,
        totals=Totals(number, 0, number, 2, 3, 4),
        kernel_dropped=5,
        undelivered={"file": 0, "journal": number, "stdout": 0},
        misses={0: 3, 2: number},
        streams=[(key, number, number + 1, key) for key in range(20)],
        held_back=[(3, number), (11, 7)],
    )


def reopen(file: CheckpointFile) -> CheckpointFile:
    other = CheckpointFile.open(os.dup(file.fd))
    assert other is not None
    return other


def test_another_process_reads_what_was_committed_last() -> None:
    file = CheckpointFile.create({"a": [1, "b"]}, streams=20)
    for number in range(1, 4):
        file.commit(checkpoint(number))
        file.begin_batch(number)
    other = reopen(file)
    assert other.read() == checkpoint(3)
    assert other.description == {"a": [1, "b"]}
    assert other.batch_end == 3
    other.commit(checkpoint(9))
    assert reopen(file).read() == checkpoint(9)


def test_file_without_a_commit_and_other_files_are_refused() -> None:
    file = CheckpointFile.create({}, streams=1)
    with pytest.raises(ValueError, match="never"):
        file.read()
    for content in (
        b"",
        b"x" * 4096,
        b"execaudit checkpoint 2\n",
        b"execaudit checkpoint 3\n" * 9000,
    ):
        fd = os.memfd_create("other")
        os.write(fd, content)
        assert CheckpointFile.open(fd) is None
        os.close(fd)
    read_fd, write_fd = os.pipe()
    assert CheckpointFile.open(read_fd) is None
    os.close(read_fd)
    os.close(write_fd)


def test_state_larger_than_planned_is_refused_and_the_last_one_stays() -> None:
    file = CheckpointFile.create({}, streams=20)
    file.commit(checkpoint(1))
    large = checkpoint(2)._replace(streams=[(key, 0, 0, 0) for key in range(4000)])
    with pytest.raises(ValueError, match=r"\d+"):
        file.commit(large)
    assert reopen(file).read() == checkpoint(1)


def test_process_killed_at_any_moment_leaves_a_whole_state() -> None:
    file = CheckpointFile.create({}, streams=20)
    file.commit(checkpoint(1))
    for _ in range(20):
        read_fd, write_fd = os.pipe()
        child = os.fork()
        if not child:
            number = 1
            while True:
                number += 1
                file.commit(checkpoint(number))
                if number == 50:
                    os.write(write_fd, b"x")
        os.read(read_fd, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read_fd)
        os.close(write_fd)
        found = reopen(file).read()
        assert found == checkpoint(found.time_ns)
        assert found.time_ns >= 49
