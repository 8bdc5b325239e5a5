# SPDX-License-Identifier: Apache-2.0
"""Sealed logs whose files others rename, compress, copy or empty, as logrotate does."""

import gzip
import os
import shutil
from pathlib import Path

import pytest

from execaudit.verify.findings import UNKNOWN, WHOLE
from tests.sealed_logs import (
    SealedHost,
    assert_whole,
    findings,
    running_host,
    verify,
    wait_for_syncs,
)


@pytest.fixture
def host(tmp_path: Path) -> SealedHost:
    return running_host(tmp_path)


def test_files_that_logrotate_renamed_are_one_log(host: SealedHost) -> None:
    host.write(2, seal="")
    host.path.rename(host.folder / "execaudit.jsonl.1")
    host.write(2, seal="")
    host.stop()

    assert_whole(host)


def test_file_renamed_while_the_daemon_was_not_running_is_one_log(host: SealedHost) -> None:
    host.stop()
    host.path.rename(host.folder / "execaudit.jsonl-20261128")
    host.start()
    host.stop()

    assert_whole(host)


def test_file_renamed_after_a_crash_is_sealed_to_its_end(host: SealedHost) -> None:
    host.write(3, seal="")
    host.crash()
    host.path.rename(host.folder / "execaudit.jsonl.1")
    host.start()
    host.stop()

    assert_whole(host)


@pytest.mark.parametrize("is_behind", [False, True])
def test_file_renamed_and_compressed_after_a_crash_is_sealed_to_its_end(
    host: SealedHost, *, is_behind: bool
) -> None:
    host.running.rotate()
    older = host.files()[0]
    state = host.state.read_bytes()
    host.write()
    host.write(3, seal="")
    host.crash(state=state if is_behind else None)
    packed = host.folder / "execaudit.jsonl.1.gz"
    packed.write_bytes(gzip.compress(host.path.read_bytes()))
    os.utime(older, (1, 1))
    host.path.unlink()
    host.start()
    host.stop()

    assert_whole(host)


def test_compressed_file_that_is_damaged_begins_the_seals_apart(host: SealedHost) -> None:
    host.crash()
    packed = host.folder / "execaudit.jsonl.1.gz"
    packed.write_bytes(gzip.compress(host.path.read_bytes())[:-20])
    host.path.unlink()
    host.start()
    host.write()
    host.stop()

    assert b'"apart":true' in host.path.read_bytes()


def test_file_that_is_being_compressed_at_a_start_loses_no_line(host: SealedHost) -> None:
    host.running.rotate()
    host.stop()
    plain = host.files()[0]
    half = host.folder / f"{plain.name}.gz"
    half.write_bytes(gzip.compress(plain.read_bytes())[:-20])
    os.utime(plain, (1, 1))
    host.start()
    host.write()
    host.stop()

    assert plain.exists()
    assert_whole(host)


def test_file_that_is_being_compressed_is_gone_on_with_after_a_crash(host: SealedHost) -> None:
    host.write(3, seal="")
    host.crash()
    moved = host.path.rename(host.folder / "execaudit.jsonl.1")
    half = host.folder / "execaudit.jsonl.1.gz"
    half.write_bytes(gzip.compress(moved.read_bytes())[:-20])
    os.utime(moved, (1, 1))
    host.start()
    host.stop()
    half.unlink()

    assert_whole(host)


def test_file_that_others_moved_is_synced_before_the_key_state_is_written(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.running.rotate()
    host.write(3, seal="")
    synced: list[int] = []
    sync = os.fdatasync

    def note(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        sync(fd)

    moved, state = host.path.stat().st_ino, host.state.stat().st_ino
    host.path.rename(host.folder / "execaudit.jsonl.1")
    wait_for_syncs(host)
    monkeypatch.setattr(os, "fdatasync", note)
    host.write(1, seal="")
    host.stop()

    assert moved in synced[: synced.index(state)]


def test_line_that_a_copy_has_half_is_called_unreadable(host: SealedHost) -> None:
    host.write(3, seal="")
    copy_and_truncate(host)
    os.truncate(host.folder / "execaudit.jsonl.1", host.path.stat().st_size - 9)
    os.truncate(host.path, 0)
    host.write(2)
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == UNKNOWN
    assert set(findings(logs)) == {"emptied", "unreadable"}
    assert "1 line was lost" in findings(logs)["emptied"]


def copy_and_truncate(host: SealedHost) -> None:
    shutil.copy(host.path, host.folder / "execaudit.jsonl.1")


def test_copytruncate_that_loses_nothing_is_whole(host: SealedHost) -> None:
    host.write(3, seal="")
    copy_and_truncate(host)
    os.truncate(host.path, 0)
    host.write(2)
    host.stop()

    assert_whole(host)


@pytest.mark.parametrize("is_idle", [False, True])
def test_lines_lost_by_copytruncate_are_called_lost(host: SealedHost, *, is_idle: bool) -> None:
    host.write(3, seal="")
    copy_and_truncate(host)
    host.write(4, seal="")
    os.truncate(host.path, 0)
    if is_idle:
        host.running.seal("interval")
    host.write(2)
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == UNKNOWN
    assert list(findings(logs)) == ["emptied"]
    assert "4 lines were lost" in findings(logs)["emptied"]


def test_seal_lost_by_copytruncate_is_called_lost(host: SealedHost) -> None:
    host.write(3, seal="")
    copy_and_truncate(host)
    host.write(4)
    os.truncate(host.path, 0)
    host.write(2)
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == UNKNOWN
    assert list(findings(logs)) == ["emptied"]
    assert "the seal of epoch 2 is missing" in findings(logs)["emptied"]


def test_file_emptied_between_look_and_write_is_called_emptied(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def truncate_and_write(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        os.truncate(host.path, 0)
        return write(fd, data)

    host.write(3, seal="")
    copy_and_truncate(host)
    monkeypatch.setattr(os, "write", truncate_and_write)
    host.write(2, seal="")
    host.write(2)
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    # Both rows are there; what was lost in between nobody wrote.
    assert verdict in (WHOLE, UNKNOWN)
    assert not findings(logs).keys() - {"emptied"}
