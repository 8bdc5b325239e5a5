# SPDX-License-Identifier: Apache-2.0
"""What the quick encoders share: caches of encoded pieces, and strings made JSON.

Owns the bounds of those caches. What is encoded, and how, is the business of `encode` and
`encode_journal`.
"""

from collections.abc import Callable
from typing import TypeVar

from execaudit.records.host import second_text
from execaudit.records.text import SAFE, dumps

_SECONDS_KEPT = 256
_KEPT_BYTES = 512 << 10
PLACES_BYTES = 2 << 20
"""Bound of a cache whose entries hold all that usually repeats together."""
_ENTRY_BYTES = 200  # what Python needs for one
_SAFE_OR_NUL = SAFE + b"\0"

Made = TypeVar("Made", bound=bytes | tuple[bytes, ...])


class Fragments(dict[bytes, Made | None]):
    """What was made of raw slices, on first sight. None: has to go the long way.

    Bounded by bytes, not by entries: anybody can run programs under long names that never repeat.
    """

    __slots__ = ("_bytes", "_limit", "_make")

    def __init__(self, make: Callable[[bytes], Made | None], limit: int = _KEPT_BYTES) -> None:
        super().__init__()
        self._make = make
        self._limit = limit
        self._bytes = 0

    def __missing__(self, raw: bytes) -> Made | None:
        value = self._make(raw)
        made = sum(map(len, value)) if isinstance(value, tuple) else len(value or b"")
        self._bytes += len(raw) + made + _ENTRY_BYTES
        if self._bytes > self._limit:
            self.clear()
            self._bytes = 0
        self[raw] = value
        return value


class Seconds(dict[int, bytes]):
    """RFC 3339 text of whole seconds since the epoch. Bounded."""

    def __missing__(self, second: int) -> bytes:
        if len(self) >= _SECONDS_KEPT:
            self.clear()
        text = self[second] = second_text(second).encode()
        return text


def format_of(outer: bytes, *pieces: bytes) -> bytes:
    """A bytes format with `pieces` put in for good. What `outer` is to leave open has two "%"."""
    return outer % tuple([piece.replace(b"%", b"%%") for piece in pieces])


def json_strings(raw: bytes) -> bytes | None:
    """JSON array of NUL terminated strings; None where they are not UTF-8 or not terminated."""
    if not raw:
        return b"[]"
    if raw[-1]:
        return None
    if not raw.translate(None, _SAFE_OR_NUL):
        return b'["' + raw[:-1].replace(b"\0", b'","') + b'"]'
    try:
        return dumps(raw[:-1].decode().split("\0"))
    except UnicodeDecodeError:
        return None
