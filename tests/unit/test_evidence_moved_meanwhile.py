# SPDX-License-Identifier: Apache-2.0
"""Logs whose files are rotated, compressed, removed or emptied while they are verified."""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.errors import ExecauditError
from execaudit.store.broken import Broken
from execaudit.verify.files import find_logs
from execaudit.verify.findings import UNKNOWN, WHOLE
from execaudit.verify.verb import verify_all
from tests.log_files import compress
from tests.moments import before_opening, before_reading
from tests.sealed_logs import SealedHost, findings, load_single_file, rotated_host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SealedHost]:
    """Return a host whose log was rotated once, running."""
    host = rotated_host(tmp_path, times=1)
    yield host
    host.stop()


def rotated_of(host: SealedHost) -> Path:
    return host.files()[0]


def assert_whole(host: SealedHost, *paths: Path) -> str:
    """Verify; return the verdict in words."""
    broken, names = Broken(), list(map(str, paths or (host.path,)))
    logs = verify_all(find_logs(names, broken), names, [host.key], [], [])
    assert broken.named == []
    assert findings(logs) == {}
    return "\n".join(each.as_text() for each in logs)


@pytest.mark.parametrize("is_folder", [False, True])
def test_file_that_is_compressed_before_it_is_opened(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    file = rotated_of(host)
    before_opening(monkeypatch, file, lambda: compress(file))
    said = assert_whole(host, host.folder if is_folder else host.path)
    assert "copy" not in said
    assert not file.exists()


@pytest.mark.parametrize("is_folder", [False, True])
def test_log_that_is_rotated_before_it_is_opened(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    def rotate() -> None:
        host.running.rotate()
        host.write()

    before_opening(monkeypatch, host.path, rotate, rotate)
    assert_whole(host, host.folder if is_folder else host.path)
    assert len(host.files()) == 4


def test_folder_whose_log_is_rotated_each_time_is_verified_as_far_as_it_was_seen(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rotate() -> None:
        host.running.rotate()
        host.write()

    before_opening(monkeypatch, host.path, *[rotate] * 99)
    broken, names = Broken(), [str(host.folder)]
    logs = verify_all(find_logs(names, broken), names, [host.key], [], [])
    assert findings(logs) == {}
    assert broken.named == [f"{host.path}: was moved while it was opened"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_file_that_retention_removes_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    host = SealedHost(tmp_path, num_logs=2)
    host.start()
    for _ in range(2):
        host.write()
        host.running.rotate()
    host.write()
    oldest = rotated_of(host)

    def rotate() -> None:
        host.running.rotate()
        host.stop()  # which waits for retention

    before_opening(monkeypatch, oldest, rotate)
    said = assert_whole(host, host.folder if is_folder else host.path)
    assert "was removed by retention, " in said
    assert not oldest.exists()


@pytest.mark.parametrize("is_folder", [False, True])
def test_files_that_logrotate_renames_before_they_are_opened(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    one, two, three = (host.folder / f"execaudit.jsonl.{number}" for number in (1, 2, 3))
    host.path.rename(two)
    host.write()
    host.path.rename(one)
    host.write()

    def shift() -> None:
        two.rename(three)
        one.rename(two)
        host.path.rename(one)
        host.write()

    before_opening(monkeypatch, one, shift)
    assert_whole(host, host.folder if is_folder else host.path)
    assert three.exists()


def test_rotated_file_alone_that_is_compressed_once_it_is_open(host: SealedHost) -> None:
    host.running.rotate()
    file = host.files()[1]
    broken = Broken()
    logs = find_logs([str(file)], broken)
    compress(file)
    verdicts = verify_all(logs, [str(file)], [host.key], [], [])
    assert findings(verdicts) == {}
    assert "a part of the log" in verdicts[0].as_text()


@pytest.mark.parametrize("is_folder", [False, True])
def test_file_that_is_being_compressed_by_others_is_read_once(
    host: SealedHost, *, is_folder: bool
) -> None:
    plain = host.folder / "execaudit.jsonl.1"
    host.path.rename(plain)
    host.write()
    packed = gzip.compress(plain.read_bytes())
    Path(f"{plain}.gz").write_bytes(packed[: len(packed) // 2])
    said = assert_whole(host, host.folder if is_folder else host.path)
    assert "copy" not in said


def test_copy_in_the_making_is_left_out_whatever_its_end_is(host: SealedHost) -> None:
    copy = host.folder / "execaudit.jsonl.1"
    shutil.copy(host.path, copy)
    os.truncate(copy, copy.stat().st_size - 9)
    assert "left out as a copy" in assert_whole(host)


def test_log_that_is_emptied_before_it_is_read_is_named(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, names = Broken(), [str(host.path)]
    logs = find_logs(names, broken)
    shutil.copy(host.path, f"{host.path}.1")
    before_reading(monkeypatch, lambda: os.truncate(host.path, 0))
    (verdict,) = verify_all(logs, names, [host.key], [], [])
    assert (verdict.verdict, list(findings([verdict]))) == (UNKNOWN, ["unreadable"])
    assert "was emptied while it was read" in findings([verdict])["unreadable"]
    monkeypatch.undo()
    (verdict,) = verify_all(find_logs(names, broken), names, [host.key], [], [])
    assert verdict.verdict == WHOLE


def test_log_that_has_no_seal_until_its_files_are_in_order(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = host.path.read_bytes()
    host.path.write_bytes(b"")
    names = [str(host.path)]
    logs = find_logs(names, Broken())
    single = load_single_file()
    ordered = single.in_order(list(map(str, host.files())))
    host.path.write_bytes(lines)
    assert findings(verify_all(logs, names, [host.key], [], [])) == {}
    monkeypatch.setattr(single, "in_order", lambda _: ordered)
    log, verdict = single.judge(ordered, [single.Key(str(host.key))], [])
    assert (verdict, log.found) == (WHOLE, [])


def test_named_file_that_is_not_there_is_an_error(host: SealedHost) -> None:
    with pytest.raises(ExecauditError, match="No such file"):
        find_logs([str(host.folder / "execaudit.jsonl.7")], Broken())
