# SPDX-License-Identifier: Apache-2.0
"""What standard output can show: UTF-8 or ASCII alone, and small charts in either."""

import sys
from collections.abc import Sequence

_SPARKS, _ASCII_SPARKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"


def is_ascii_only() -> bool:
    """Return True if standard output does not take UTF-8."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return encoding not in ("utf8", "utf8sig")


def sparkline(numbers: Sequence[int], *, ascii_only: bool) -> str:
    """Return numbers as characters of different height; 0 is a blank."""
    sparks = _ASCII_SPARKS if ascii_only else _SPARKS
    most = max(numbers, default=0)
    return "".join(
        sparks[min(number * len(sparks) // (most + 1), len(sparks) - 1)] if number else " "
        for number in numbers
    )
