# SPDX-License-Identifier: Apache-2.0
"""The file of a recording: who may read it, and what is never written over."""

import os
import stat
from pathlib import Path

import pytest

from execaudit.errors import ExecauditError
from execaudit.records.recording import Recorder
from tests.records import exec_record, join, make_host


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Give a file that must stay as it is."""
    path = tmp_path / "target"
    path.write_text("keep")
    return path


def test_recording_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        Recorder(str(tmp_path / "r"), make_host()).close()
    finally:
        os.umask(previous)

    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o600


def test_file_that_was_there_is_replaced_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"old" * 9999)
    path.chmod(0o644)

    Recorder(str(path), make_host()).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("{")
    assert path.stat().st_size < 1000


def test_symbolic_link_is_refused(tmp_path: Path, target: Path) -> None:
    (tmp_path / "r").symlink_to(target)

    with pytest.raises(ExecauditError, match="Too many levels"):
        Recorder(str(tmp_path / "r"), make_host())
    assert target.read_text() == "keep"


def test_file_with_another_name_is_refused_untouched(tmp_path: Path, target: Path) -> None:
    (tmp_path / "r").hardlink_to(target)

    with pytest.raises(ExecauditError, match="hard link"):
        Recorder(str(tmp_path / "r"), make_host())
    assert target.read_text() == "keep"


def test_file_of_another_user_is_refused_untouched(target: Path) -> None:
    os.chown(target, 65534, 65534)

    with pytest.raises(ExecauditError, match="belongs to another user"):
        Recorder(str(target), make_host())
    assert target.read_text() == "keep"


def test_recording_of_another_process_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "r"
    running = Recorder(str(path), make_host())

    with pytest.raises(ExecauditError, match="another process is recording"):
        Recorder(str(path), make_host())

    running.close()
    assert path.read_text().startswith("{")


def test_device_is_recorded_into_and_keeps_its_mode() -> None:
    before = Path(os.devnull).stat().st_mode

    Recorder(os.devnull, make_host()).close()

    assert Path(os.devnull).stat().st_mode == before


def test_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExecauditError, match="No such file"):
        Recorder(str(tmp_path / "none" / "r"), make_host())


def test_full_disk_is_an_error() -> None:
    recorder = Recorder("/dev/full", make_host())

    with pytest.raises(ExecauditError, match="Failed to write '/dev/full'"):
        recorder.batch(*join(exec_record(*[b"x" * 1000] * 30)))
    with pytest.raises(ExecauditError, match="Failed to write '/dev/full'"):
        recorder.close()
