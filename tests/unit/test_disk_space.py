# SPDX-License-Identifier: Apache-2.0
"""States of a filling disk. With real file systems: tests/integration/test_disk_faults.py."""

from pathlib import Path

import pytest

from execaudit.config.schema import File
from execaudit.sinks.disk_space import DiskSpace, Room, judge

THRESHOLDS = File(space_left=1600, space_low=320)


@pytest.mark.parametrize(
    ("free", "before", "after"),
    [
        (1600, Room.ENOUGH, Room.ENOUGH),
        (1599, Room.ENOUGH, Room.LEFT),
        (1600, Room.LEFT, Room.LEFT),
        (1699, Room.LEFT, Room.LEFT),
        (1700, Room.LEFT, Room.ENOUGH),
        (320, Room.LEFT, Room.LEFT),
        (319, Room.LEFT, Room.LOW),
        (319, Room.ENOUGH, Room.LOW),
        (339, Room.LOW, Room.LOW),
        (340, Room.LOW, Room.LEFT),
        (1699, Room.LOW, Room.LEFT),
        (1700, Room.LOW, Room.ENOUGH),
        (0, Room.LOW, Room.LOW),
    ],
)
def test_state_is_left_only_when_a_sixteenth_more_is_free(
    free: int, before: Room, after: Room
) -> None:
    assert judge(free, before, THRESHOLDS) is after


def test_thresholds_of_zero_are_off() -> None:
    assert judge(0, Room.ENOUGH, File(space_left=0, space_low=0)) is Room.ENOUGH


def test_looks_once_a_second_or_after_much_was_written(tmp_path: Path) -> None:
    space = DiskSpace(str(tmp_path), File(space_left=0, space_low=0))
    assert space.is_due(0.0)
    space.look(0.0)

    assert not space.is_due(0.99)
    assert space.is_due(1.0)
    space.note_written(5 << 20)
    assert space.is_due(0.01)


def test_full_ends_only_when_a_write_succeeded(tmp_path: Path) -> None:
    space = DiskSpace(str(tmp_path), File(space_left=0, space_low=0))
    space.room = Room.FULL

    assert space.look(1.0) == (Room.FULL, Room.FULL)
    space.note_success(2.0)
    assert space.room is Room.ENOUGH


def test_directory_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    space = DiskSpace(str(tmp_path / "gone"), THRESHOLDS)

    assert space.look(1.0) == (Room.ENOUGH, Room.ENOUGH)
