# SPDX-License-Identifier: Apache-2.0
"""The unit and each drop-in that the package ships, checked by systemd itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.requirements import CHECKOUT, give_up

SYSTEMD = CHECKOUT / "systemd"
DROP_INS = sorted(path.stem for path in (SYSTEMD / "drop-ins").glob("*.conf"))
JOURNAL_SOCKETS = ("systemd-journald@execaudit.socket", "systemd-journald-varlink@execaudit.socket")


def verify(folder: Path) -> str:
    """What systemd says of the unit in a folder; empty where nothing is wrong."""
    if shutil.which("systemd-analyze") is None:
        give_up("there is no systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "execaudit.service"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    return done.stderr + (f"status {done.returncode}" if done.returncode else "")


def lay_out(folder: Path, drop_in: str) -> None:
    """Lay the unit and a drop-in out as the package and an administrator do."""
    unit = (SYSTEMD / "execaudit.service").read_text()
    program = unit.replace("/usr/bin/execaudit", "/usr/bin/true")  # it is not installed here
    (folder / "execaudit.service").write_text(program)
    for socket in JOURNAL_SOCKETS:
        (folder / f"{socket}.d").mkdir()
        shutil.copy(SYSTEMD / "journal-sockets.conf", folder / f"{socket}.d" / "execaudit.conf")
    if drop_in:
        (folder / "execaudit.service.d").mkdir()
        shutil.copy(SYSTEMD / "drop-ins" / f"{drop_in}.conf", folder / "execaudit.service.d")


@pytest.mark.parametrize("drop_in", ["", *DROP_INS])
def test_systemd_finds_nothing_wrong_with_unit_and_drop_in(drop_in: str, tmp_path: Path) -> None:
    lay_out(tmp_path, drop_in)
    assert verify(tmp_path) == ""


def test_sockets_of_the_journal_namespace_as_systemd_has_them_make_a_circle(tmp_path: Path) -> None:
    lay_out(tmp_path, "log-namespace")
    for socket in JOURNAL_SOCKETS:
        (tmp_path / f"{socket}.d" / "execaudit.conf").unlink()
    assert "ordering cycle" in verify(tmp_path)
