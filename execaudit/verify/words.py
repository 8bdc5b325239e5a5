# SPDX-License-Identifier: Apache-2.0
"""Words for findings: times, counts, epochs; and values of seals for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def seconds_between(first: str, last: str) -> float | None:
    """Return seconds between two times of records; None if one is no time."""
    try:
        moments = [datetime.fromisoformat(text[:26] + "Z") for text in (first, last)]
    except ValueError:
        return None
    return (moments[1] - moments[0]).total_seconds()


def proof_of(fields: Mapping[str, Any]) -> str:
    """Return the proof of a seal: its MAC or signature."""
    return str(fields.get("mac") or fields.get("signature"))


def covers_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member `covers` of a seal."""
    covers = fields.get("covers")
    return covers if isinstance(covers, dict) else {}


def say_time(fields: Mapping[str, Any] | None) -> str:
    """Return the time of a record as text; "the beginning" without a record."""
    if not fields:
        return "the beginning"
    return f"{str(fields.get('time', ''))[:19].replace('T', ' ')} UTC"


def say_lines(count: int) -> str:
    """Return "1 line" or "N lines"."""
    return f"{count} line" if count == 1 else f"{count} lines"


def say_files(count: int) -> str:
    """Return "1 file" or "N files"."""
    return f"{count} file" if count == 1 else f"{count} files"


def say_were(count: int) -> str:
    """Return "1 line was" or "N lines were"."""
    return f"{say_lines(count)} {'was' if count == 1 else 'were'}"


def say_are(span: tuple[int, int]) -> str:
    """Return epochs in words, with "is" or "are"."""
    return f"{say_epochs(span)} {'is' if span[0] == span[1] else 'are'}"


def say_epochs(span: tuple[int, int]) -> str:
    """Return the seals of first and last epoch in words."""
    if span[0] == span[1]:
        return f"the seal of epoch {span[0]}"
    return f"the seals of epochs {span[0]} to {span[1]}"
