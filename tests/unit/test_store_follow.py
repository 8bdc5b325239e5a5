# SPDX-License-Identifier: Apache-2.0
"""Lines are followed as they are written, each once, whatever becomes of the file."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from execaudit.store.broken import Broken
from execaudit.store.follow import Follower
from execaudit.store.log import open_log
from execaudit.store.times import ALWAYS
from tests.log_files import compress, exec_fields, lines_of, rotated
from tests.moments import before_reading


def followed(
    path: Path, *steps: Callable[[], object], said: list[str] | None = None
) -> list[bytes]:
    """Return the lines that are given while steps are taken, one before each look.

    `said` gets what could not be read.
    """
    broken, found = Broken(), list[bytes]()
    log = open_log(str(path))
    follower = Follower(log, broken)
    for step in (lambda: None, *steps):
        step()
        found += [line for each in follower.poll() for line in each.chunk.data.splitlines()]
    follower.close()
    log.close()
    if said is None:
        assert broken.named == []
    else:
        said += broken.named
    return found


def append(path: Path, *seconds: float) -> None:
    with path.open("ab") as file:
        file.write(lines_of(*map(exec_fields, seconds)))


def wanted(*seconds: float) -> list[bytes]:
    return lines_of(*map(exec_fields, seconds)).splitlines()


def test_lines_written_from_now_on_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    assert followed(path, lambda: append(path, 2), lambda: append(path, 3, 4)) == wanted(2, 3, 4)


def test_half_line_is_given_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    line = lines_of(exec_fields(2))

    def add(data: bytes) -> None:
        with path.open("ab") as file:
            file.write(data)

    assert followed(path, lambda: add(line[:50]), lambda: add(line[50:])) == wanted(2)


def test_rotation_loses_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)

    def rotate(second: float, *, is_compressed: bool = False) -> None:
        append(path, second)
        path.rename(rotated(path, second))
        if is_compressed:
            compress(rotated(path, second))

    def rotate_three_times() -> None:
        rotate(4)
        append(path, 5)
        rotate(6, is_compressed=True)
        append(path, 7)
        rotate(8)
        append(path, 9)

    found = followed(
        path,
        lambda: append(path, 2),
        lambda: rotate(3),
        lambda: append(path, 3.5),
        rotate_three_times,
        lambda: append(path, 10),
    )
    assert found == wanted(2, 3, 3.5, 4, 5, 6, 7, 8, 9, 10)


def test_file_rotated_and_compressed_between_two_looks_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)

    def rotate() -> None:
        append(path, 2)
        path.rename(rotated(path, 2))
        compress(rotated(path, 2))
        append(path, 3)

    assert followed(path, rotate) == wanted(2, 3)


def test_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(rotated(path, 1), 1)
    assert followed(path, lambda: None, lambda: append(path, 2)) == wanted(2)


@pytest.mark.parametrize("seconds", [(4,), (4, 5, 6, 7, 8)])
def test_file_emptied_in_place_is_read_from_its_beginning(
    tmp_path: Path, seconds: tuple[int, ...]
) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1, 2, 3)

    def empty() -> None:
        path.write_bytes(b"")
        append(path, *seconds)

    said: list[str] = []
    assert followed(path, empty, said=said) == wanted(*seconds)
    assert said == [f"{path}: was emptied while it was followed; its last lines may be missing"]


@pytest.mark.parametrize("reads", range(5))
def test_file_emptied_while_it_is_looked_at_is_not_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1, 2, 3)
    follower = Follower(open_log(str(path)), Broken())
    append(path, 4, 4.5)

    def empty() -> None:
        path.write_bytes(b"")
        append(path, 5)

    before_reading(monkeypatch, *[lambda: None] * reads, empty)
    counts = Counter(
        line for _ in range(4) for each in follower.poll() for line in each.chunk.data.splitlines()
    )
    assert set(counts.values()) == {1}
    assert set(counts) in (set(wanted(5)), set(wanted(4, 4.5, 5)))


def test_log_rotated_before_it_is_followed_is_read_to_its_end_and_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    log = open_log(str(path))
    append(path, 2)
    path.rename(rotated(path, 2))
    compress(rotated(path, 2))
    append(path, 3)
    path.rename(rotated(path, 3))
    append(path, 4)
    follower = Follower(log, Broken())
    (before,) = log.pieces(ALWAYS)
    append(path, 5)
    chunks = [*before.chunks(Broken()), *(each.chunk for each in follower.poll())]
    assert b"".join(chunk.data for chunk in chunks).splitlines() == wanted(1, 2, 3, 4, 5)


def test_file_that_was_missing_when_it_was_opened_is_read_from_its_beginning(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    path.rename(rotated(path, 1))
    log = open_log(str(path))
    append(path, 2)
    path.rename(rotated(path, 2))
    append(path, 3)
    follower = Follower(log, Broken())
    assert [each.chunk.data for each in follower.poll()] == [
        lines_of(exec_fields(2)), lines_of(exec_fields(3)),
    ]  # fmt: skip


def test_newest_file_that_is_compressed_already_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)

    def rotate_twice() -> None:
        for second in (2, 3):
            append(path, second)
            path.rename(rotated(path, second))
            compress(rotated(path, second))

    assert followed(path, rotate_twice, lambda: append(path, 4)) == wanted(2, 3, 4)


@pytest.mark.parametrize("has_older", [False, True])
def test_files_that_retention_removes_unread_are_said_to_be_missing(
    tmp_path: Path, *, has_older: bool
) -> None:
    path = tmp_path / "a.jsonl"
    if has_older:
        append(rotated(path, 0), 0)
    append(path, 1)

    def rotate() -> None:
        for second in (2, 3, 4, 5):
            append(path, second)
            path.rename(rotated(path, second))
        append(path, 6)
        for file in [rotated(path, second) for second in (0, 2, 3)]:
            file.unlink(missing_ok=True)

    said: list[str] = []
    assert followed(path, rotate, said=said) == wanted(2, 4, 5, 6)
    assert said == [f"{path}: was removed while it was followed; what came next may be missing"]


@pytest.mark.parametrize("is_removed", [False, True])
def test_file_that_others_move_away_is_no_reason_to_read_older_ones(
    tmp_path: Path, *, is_removed: bool
) -> None:
    path = tmp_path / "a.jsonl"
    append(rotated(path, 0), 0)
    append(path, 1)

    def move() -> None:
        append(path, 2)
        path.rename(f"{path}.1")
        if is_removed:
            compress(Path(f"{path}.1"))
        append(path, 3)

    assert followed(path, move) == wanted(2, 3)


def test_new_file_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    path = tmp_path / "a.jsonl"
    append(path, 1)

    def rotate() -> None:
        path.rename(rotated(path, 2))
        append(path, 3)
        path.chmod(0o600)
        os.seteuid(65534)

    try:
        assert followed(path, rotate, lambda: os.seteuid(0)) == wanted(3)
    finally:
        os.seteuid(0)


def test_directory_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)

    def replace() -> None:
        path.rename(rotated(path, 2))
        path.mkdir()

    def put_back() -> None:
        path.rmdir()
        append(path, 3)

    assert followed(path, replace, put_back) == wanted(3)


def test_new_file_that_is_gone_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    follower = Follower(open_log(str(path)), Broken())
    path.rename(rotated(path, 2))
    assert list(follower._move_on()) == []
    append(path, 3)
    assert [each.chunk.data for each in follower.poll()] == [lines_of(exec_fields(3))]
    follower.close()
