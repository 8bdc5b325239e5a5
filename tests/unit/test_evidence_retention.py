# SPDX-License-Identifier: Apache-2.0
"""Files that wait for their removal: announced once, removed once, tried again if need be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from execaudit.background import Background
from tests.sealed_logs import SealedHost, assert_whole


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
