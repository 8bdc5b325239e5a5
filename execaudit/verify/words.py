# SPDX-License-Identifier: Apache-2.0
"""Words for what is found: times, counts, epochs; and what is read from seals for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def seconds_between(first: str, last: str) -> float | None:
    """Return seconds between two times of records; None where one is none."""
    try:
        moments = [datetime.fromisoformat(text[:26] + "Z") for text in (first, last)]
    except ValueError:
        return None
    return (moments[1] - moments[0]).total_seconds()


def proof_of(fields: Mapping[str, Any]) -> str:
    """Return what a seal is recognized by."""
    return str(fields.get("mac") or fields.get("signature"))


def covers_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a seal says that it covers."""
    covers = fields.get("covers")
    return covers if isinstance(covers, dict) else {}


def say_time(fields: Mapping[str, Any] | None) -> str:
    """Return the time of a record, for a person."""
    if not fields:
        return "the beginning"
    return f"{str(fields.get('time', ''))[:19].replace('T', ' ')} UTC"


def say_lines(count: int) -> str:
    """Return so many lines in words."""
    return f"{count} line" if count == 1 else f"{count} lines"


def say_files(count: int) -> str:
    """Return so many files in words."""
    return f"{count} file" if count == 1 else f"{count} files"


def say_were(count: int) -> str:
    """Return so many lines as the subject of something that was done to them."""
    return f"{say_lines(count)} {'was' if count == 1 else 'were'}"


def say_are(span: tuple[int, int]) -> str:
    """Return epochs as the subject of a sentence."""
    return f"{say_epochs(span)} {'is' if span[0] == span[1] else 'are'}"


def say_epochs(span: tuple[int, int]) -> str:
    """Return epochs in words."""
    if span[0] == span[1]:
        return f"the seal of epoch {span[0]}"
    return f"the seals of epochs {span[0]} to {span[1]}"
