# SPDX-License-Identifier: Apache-2.0
"""Headers that the bcc engine was told to use."""

from pathlib import Path

import pytest

from execaudit.engine import bcc_engine
from execaudit.errors import NotConfigured


@pytest.mark.parametrize("given", ["", "/nowhere", "/etc/passwd"])
def test_headers_that_are_no_folder_are_named(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCC_KERNEL_SOURCE", given)
    with pytest.raises(NotConfigured, match=f"'{given}': BCC_KERNEL_SOURCE"):
        bcc_engine._check_given_headers()


def test_headers_in_a_folder_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCC_KERNEL_SOURCE", str(tmp_path))
    bcc_engine._check_given_headers()
