# SPDX-License-Identifier: Apache-2.0
"""Every query of the journal that we show keeps to what the daemon wrote."""

import re
import subprocess

import pytest

from tests.integration.requirements import CHECKOUT

GENUINE = "_SYSTEMD_UNIT=execaudit.service"
QUERY = re.compile(r"journalctl\b[^`\n]*\b(?:EXECAUDIT_[A-Z]+|MESSAGE_ID)=|journalctl[^`\n]* -t\b")
FOLDERS = ("README.md", "SECURITY.md", "docs", "packaging", "systemd")


def shown() -> list[tuple[str, str]]:
    """Lines with a query, each with its file."""
    command = ["git", "ls-files", *FOLDERS]
    names = subprocess.run(command, cwd=CHECKOUT, stdout=-1, check=True, text=True).stdout
    files = [CHECKOUT / name for name in names.splitlines() if not name.endswith(".svg")]
    return [
        (str(file.relative_to(CHECKOUT)), line.strip())
        for file in files
        for line in file.read_text().splitlines()
        if QUERY.search(line) and "SYSLOG_IDENTIFIER" not in line
    ]


def test_there_are_examples() -> None:
    assert len(shown()) > 10


@pytest.mark.parametrize(("file", "line"), shown())
def test_example_asks_for_entries_of_the_daemon(file: str, line: str) -> None:
    assert GENUINE in line.replace("\\", ""), file  # as scdoc wants them


@pytest.mark.parametrize("name", ["rsyslog/30-execaudit-journal", "syslog-ng/execaudit-journal"])
def test_shipper_sends_entries_of_the_daemon(name: str) -> None:
    text = (CHECKOUT / "packaging/shippers" / f"{name}.conf").read_text()
    assert "_SYSTEMD_UNIT" in text
