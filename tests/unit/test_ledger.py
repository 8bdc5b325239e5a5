# SPDX-License-Identifier: Apache-2.0
"""The ledger: another process reads what was committed last, whenever the first one ends."""

import os
import signal

import pytest

from execaudit.daemon.ledger import Ledger, Standing


def standing(number: int = 1) -> Standing:
    return Standing(
        time_ns=number,
        is_stopped=False,
        position=number * 8,
        totals=(number, 0, number, 2, 3, 4, 5),
        undelivered=(0, number, 0),
        misses={0: 3, 2: number},
        streams=[(key, number, number + 1, key) for key in range(20)],
        held=[(3, number), (11, 7)],
    )


def reopen(ledger: Ledger) -> Ledger:
    other = Ledger.open(os.dup(ledger.fd))
    assert other is not None
    return other


def test_another_process_reads_what_was_committed_last() -> None:
    ledger = Ledger.create({"a": [1, "b"]}, streams=20)
    for number in range(1, 4):
        ledger.commit(standing(number))
        ledger.begin(number)
    other = reopen(ledger)
    assert other.read() == standing(3)
    assert other.description() == {"a": [1, "b"]}
    assert other.writing == 3
    other.commit(standing(9))
    assert reopen(ledger).read() == standing(9)


def test_ledger_without_a_commit_and_other_files_are_told_apart() -> None:
    ledger = Ledger.create({}, streams=1)
    with pytest.raises(ValueError, match="never"):
        ledger.read()
    for content in (b"", b"x" * 4096, b"execaudit ledger 1\n", b"execaudit ledger 2\n" * 9000):
        fd = os.memfd_create("other")
        os.write(fd, content)
        assert Ledger.open(fd) is None
        os.close(fd)
    read_fd, write_fd = os.pipe()
    assert Ledger.open(read_fd) is None
    os.close(read_fd)
    os.close(write_fd)


def test_state_larger_than_planned_is_refused_and_the_last_one_stays() -> None:
    ledger = Ledger.create({}, streams=20)
    ledger.commit(standing(1))
    large = standing(2)._replace(streams=[(key, 0, 0, 0) for key in range(4000)])
    with pytest.raises(ValueError, match=r"\d+"):
        ledger.commit(large)
    assert reopen(ledger).read() == standing(1)


def test_process_killed_at_any_moment_leaves_a_whole_state() -> None:
    ledger = Ledger.create({}, streams=20)
    ledger.commit(standing(1))
    for _ in range(20):
        read_fd, write_fd = os.pipe()
        child = os.fork()
        if not child:
            number = 1
            while True:
                number += 1
                ledger.commit(standing(number))
                if number == 50:
                    os.write(write_fd, b"x")
        os.read(read_fd, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read_fd)
        os.close(write_fd)
        found = reopen(ledger).read()
        assert found == standing(found.time_ns)
        assert found.time_ns >= 49
