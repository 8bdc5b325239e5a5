# SPDX-License-Identifier: Apache-2.0
"""Failed PATH look-ups become part of the exec that followed, or one failure; nothing vanishes."""

import errno

from execaudit.daemon.collapse import Collapser, Try

SECOND = 1_000_000_000
SIZE = 1000


def one(name: str, *words: str, tid: int = 7) -> Try:
    argv = b"".join(word.encode() + b"\0" for word in (name.rsplit("/", 1)[-1], *words))
    return Try(tid, name.encode(), argv)


class Searching(Collapser[str]):
    """A collapser that holds what a failure is called."""

    def fail(
        self, name: str, *words: str, pid: int = 7, error: int = errno.ENOENT, now_ns: int = 0
    ) -> list[tuple[str, list[bytes]]]:
        return self.add_failure(pid, one(name, *words, tid=pid), -error, name, SIZE, now_ns)


def test_search_becomes_part_of_the_exec_that_followed() -> None:
    collapser = Searching()
    assert collapser.fail("/a/ls") == []
    assert collapser.fail("/b/ls") == []
    assert collapser.add_success(7, one("/c/ls"), is_script=False) == ([], [b"/a/ls", b"/b/ls"])
    assert not collapser.pending


def test_search_without_success_is_one_failure_after_a_second() -> None:
    collapser = Searching()
    collapser.fail("/a/ls")
    collapser.fail("/b/ls", now_ns=10)
    assert collapser.expire(SECOND - 1) == []
    assert collapser.expire(SECOND) == [("/b/ls", [b"/a/ls", b"/b/ls"])]


def test_single_failure_stays_as_it_is() -> None:
    collapser = Searching()
    collapser.fail("/a/ls")
    assert collapser.flush_all() == [("/a/ls", [])]


def test_other_command_of_the_process_ends_the_search() -> None:
    collapser = Searching()
    collapser.fail("/a/ls")
    assert collapser.add_success(7, one("/a/cat"), is_script=False) == ([("/a/ls", [])], [])


def test_script_is_what_was_searched_for_whatever_its_arguments_are() -> None:
    collapser = Searching()
    collapser.fail("/a/ls")
    found = Try(7, b"/b/ls", b"/bin/sh\0/b/ls\0")
    assert collapser.add_success(7, found, is_script=True) == ([], [b"/a/ls"])


def test_other_arguments_are_another_search() -> None:
    collapser = Searching()
    collapser.fail("/a/ls", "-l")
    assert collapser.fail("/b/ls") == [("/a/ls", [])]


def test_other_thread_of_the_process_is_another_search() -> None:
    collapser = Searching()
    collapser.fail("/a/ls")
    assert collapser.add_success(7, one("/b/ls", tid=8), is_script=False) == ([("/a/ls", [])], [])


def test_error_that_no_search_goes_on_after_comes_at_once_and_in_order() -> None:
    collapser = Searching()
    collapser.fail("/a/ls")
    assert collapser.fail("/b/ls", error=errno.ENOEXEC) == [("/a/ls", []), ("/b/ls", [])]


def test_processes_do_not_share_a_search() -> None:
    collapser = Searching()
    collapser.fail("/a/ls", pid=7)
    assert collapser.add_success(8, one("/b/ls", tid=8), is_script=False) == ([], [])
    assert collapser.flush_all() == [("/a/ls", [])]


def test_pending_searches_are_bounded_and_the_oldest_goes_first() -> None:
    collapser = Searching()
    out = [held for pid in range(5000) for held, _ in collapser.fail(f"/{pid}/x", pid=pid)]
    assert out == [f"/{pid}/x" for pid in range(5000 - len(collapser.pending))]
    assert len(collapser.pending) == 4096


def test_pending_searches_are_bounded_by_their_size() -> None:
    collapser = Searching()
    for pid in range(2000):
        collapser.add_failure(pid, one("/a/x", tid=pid), -errno.ENOENT, "", 64 << 10, 0)
    assert len(collapser.pending) <= (8 << 20) // (64 << 10)
    assert len(collapser.flush_all()) <= (8 << 20) // (64 << 10)
    assert collapser.fail("/a/x") == []


def test_search_that_does_not_end_becomes_several_records() -> None:
    collapser = Searching()
    out = [each for n in range(10_000) for each in collapser.fail(f"/{n}/{'d' * 100}/x")]
    assert len(out) > 1
    names = [name for _, tried in (*out, *collapser.flush_all()) for name in tried]
    assert len(names) == 10_000
