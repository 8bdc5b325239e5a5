# SPDX-License-Identifier: Apache-2.0
"""Changes to files at the moment at which somebody is about to open or read them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Change = Callable[[], object]


def before_opening(patch: pytest.MonkeyPatch, path: Path, *changes: Change) -> None:
    """Have each change happen just before a reader of logs opens a file of that name."""

    def is_it(opened: object, flags: int = 0, *_: object) -> bool:
        return str(opened) == str(path) and flags & os.O_ACCMODE == os.O_RDONLY

    _before(patch, "open", is_it, changes)


def before_reading(patch: pytest.MonkeyPatch, *changes: Change) -> None:
    """Have each change happen just before a plain file is read."""
    _before(patch, "pread", lambda *_: True, changes)


def _before(
    patch: pytest.MonkeyPatch, name: str, is_it: Callable[..., bool], changes: tuple[Change, ...]
) -> None:
    call, left = getattr(os, name), list(changes)

    def late(*arguments: Any, **options: Any) -> Any:
        if left and is_it(*arguments):
            left.pop(0)()
        return call(*arguments, **options)

    patch.setattr(os, name, late)
