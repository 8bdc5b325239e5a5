# SPDX-License-Identifier: Apache-2.0
"""Records of files that are rotated, compressed, removed or emptied while they are searched.

Each comes once, and what is missing is said.
"""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execaudit.cli.command_line import main
from execaudit.store import position
from execaudit.store.log import Log
from execaudit.store.position import Position
from tests.log_files import compress, exec_fields, lines_of, rotated, time_text
from tests.moments import before_opening, before_reading

Change = Callable[[], Any]


def write(path: Path, *seconds: float) -> None:
    with path.open("ab") as file:
        file.write(lines_of(*map(exec_fields, seconds)))


class Searched:
    """A log of two files, in a directory of its own, and what a search finds there."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.path = folder / "a.jsonl"
        self.old = rotated(self.path, 100)
        self._capfd = capfd
        self.err = ""
        self.status = 0
        write(self.old, 1, 2)
        write(self.path, 101, 102)

    def find(self, *words: str, is_folder: bool = False) -> list[str]:
        """Return the times of what is found, as seconds."""
        where = ["--directory", str(self.folder)] if is_folder else ["--file", str(self.path)]
        self.status = main(["search", *where, "--json", *words])
        out, self.err = self._capfd.readouterr()
        texts = {time_text(second): str(second) for second in range(1000)}
        return [texts[json.loads(line)["time"]] for line in out.splitlines()]


@pytest.fixture
def log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Searched:
    return Searched(tmp_path, capfd)


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("rotations", [1, 2])
def test_log_is_rotated_before_it_is_opened(
    log: Searched, monkeypatch: pytest.MonkeyPatch, rotations: int, *, is_folder: bool
) -> None:
    seconds = iter((200, 300))

    def rotate() -> None:
        second = next(seconds)
        log.path.rename(rotated(log.path, second))
        compress(rotated(log.path, second))
        write(log.path, second + 1)

    before_opening(monkeypatch, log.path, *[rotate] * rotations)
    found = log.find(is_folder=is_folder)
    assert found == ["1", "2", "101", "102", "201", "301"][: 4 + rotations]
    assert "nothing is missing" in log.err


@pytest.mark.parametrize("is_folder", [False, True])
def test_rotated_file_is_compressed_before_it_is_opened(
    log: Searched, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    before_opening(monkeypatch, log.old, lambda: compress(log.old))
    assert log.find(is_folder=is_folder) == ["1", "2", "101", "102"]
    assert "nothing is missing" in log.err


@pytest.mark.parametrize("is_folder", [False, True])
def test_rotated_file_is_removed_before_it_is_opened(
    log: Searched, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    before_opening(monkeypatch, log.old, log.old.unlink)
    assert log.find("--since", time_text(0), is_folder=is_folder) == ["101", "102"]
    assert "a.jsonl begins at" in log.err


def test_log_is_rotated_whenever_it_is_opened(
    log: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(200, 900, 2))

    def rotate() -> None:
        second = next(seconds)
        log.path.rename(rotated(log.path, second))
        write(log.path, second + 1)

    before_opening(monkeypatch, log.path, *[rotate] * 99)
    found = log.find()
    assert found == ["1", "2", "101", "102", *map(str, range(201, 213, 2))][: len(found)]
    assert len(found) == 9
    assert f"{log.path}: was moved while it was opened" in log.err
    assert log.status == 2


def test_logrotate_renames_files_before_they_are_opened(
    log: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = (Path(f"{log.path}.{number}") for number in (1, 2, 3))
    write(two, 50)
    write(one, 60)

    def shift() -> None:
        two.rename(three)
        one.rename(two)
        log.path.rename(one)
        write(log.path, 201)

    before_opening(monkeypatch, one, shift)
    assert log.find(is_folder=True) == ["1", "2", "50", "60", "101", "102", "201"]
    assert "nothing is missing" in log.err


@pytest.mark.parametrize("is_whole", [False, True])
def test_file_that_others_are_compressing_is_read_once(log: Searched, *, is_whole: bool) -> None:
    plain = Path(f"{log.path}-20261129")
    log.path.rename(plain)
    write(log.path, 201)
    packed = gzip.compress(plain.read_bytes())
    Path(f"{plain}.gz").write_bytes(packed if is_whole else packed[: len(packed) // 2])
    assert log.find(is_folder=True) == ["1", "2", "101", "102", "201"]
    assert "nothing is missing" in log.err


def test_log_beside_a_compressed_one_of_its_name_is_another(log: Searched) -> None:
    write(log.folder / "b.jsonl", 301)
    compress(log.folder / "b.jsonl")
    write(log.folder / "b.jsonl", 302)
    assert log.find(is_folder=True) == ["1", "2", "101", "102", "301", "302"]


def test_log_that_is_being_copied_to_be_emptied_is_read_once(log: Searched) -> None:
    copy = Path(f"{log.path}.1")
    shutil.copy(log.path, copy)
    os.truncate(copy, copy.stat().st_size - 9)
    assert log.find(is_folder=True) == ["1", "2", "101", "102"]
    assert "nothing is missing" in log.err


@pytest.mark.parametrize("verb", ["search", "tree", "report", "backtest"])
def test_log_that_is_emptied_before_it_is_read_is_named(
    log: Searched,
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "one"\naction = "drop"\nuid = 1\n')
    words = [verb] if verb != "backtest" else ["rules", "backtest", "--rules", str(rules)]
    # The end of the lines is read when the file is opened.
    before_reading(monkeypatch, lambda: None, lambda: os.truncate(log.path, 0))
    assert main([*words, "--file", str(log.path)]) in (1, 2)
    err = capfd.readouterr().err
    assert err.count(f"{log.path}: was emptied while it was read") == 1
    assert "1 file could not be read to the end" in err


def test_half_line_that_is_taken_back_is_not_missing(
    log: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = log.path.stat().st_size
    with log.path.open("ab") as file:
        file.write(b'{"time":')
    before_reading(monkeypatch, lambda: None, lambda: os.truncate(log.path, size))
    assert log.find() == ["1", "2", "101", "102"]
    assert "nothing is missing" in log.err


def test_lines_that_come_into_an_empty_log_are_searched_once(
    log: Searched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("--checkpoint", str(tmp_path / "place"))
    log.path.rename(rotated(log.path, 200))
    log.path.touch()
    find_end = position._end_of

    def find_end_and_write(log_: Log) -> Position:
        end = find_end(log_)
        write(log.path, 201)
        return end

    with monkeypatch.context() as patch:
        patch.setattr(position, "_end_of", find_end_and_write)
        assert log.find(*words) == ["1", "2", "101", "102"]
    assert log.find(*words) == ["201"]
    assert log.find(*words) == []


@pytest.mark.parametrize("has_dates", [False, True])
def test_checkpoint_knows_files_of_a_directory_that_others_renamed(
    log: Searched, tmp_path: Path, *, has_dates: bool
) -> None:
    def further() -> list[str]:
        found = log.find("--checkpoint", str(tmp_path / "place"), is_folder=True)
        assert "removed" not in log.err
        return found

    assert further() == ["1", "2", "101", "102"]
    for second in (200, 300, 400, 500):
        write(log.path, second)
        if has_dates:
            log.path.rename(f"{log.path}-2026112{second // 100}")
        else:
            for number in (3, 2, 1):
                file = Path(f"{log.path}.{number}.gz")
                if file.exists():
                    file.rename(f"{log.path}.{number + 1}.gz")
            log.path.rename(f"{log.path}.1")
            compress(Path(f"{log.path}.1"))
        write(log.path, second + 1)
        assert further() == [str(second), str(second + 1)]
        assert further() == []


def test_pipe_has_no_checkpoint(log: Searched, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    words = ["--file", f"/dev/fd/{reading}", "--checkpoint", str(tmp_path / "place")]
    assert log.find(*words) == []
    os.close(reading)
    os.close(writing)
    assert "Failed to use --checkpoint: it goes with files, not with a pipe" in log.err


def test_reason_is_of_the_log_that_cannot_be_opened(log: Searched) -> None:
    log.path.unlink()
    log.path.mkdir()
    assert log.find("--file", str(log.folder / "none.jsonl")) == []
    assert f"Failed to open '{log.folder}/none.jsonl': No such file or directory" in log.err
