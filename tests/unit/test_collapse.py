# SPDX-License-Identifier: Apache-2.0
"""Failed PATH look-ups become part of the exec that followed, or one failure; nothing vanishes."""

from execaudit.daemon.collapse import Collapser
from execaudit.records.fields import FieldDict

SECOND = 1_000_000_000


def failure(name: str, pid: int = 7, errno: str = "ENOENT", *words: str) -> FieldDict:
    argv = [name.rsplit("/", 1)[-1], *words]
    return {"pid": pid, "filename": name, "argv": argv, "errno": errno, "result": "failure"}


def success(name: str, pid: int = 7, *words: str) -> FieldDict:
    argv = [name.rsplit("/", 1)[-1], *words]
    return {"pid": pid, "filename": name, "argv": argv, "result": "success"}


def test_search_becomes_part_of_the_exec_that_followed() -> None:
    collapser = Collapser()
    assert collapser.add_failure(failure("/a/ls"), 0) == []
    assert collapser.add_failure(failure("/b/ls"), 0) == []
    assert collapser.add_success(success("/c/ls")) == [
        {**success("/c/ls"), "path_search": ["/a/ls", "/b/ls"]}
    ]
    assert not collapser.pending


def test_search_without_success_is_one_failure_after_a_second() -> None:
    collapser = Collapser()
    collapser.add_failure(failure("/a/ls"), 0)
    collapser.add_failure(failure("/b/ls"), 10)
    assert collapser.expire(SECOND - 1) == []
    assert collapser.expire(SECOND) == [{**failure("/b/ls"), "path_search": ["/a/ls", "/b/ls"]}]


def test_single_failure_stays_as_it_is() -> None:
    collapser = Collapser()
    collapser.add_failure(failure("/a/ls"), 0)
    assert collapser.flush_all() == [failure("/a/ls")]


def test_other_command_of_the_process_ends_the_search() -> None:
    collapser = Collapser()
    collapser.add_failure(failure("/a/ls"), 0)
    assert collapser.add_success(success("/a/cat")) == [failure("/a/ls"), success("/a/cat")]


def test_other_arguments_are_another_search() -> None:
    collapser = Collapser()
    collapser.add_failure(failure("/a/ls", 7, "ENOENT", "-l"), 0)
    assert collapser.add_failure(failure("/b/ls"), 0) == [failure("/a/ls", 7, "ENOENT", "-l")]


def test_error_that_no_search_goes_on_after_comes_at_once_and_in_order() -> None:
    collapser = Collapser()
    collapser.add_failure(failure("/a/ls"), 0)
    last = failure("/b/ls", errno="ENOEXEC")
    assert collapser.add_failure(last, 0) == [failure("/a/ls"), last]


def test_processes_do_not_share_a_search() -> None:
    collapser = Collapser()
    collapser.add_failure(failure("/a/ls", 7), 0)
    assert collapser.add_success(success("/b/ls", 8)) == [success("/b/ls", 8)]
    assert collapser.flush_all() == [failure("/a/ls", 7)]


def test_pending_searches_are_bounded_and_the_oldest_goes_first() -> None:
    collapser = Collapser()
    out = [each for pid in range(5000) for each in collapser.add_failure(failure("/a/x", pid), 0)]
    assert [each["pid"] for each in out] == list(range(5000 - len(collapser.pending)))
    assert len(collapser.pending) == 4096
