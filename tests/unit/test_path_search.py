# SPDX-License-Identifier: Apache-2.0
"""Failed PATH look-ups become part of the exec that followed, or one failure; nothing vanishes."""

import errno
from typing import Any

import pytest

from execaudit.daemon.handover.checkpoint import HELD_BACK_MOST
from execaudit.daemon.path_search import PathSearch
from execaudit.wire import record
from execaudit.wire.event import Event
from tests.events import exec_event, exit_event

SECOND = 1_000_000_000
EXECVE = record.HOOKS.index("execve")


def make(name: str, *words: str, pid: int = 7, **members: Any) -> Event:
    """Return an exec of a file, with its name as the first argument."""
    argv = (name.rsplit("/", 1)[-1], *words)
    return exec_event(
        *map(str.encode, argv), filename=name.encode() + b"\0", **{"pid": pid, "tid": pid} | members
    )


class Searching(PathSearch):
    """A search that is given failures by the name of the file, and says what comes out by it."""

    def fail(
        self, name: str, *words: str, error: int = errno.ENOENT, now_ns: int = 0, **members: Any
    ) -> list[tuple[str, list[str]]]:
        return named(self.add(make(name, *words, error=-error, **members), now_ns))

    def succeed(self, name: str, *words: str, **members: Any) -> list[tuple[str, list[str]]]:
        return named(self.add(make(name, *words, **members), 0))


def named(events: list[Event]) -> list[tuple[str, list[str]]]:
    """Return for each event its file, and what was tried before it."""
    return [
        (each.place.filename.decode(), [name.decode() for name in each.path_search])
        for each in events
    ]


def test_search_becomes_part_of_the_exec_that_followed() -> None:
    search = Searching()
    assert search.fail("/a/ls") == []
    assert search.fail("/b/ls") == []
    (event,) = search.add(make("/c/ls"), 0)
    assert named([event]) == [("/c/ls", ["/a/ls", "/b/ls"])]
    assert not event.is_plain
    assert not search.pending


def test_search_without_success_is_one_failure_after_a_second() -> None:
    search = Searching()
    search.fail("/a/ls")
    search.fail("/b/ls", now_ns=10)
    assert search.expire(SECOND - 1) == []
    assert named(search.expire(SECOND)) == [("/b/ls", ["/a/ls", "/b/ls"])]


def test_single_failure_stays_as_it_is() -> None:
    search = Searching()
    search.fail("/a/ls")
    assert named(search.flush_all()) == [("/a/ls", [])]


def test_other_command_of_the_process_ends_the_search() -> None:
    search = Searching()
    search.fail("/a/ls")
    assert search.succeed("/a/cat") == [("/a/ls", []), ("/a/cat", [])]


def test_script_is_what_was_searched_for_whatever_its_arguments_are() -> None:
    search = Searching()
    search.fail("/a/ls")
    script = {"flags": record.FLAG_SCRIPT, "interp": b"/bin/sh\0"}
    assert search.succeed("/b/ls", "/b/ls", **script) == [("/b/ls", ["/a/ls"])]


def test_other_arguments_are_another_search() -> None:
    search = Searching()
    search.fail("/a/ls", "-l")
    assert search.fail("/b/ls") == [("/a/ls", [])]


def test_other_thread_of_the_process_is_another_search() -> None:
    search = Searching()
    search.fail("/a/ls")
    assert search.succeed("/b/ls", tid=8) == [("/a/ls", []), ("/b/ls", [])]


@pytest.mark.parametrize(
    "members", [{"error": errno.ENOEXEC}, {"flags": record.FLAG_BAD_FILENAME}], ids=str
)
def test_failure_that_no_search_goes_on_after_comes_at_once_and_in_order(
    members: dict[str, int],
) -> None:
    search = Searching()
    search.fail("/a/ls")
    assert search.fail("/b/ls", **members) == [("/a/ls", []), ("/b/ls", [])]


@pytest.mark.parametrize("error", [errno.ENOENT, errno.ENOTDIR, errno.EACCES])
def test_failure_that_a_search_goes_on_after_is_held_back(error: int) -> None:
    assert Searching().fail("/a/ls", error=error) == []


def test_processes_do_not_share_a_search() -> None:
    search = Searching()
    search.fail("/a/ls", pid=7)
    assert search.succeed("/b/ls", pid=8) == [("/b/ls", [])]
    assert named(search.flush_all()) == [("/a/ls", [])]


def test_end_of_a_process_passes_and_its_search_stays() -> None:
    search = Searching()
    search.fail("/a/ls")
    end = exit_event(pid=7)
    assert search.add(end, 0) == [end]
    assert search.pending


def test_checkpoint_knows_from_where_and_which_events_are_held_back() -> None:
    search = Searching()
    assert (search.waits_from, search.held_back()) == (None, [])
    for position, pid in ((100, 7), (200, 8), (300, 7)):
        search.position = position
        search.fail(f"/{position}/ls", pid=pid, cpu=2, seq=position)
    key = 2 << 3 | EXECVE
    assert search.waits_from == 100
    assert search.held_back() == [(key, 100), (key, 300), (key, 200)]

    search.flush(7)

    assert search.waits_from == 200
    assert search.held_back() == [(key, 200)]


def test_searches_are_bounded_and_the_oldest_goes_first() -> None:
    search = Searching()
    out = [name for pid in range(1, 5001) for name, _ in search.fail(f"/{pid}/x", pid=pid)]
    assert len(search.pending) <= HELD_BACK_MOST
    assert out == [f"/{pid}/x" for pid in range(1, 5001 - len(search.pending))]


def test_searches_are_bounded_by_their_size() -> None:
    search = Searching()
    for pid in range(1, 500):
        search.fail("/a/x", "x" * 16000, pid=pid)
    assert 8 < len(search.pending) <= (8 << 20) // (2 * 16000)
    search.flush_all()
    assert search.fail("/a/x") == []


def test_search_that_does_not_end_becomes_several_records() -> None:
    search = Searching()
    out = [each for n in range(3000) for each in search.fail(f"/{n}/{'d' * 100}/x")]
    assert len(out) > 1
    names = [name for _, tried in (*out, *named(search.flush_all())) for name in tried]
    assert names == [f"/{n}/{'d' * 100}/x" for n in range(3000)]


@pytest.mark.parametrize("processes", [1, 100, 5000])
def test_checkpoint_has_room_for_all_that_is_held_back(processes: int) -> None:
    search = Searching()
    out: list[tuple[str, list[str]]] = []
    for seq in range(5000):
        out += search.fail(f"/{seq}/x", pid=1 + seq % processes, seq=seq)
        assert len(search.held_back()) <= HELD_BACK_MOST
    tried = [name for file, names in (*out, *named(search.flush_all())) for name in names or [file]]
    assert sorted(tried) == sorted(f"/{seq}/x" for seq in range(5000))
    assert search.fail("/a/x") == []
