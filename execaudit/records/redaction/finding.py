# SPDX-License-Identifier: Apache-2.0
"""What a search for secrets gives: where they are, and by which pattern they were found.

Owns the result and how overlapping ones are joined. It finds nothing itself.
"""

from collections.abc import Iterable
from typing import NamedTuple

FOLD = bytes(ord("0") if 0x30 <= code <= 0x39 else code for code in range(256))
"""Translation of all digits to 0: no shipped pattern tells one digit from another."""


class Finding(NamedTuple):
    """A secret in one argument.

    Attributes:
        argument: its index.
        start, end: offsets of the secret's bytes in it.
        name: of the pattern, as `redact.disable` takes it.
        reason: what of the pattern it was, for people.

    """

    argument: int
    start: int
    end: int
    name: str
    reason: str


def join_overlapping(findings: Iterable[Finding]) -> list[Finding]:
    """Return disjoint findings in order; overlapping ones become one of the longest's name."""
    joined: list[Finding] = []
    for found in sorted(findings, key=_position):
        last = joined[-1] if joined else None
        if last is None or last.argument != found.argument or last.end <= found.start:
            joined.append(found)
        elif found.end > last.end:
            longer = max(last, found, key=_length)
            joined[-1] = longer._replace(start=last.start, end=found.end)
    return joined


def _position(found: Finding) -> tuple[int, int, int]:
    return found.argument, found.start, -found.end


def _length(found: Finding) -> int:
    return found.end - found.start
