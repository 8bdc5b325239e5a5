# SPDX-License-Identifier: Apache-2.0
"""The thread for slow work: order, bound, end."""

import threading

import pytest

from execaudit.background import Background


def test_jobs_run_in_order_and_all_of_them_before_the_end() -> None:
    done: list[int] = []
    background = Background("test")
    for number in range(100):
        assert background.submit(lambda number=number: done.append(number))  # type: ignore[misc]

    assert background.stop(30, finish=True)
    assert done == list(range(100))


def test_job_is_refused_where_too_many_wait() -> None:
    begun, go_on = threading.Event(), threading.Event()
    background = Background("test", most_jobs=2)

    def hang() -> None:
        begun.set()
        go_on.wait()

    background.submit(hang)
    begun.wait()
    assert [background.submit(begun.clear) for _ in range(3)] == [True, True, False]

    go_on.set()
    assert background.stop(30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_job_that_raises_costs_no_job_after_it() -> None:
    done: list[int] = []
    background = Background("raises")

    def fail() -> None:
        raise ValueError("a job must not")

    background.submit(fail)
    for thread in threading.enumerate():
        if thread.name == "raises":
            thread.join()

    background.submit(lambda: done.append(1))
    assert background.stop(30, finish=True)
    assert done == [1]


def test_job_that_hangs_is_not_waited_for() -> None:
    go_on = threading.Event()
    background = Background("test")

    def hang() -> None:
        go_on.wait()

    background.submit(hang)

    assert not background.stop(0)
    go_on.set()
