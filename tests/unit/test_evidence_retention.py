# SPDX-License-Identifier: Apache-2.0
"""Files that wait for their removal: announced once, removed once, tried again if need be."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from execaudit.background import Background
from execaudit.evidence.seal import is_seal
from execaudit.evidence.state import StateFile
from execaudit.sinks.compression import compress, find_compressor
from execaudit.sinks.sealing import Sealing
from execaudit.verify.findings import ALTERED, WHOLE
from tests.sealed_logs import (
    SealedHost,
    assert_whole,
    findings,
    rotated_host,
    verify,
    wait_for_syncs,
)


def test_file_that_waits_for_its_removal_is_announced_and_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Callable[[], None]] = []
    host = SealedHost(tmp_path, num_logs=2)
    host.start()

    def submit(_: Background, job: Callable[[], None]) -> bool:
        waiting.append(job)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(Background, "submit", submit)
        for _ in range(5):
            host.write()
            host.running.rotate()
    for job in waiting:
        job()
    texts = [text for _, text in host.running.notices.take()]
    host.stop()

    assert len(host.files()) == 3
    assert "was removed by retention, " in assert_whole(host)
    removed = [text for text in texts if text.startswith("Removed ")]
    assert len(removed) == 3
    assert all(text.endswith("bytes) as configured") for text in removed)


def test_removal_that_cannot_wait_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = SealedHost(tmp_path, num_logs=1)
    host.start()
    with monkeypatch.context() as patch:
        patch.setattr(Background, "submit", lambda *_: False)
        for _ in range(3):
            host.write()
            host.running.rotate()
    host.write()
    host.running.rotate()
    host.stop()

    assert len(host.files()) == 2
    assert_whole(host)


@pytest.mark.parametrize("times", [1, 10])
def test_file_is_removed_only_after_the_seal_that_names_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    failures = iter(range(times))  # the kernel reports one once, also for copies of a descriptor

    def fail(_: int) -> None:
        if next(failures, None) is not None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    host = rotated_host(tmp_path)
    wait_for_syncs(host)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        host.running.prune(1)
        wait_for_syncs(host)
    assert len(host.files()) == 4

    host.running.prune(1)
    host.stop()
    assert len(host.files()) == 2
    assert "was removed by retention, 2 files at last" in assert_whole(host)


def test_key_state_that_cannot_be_written_keeps_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    host = rotated_host(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "write", fail)
        host.running.prune(1)
        wait_for_syncs(host)
    host.stop()

    assert len(host.files()) == 2
    assert_whole(host)


def test_files_that_a_start_removes_are_announced(tmp_path: Path) -> None:
    host = rotated_host(tmp_path)
    host.stop()
    host.settings = replace(host.settings, num_logs=1)
    host.start()
    host.stop()

    assert len(host.files()) == 2
    assert "was removed by retention, 2 files at last" in assert_whole(host)


def test_file_compressed_while_others_are_announced_is_still_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce = Sealing.announce_removal

    def compress_first(sealing: Sealing, expired: Any, kept: Any, *rest: Any, **more: Any) -> bool:
        gzip = find_compressor("gzip")
        assert compress(sealing._series, kept[0].name, "gzip", gzip, lambda: False)
        return announce(sealing, expired, kept, *rest, **more)

    monkeypatch.setattr(Sealing, "announce_removal", compress_first)
    host = rotated_host(tmp_path)
    host.running.prune(1)
    host.stop()

    assert [path.suffix for path in host.files()] == [".gz", ".jsonl"]
    assert "was removed by retention" in assert_whole(host)


def test_file_that_nobody_sealed_hides_no_removal(tmp_path: Path) -> None:
    host = rotated_host(tmp_path, times=1)
    host.stop()
    host.start(is_sealing=False)
    for _ in range(2):
        host.running.rotate()
        host.write(seal="")
    host.running.rotate()
    host.running.close()
    host.start()
    host.running.prune(1)
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert not any(map(is_seal, host.lines(host.files()[0])))
    assert verdict != ALTERED, findings(logs)
    assert "was removed by retention" in logs[0].as_text()


@pytest.mark.parametrize("is_by_hand", [False, True])
def test_removal_of_torn_lines_alone_hides_no_file_removed_by_hand(
    tmp_path: Path, *, is_by_hand: bool
) -> None:
    host = rotated_host(tmp_path)
    torn = host.folder / "execaudit.jsonl.torn-20200101T000000Z"
    torn.write_bytes(b"x")
    if is_by_hand:
        host.files()[0].unlink()
    settings = replace(host.settings, keep_age=86_400)
    host.running.configure(settings, host.encoder, None)
    host.running.tidy()
    host.stop()
    verdict, logs = verify([host.path], [host.key])

    assert not torn.exists()
    assert (verdict, list(findings(logs))) == (
        (ALTERED, ["beginning"]) if is_by_hand else (WHOLE, [])
    )


def test_key_that_follows_hides_no_file_removed_by_hand(tmp_path: Path) -> None:
    host = rotated_host(tmp_path, times=12)
    keys = [host.key, host.change_key()]
    host.running.prune(2)
    for _ in range(3):
        host.write()
        host.running.rotate()
    host.stop()
    verdict, logs = verify([host.path], keys)
    host.files()[-2].unlink()
    after, others = verify([host.path], keys)

    assert (verdict, findings(logs)) == (WHOLE, {})
    assert "was removed by retention" in logs[0].as_text()
    assert (after, list(findings(others))) == (ALTERED, ["missing"])
