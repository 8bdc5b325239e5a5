# SPDX-License-Identifier: Apache-2.0
"""Small files replaced as a whole."""

import os
from pathlib import Path

import pytest

from execaudit.replace_file import replace_file


def test_mode_counts_whatever_the_umask_is(tmp_path: Path) -> None:
    """A service of another user must read what root wrote with a umask of 077."""
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        replace_file(path, b"a", mode=0o644)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o644


def test_rest_of_a_crash_does_not_stop_the_next_process_of_this_pid(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / f"file.{os.getpid()}.part").write_bytes(b"half")
    replace_file(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        replace_file(path, b"a")
    assert list(tmp_path.iterdir()) == [path]
