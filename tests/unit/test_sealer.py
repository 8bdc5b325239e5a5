# SPDX-License-Identifier: Apache-2.0
"""Which keys the daemon seals with, over restarts, reloads, moves of the log and crashes."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from execaudit.background import Background
from execaudit.config.seal import Seal
from execaudit.daemon.sealing import Sealer
from execaudit.errors import NotConfigured
from execaudit.evidence import signing
from execaudit.evidence.state import new_path, take_new_state
from execaudit.records.text import FieldDict
from execaudit.sinks.file import FileSink
from tests.sealed_logs import SealedHost, assert_whole, findings, verify


class Runs:
    """Runs of a daemon, one after the other, on a host with a key."""

    def __init__(self, place: Path, *, is_public: bool = False) -> None:
        self.log = SealedHost(place, is_public=is_public)
        self.host = self.log.host
        self.seal = Seal(state=str(self.log.state))
        self.sinks: list[FileSink] = []
        self.sealer = Sealer(self)

    def totals(self) -> FieldDict:
        return {"seen": 0}

    def start(self, **file: Any) -> None:
        self.log.settings = replace(self.log.settings, **file)
        self.log.path = Path(self.log.settings.path)
        self._open()
        self.sealer.begin(self.seal)
        self.sealer.seal("start")
        self.sealer.tidy()
        self.log.write(seal="")

    def _open(self) -> None:
        self.log.sink = FileSink(self.log.settings, self.log.encoder)
        self.sinks = [self.log.sink]

    def reload(self, **file: Any) -> None:
        before = self.sinks
        self.log.settings = replace(self.log.settings, **file)
        if str(self.log.path) == self.log.settings.path:
            self.log.running.configure(self.log.settings, self.log.encoder, None)
        else:
            self.log.path = Path(self.log.settings.path)
            self._open()
        self.sealer.reconfigure(self.seal, before)
        self.sealer.tidy()
        if self.sinks is not before:
            before[0].close()
        self.log.write(seal="")

    def stop(self) -> None:
        self.sealer.seal("stop")
        self.log.running.close()

    def restart(self, **file: Any) -> None:
        self.stop()
        self.start(**file)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@contextmanager
def full_disk(runs: Runs) -> Iterator[None]:
    """No byte is written meanwhile, neither records nor seals."""

    def write(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        runs.log.write(1, seal="")
        yield
    runs.log.running.on_timer(float("inf"))


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("is_public", [False, True])
def test_key_set_up_before_a_start_is_named_first(
    tmp_path: Path, *, is_killed: bool, is_public: bool
) -> None:
    runs = Runs(tmp_path, is_public=is_public)
    runs.start()
    keys = [runs.log.key, runs.log.set_up(is_public=is_public, suffix=".new")]
    if is_killed:
        runs.log.crash()
    else:
        runs.stop()
    runs.start()
    runs.stop()
    verdict, logs = verify([runs.log.path], keys)

    assert (verdict, findings(logs)) == (0, {})
    assert "another key was set up" in logs[0].as_text()
    assert not Path(new_path(runs.seal.state)).exists()


def test_key_set_up_while_the_disk_is_full_waits_for_a_seal_that_names_it(runs: Runs) -> None:
    runs.start()
    keys = [runs.log.key, runs.log.set_up(suffix=".new")]
    with full_disk(runs):
        runs.reload()
    runs.log.write()
    waited, logs = verify([runs.log.path], keys[:1])
    runs.restart()
    runs.stop()
    verdict, others = verify([runs.log.path], keys)

    assert (waited, findings(logs)) == (verdict, findings(others)) == (0, {})
    assert "another key was set up" in others[0].as_text()


def test_setup_that_was_cut_short_changes_nothing(runs: Runs) -> None:
    runs.start()
    runs.stop()
    Path(new_path(runs.seal.state)).touch(0o600)
    runs.start()
    runs.reload()
    runs.stop()

    assert_whole(runs.log)


def test_new_key_is_taken_though_the_first_try_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(tmp_path, is_public=True)
    key = runs.log.set_up(is_public=True, suffix=".new")
    take = Path.replace
    moved: list[Path] = []

    def move(path: Path, target: str) -> Path:
        if moved:
            raise KeyboardInterrupt
        moved.append(path)
        return take(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", move)
        with pytest.raises(KeyboardInterrupt):
            take_new_state(runs.seal.state)
    runs.start()
    runs.stop()

    assert verify([runs.log.path], [key])[0] == 0


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_log_at_another_path_goes_on_with_the_chain(runs: Runs, how: str) -> None:
    go_on = runs.restart if how == "restart" else runs.reload
    first = runs.log.path
    second = first.parent / "second" / first.name
    second.parent.mkdir()
    runs.start()
    for path in (second, first, second):
        go_on(path=str(path))
    runs.stop()

    for path in (first, second):
        verdict, logs = verify([path], [runs.log.key])
        assert (verdict, findings(logs)) == (0, {}), path


def test_log_that_was_moved_along_is_judged_from_its_beginning(runs: Runs) -> None:
    runs.start()
    runs.stop()
    other = runs.log.path.parent / "other.jsonl"
    runs.log.path.rename(other)
    runs.start(path=str(other))
    runs.stop()

    assert "retention" not in assert_whole(runs.log)


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_fewer_files_are_kept_from_now_on_though_the_disk_is_full(
    runs: Runs, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Background, "submit", lambda _, job: job() or True)  # without a thread
    runs.start()
    for _ in range(3):
        runs.log.write()
        runs.log.running.rotate()
    with full_disk(runs):
        go_on = runs.restart if how == "restart" else runs.reload
        go_on(num_logs=1)
    kept = len(runs.log.files()) - 1
    runs.stop()

    assert kept == 1
    assert_whole(runs.log)


def test_records_are_written_though_seals_cannot_be_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(tmp_path, is_public=True)

    def load() -> None:
        raise NotConfigured("Failed to sign seals: libsodium is not installed")

    monkeypatch.setattr(signing, "load", load)
    runs.start()
    runs.stop()

    assert len(runs.log.lines()) == 5


def test_state_in_a_folder_of_others_is_logged(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stat(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    runs.start()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stat)
        runs.seal = Seal(state="/others/seal.state")
        runs.reload()
    assert (
        "Failed to use key state '/others/seal.state': Permission denied" in capfd.readouterr()[1]
    )
    runs.stop()


def test_sealing_that_a_reload_begins_can_be_proved(tmp_path: Path) -> None:
    runs = Runs(tmp_path, is_public=True)
    seal, runs.seal = runs.seal, replace(runs.seal, enabled=False)
    runs.start()
    runs.seal = seal
    runs.reload()
    runs.stop()

    assert_whole(runs.log)


def test_state_far_behind_the_log_catches_up(runs: Runs) -> None:
    runs.start()
    behind = runs.log.state.read_bytes()
    for _ in range(10_010):
        runs.log.running.seal("interval")
    runs.log.crash(state=behind)
    runs.start()
    runs.stop()

    assert_whole(runs.log)
