# SPDX-License-Identifier: Apache-2.0
"""When output is coloured."""

import pytest

from execaudit.color import wants_color


@pytest.mark.parametrize(
    ("choice", "is_terminal", "environ", "expected"),
    [
        ("auto", True, {"TERM": "xterm"}, True),
        ("auto", True, {}, True),
        ("auto", False, {"TERM": "xterm"}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
    ],
)
def test_color_follows_the_option_then_the_environment(
    choice: str, is_terminal: bool, environ: dict[str, str], expected: bool
) -> None:
    assert wants_color(choice, is_terminal=is_terminal, environ=environ) is expected
