# SPDX-License-Identifier: Apache-2.0
"""What happens to logs without anybody's ill will is never called altered."""

import errno
import gzip
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from execaudit.verify.findings import UNKNOWN, WHOLE
from tests.sealed_logs import (
    SealedHost,
    assert_whole,
    findings,
    running_host,
    seal_lines,
    verify,
)


@pytest.fixture
def host(tmp_path: Path) -> SealedHost:
    return running_host(tmp_path)


def test_log_of_a_running_daemon_is_whole_but_for_what_is_not_sealed_yet(
    host: SealedHost,
) -> None:
    host.write(3, seal="")

    assert "3 lines were not sealed yet" in assert_whole(host)


def test_lines_that_a_killed_daemon_had_not_sealed_are_sealed_by_the_next(
    host: SealedHost,
) -> None:
    host.write(3, seal="")
    host.crash()
    host.start()
    host.stop()

    assert_whole(host)


@pytest.mark.parametrize("is_public", [False, True])
@pytest.mark.parametrize("seals", [1, 2, 5])
def test_state_behind_the_log_follows_it(tmp_path: Path, seals: int, *, is_public: bool) -> None:
    host = SealedHost(tmp_path, is_public=is_public)
    host.start()
    host.write()
    host.stop()
    state = host.state.read_bytes()
    host.start()
    for _ in range(seals):
        host.write()
    host.write(2, seal="")
    host.crash(state=state)
    host.start()
    host.stop()

    assert_whole(host)


def test_state_behind_a_rotation_follows_the_log(host: SealedHost) -> None:
    host.stop()
    state = host.state.read_bytes()
    host.start()
    host.write()
    host.running.rotate()
    host.write(3, seal="")
    host.crash(state=state)
    host.start()
    host.stop()

    assert_whole(host)


def test_torn_line_of_a_crash_is_set_aside(host: SealedHost) -> None:
    host.crash()
    with host.path.open("ab") as file:
        file.write(host.line()[:40])
    host.start()
    host.stop()

    assert_whole(host)


def test_restarts_and_rotations_leave_one_chain(host: SealedHost) -> None:
    for _ in range(3):
        host.write()
        host.running.rotate()
        host.stop()
        host.start()
    host.stop()

    assert_whole(host)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("after", [0, 30])
def test_disk_that_takes_no_lines_leaves_what_is_there_whole(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch, code: int, after: int
) -> None:
    write = os.write

    def fail(fd: int, data: bytes) -> int:
        if len(data) > after and after:
            return write(fd, data[:after])
        raise OSError(code, os.strerror(code))

    host.write(2, seal="")
    monkeypatch.setattr(os, "write", fail)
    host.write()
    host.running.seal("interval")
    monkeypatch.setattr(os, "write", write)
    host.running._retry_s = 0.0
    host.running.on_timer(1.0)
    host.write()
    host.stop()

    assert_whole(host)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An append-only log on a disk that takes 30 bytes more; `undo` ends it."""
    write = os.write
    sizes = iter([30])

    def fail(fd: int, data: bytes) -> int:
        size = next(sizes, None)
        if size is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[:size])

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        patch.setattr(os, "ftruncate", refuse)
        yield patch


def test_line_that_could_not_be_taken_back_is_sealed_when_it_is_whole(
    host: SealedHost, full_disk: pytest.MonkeyPatch
) -> None:
    host.write(3, seal="")
    full_disk.undo()
    host.running._retry_s = 0.0
    host.running.on_timer(1.0)
    host.write()
    host.stop()

    assert_whole(host)


@pytest.mark.parametrize("goes_on", ["write", "seal", "rotate", "move"])
def test_seal_that_could_not_be_taken_back_is_no_line_of_its_own(
    host: SealedHost, full_disk: pytest.MonkeyPatch, goes_on: str
) -> None:
    host.running.seal("interval")
    full_disk.undo()
    if goes_on == "seal":
        host.running.seal("interval")
    elif goes_on == "rotate":
        host.running.rotate()
    elif goes_on == "move":
        host.path.rename(host.folder / "execaudit.jsonl.1")
    host.write()
    host.stop()

    assert_whole(host)


@pytest.mark.parametrize("step_s", [-86_400, 86_400])
def test_clock_that_is_set_changes_nothing(host: SealedHost, step_s: int) -> None:
    host.host.wall_offset_ns += step_s * 10**9
    host.write()
    host.running.rotate()
    host.write()
    host.stop()

    assert_whole(host)


def test_compression_changes_nothing(host: SealedHost) -> None:
    host.running.rotate()
    host.stop()
    rotated = host.files()[0]
    Path(f"{rotated}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()

    assert_whole(host)


def test_interrupted_compression_changes_nothing(host: SealedHost) -> None:
    host.running.rotate()
    host.stop()
    rotated = host.files()[0]
    packed = gzip.compress(rotated.read_bytes())
    (host.folder / f".{rotated.name}.gz.part").write_bytes(packed[:100])
    assert_whole(host)
    Path(f"{rotated}.gz").write_bytes(packed)  # whole, and the plain one is not yet removed
    assert_whole(host)


def test_retention_says_what_it_removed(tmp_path: Path) -> None:
    host = SealedHost(tmp_path, num_logs=2)
    host.start()
    for _ in range(5):
        host.write()
        host.running.rotate()
    host.stop()

    assert len(host.files()) == 3
    assert "was removed by retention, " in assert_whole(host)


def test_retention_that_a_crash_interrupted_says_so_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = SealedHost(tmp_path, num_logs=1)
    host.start()
    host.write()
    host.running.rotate()
    host.write()
    with monkeypatch.context() as patch:
        patch.setattr("execaudit.sinks.rotation.Series.remove", lambda *_: None)
        host.running.rotate()
    host.crash()
    host.start()
    host.stop()

    assert_whole(host)


def test_backup_of_the_log_put_back_is_said_to_be_older(host: SealedHost) -> None:
    backup = host.path.read_bytes()
    host.write()
    host.stop()
    host.path.write_bytes(backup)
    host.start()
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == UNKNOWN
    assert "put an older log back" in findings(logs)["cut"]


def test_backup_of_log_and_state_put_back_goes_on(host: SealedHost) -> None:
    host.stop()
    log, state = host.path.read_bytes(), host.state.read_bytes()
    host.start()
    host.write()
    host.stop()
    host.path.write_bytes(log)
    host.state.write_bytes(state)
    host.start()
    host.stop()

    assert_whole(host)


def test_state_ahead_of_the_log_after_a_power_cut_is_no_false_alarm(host: SealedHost) -> None:
    host.write()
    host.crash()
    host.tamper(lambda lines: lines[: seal_lines(lines)[-1]])
    host.start()
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert verdict == UNKNOWN
    assert "a power cut took them" in findings(logs)["cut"]


def test_new_key_is_recorded(host: SealedHost) -> None:
    new = host.change_key()
    host.write()
    host.stop()
    verdict, logs = verify([host.path], [host.key, new])

    assert (verdict, findings(logs)) == (WHOLE, {})
    assert "another key was set up" in logs[0].as_text()


def test_sealing_that_begins_late_says_what_was_there_before(tmp_path: Path) -> None:
    host = SealedHost(tmp_path)
    host.start(is_sealing=False)
    host.write()
    host.running.close()
    host.start()
    host.write()
    host.stop()

    assert "6 lines were written before sealing began" in assert_whole(host)


@pytest.mark.parametrize("name", ["ecs", "ocsf"])
def test_log_in_another_schema_is_sealed_as_well(tmp_path: Path, name: str) -> None:
    host = SealedHost(tmp_path, format=name)
    host.start()
    host.write()
    host.crash()
    host.start()
    host.write()
    host.running.rotate()
    host.stop()

    assert_whole(host)


def test_reload_with_other_settings_goes_on(host: SealedHost) -> None:
    settings = replace(host.settings, max_file_bytes=1 << 20)
    host.running.configure(settings, host.encoder, None)
    host.write()
    host.stop()

    assert_whole(host)


def test_rotated_file_alone_is_called_a_part(host: SealedHost) -> None:
    host.running.rotate()
    host.write()
    host.running.rotate()
    host.stop()
    verdict, logs = verify([host.files()[1]], [host.key])

    assert verdict == WHOLE
    assert "a part of the log" in logs[0].as_text()


def test_copy_of_a_file_beside_it_is_left_out(host: SealedHost) -> None:
    host.running.rotate()
    host.stop()
    rotated = host.files()[0]
    shutil.copy(rotated, f"{rotated}.bak")

    assert "left out as a copy" in assert_whole(host)


def test_files_of_which_retention_removed_the_middle_first_are_no_false_alarm(
    tmp_path: Path,
) -> None:
    """A file that was being compressed when it was to be removed stays until the next rotation."""
    host = SealedHost(tmp_path, num_logs=2)
    host.start()
    kept = b""
    for _ in range(5):
        host.write()
        host.running.rotate()
        kept = kept or host.files()[0].read_bytes()
    host.stop()
    Path(f"{host.path}.20200101T000000Z.gz").write_bytes(gzip.compress(kept))

    assert "which retention removed, are still here" in assert_whole(host)
