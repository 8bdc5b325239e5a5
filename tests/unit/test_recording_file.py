# SPDX-License-Identifier: Apache-2.0
"""The file of a recording: who may read it."""

import os
from pathlib import Path

import pytest
from execaudit.wire.recording import Recorder

from execaudit.errors import ExecauditError
from execaudit.records.host import Host


def test_recording_is_closed_to_others_even_over_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text("old")
    path.chmod(0o644)
    Recorder(str(path), Host("h", "0" * 32, 0, {})).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("{")


def test_recording_into_a_device_leaves_its_mode() -> None:
    before = Path(os.devnull).stat().st_mode
    Recorder(os.devnull, Host("h", "0" * 32, 0, {})).close()
    assert Path(os.devnull).stat().st_mode == before


def test_recording_never_follows_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(ExecauditError, match="Too many levels"):
        Recorder(str(link), Host("h", "0" * 32, 0, {}))
    assert not (tmp_path / "target").exists()


def test_recording_of_another_process_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    host = Host("h", "0" * 32, 0, {})
    running = Recorder(str(path), host)
    with pytest.raises(ExecauditError, match="another process is recording"):
        Recorder(str(path), host)
    running.close()
    assert path.read_text().startswith("{")
