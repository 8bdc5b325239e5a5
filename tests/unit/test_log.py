# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: their form for people and for the journal, and that repetitions are counted."""

import os

import pytest

from execaudit.daemon import log as module
from execaudit.daemon.log import log


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_last", {})
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)


def test_person_reads_the_name_of_the_priority_on_every_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log(4, "one\ntwo")
    assert capsys.readouterr().err == "execaudit: warning: one\nexecaudit: warning: two\n"


def test_journal_gets_the_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    log(5, "text")
    assert capsys.readouterr().err == "<5>text\n"


def test_repetitions_are_counted_and_told_after_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for _ in range(4):
        log(4, "again")
    assert capsys.readouterr().err == "execaudit: warning: again\n"
    now += 60
    log(4, "again")
    assert "again (3 times more in the last minute)" in capsys.readouterr().err


def test_terminal_gets_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    log(4, "Failed to read '/a\x1b]0;x\x07b\u202e\udcff'\nand went on")

    shown = capsys.readouterr().err
    assert shown.splitlines() == [
        r"execaudit: warning: Failed to read '/a\x1b]0;x\x07b\u202e\xff'",
        "execaudit: warning: and went on",
    ]
