# SPDX-License-Identifier: Apache-2.0
"""Lines are followed as they are written, each once, whatever becomes of the file."""

import os
from collections.abc import Callable
from pathlib import Path

from execaudit.store.broken import Broken
from execaudit.store.follow import Follower, follow
from tests.log_files import compress, exec_fields, lines_of, rotated


def followed(path: Path, *steps: Callable[[], object], begin: int | None = None) -> list[bytes]:
    """Return the lines that are given while steps are taken, one at each wait."""
    rest = iter(steps)

    def wait() -> bool:
        step = next(rest, None)
        if step is not None:
            step()
        return step is not None

    grown = follow(str(path), Broken(), begin, wait)
    return [line for each in grown for line in each.chunk.data.splitlines()]


def append(path: Path, *seconds: float) -> None:
    with path.open("ab") as file:
        file.write(lines_of(*map(exec_fields, seconds)))


def wanted(*seconds: float) -> list[bytes]:
    return lines_of(*map(exec_fields, seconds)).splitlines()


def test_lines_written_from_now_on_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    assert followed(path, lambda: append(path, 2), lambda: append(path, 3, 4)) == wanted(2, 3, 4)
    assert followed(path, begin=0) == wanted(1, 2, 3, 4)


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
    assert followed(path, lambda: None, lambda: append(path, 1)) == wanted(1)


def test_file_emptied_in_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1, 2, 3)

    def empty() -> None:
        path.write_bytes(b"")
        append(path, 4)

    assert followed(path, empty) == wanted(4)


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
    follower = Follower(str(path), Broken())
    path.rename(rotated(path, 2))
    assert list(follower._move_on()) == []
    append(path, 3)
    assert [each.chunk.data for each in follower.poll()] == [lines_of(exec_fields(3))]
    follower.close()
