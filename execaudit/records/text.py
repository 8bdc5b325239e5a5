# SPDX-License-Identifier: Apache-2.0
"""Bytes that others chose, made into JSON text.

Owns UTF-8 repair, the exact bytes that ride along in base64, and JSON encoding. orjson where it is
installed, otherwise the standard library with byte-identical output (a test holds it).
"""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

SAFE = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
"""ASCII that stands for itself in a JSON string."""

# Valid in JSON, but a terminal obeys them: DEL, C1 controls, bidirectional overrides.
_TERMINAL = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_encode_stdlib = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _dumps_stdlib(value: Any) -> bytes:
    return _encode_stdlib(value).encode()


_dumps: Callable[[Any], bytes]
try:
    import orjson

    _dumps = orjson.dumps
except ImportError:
    _dumps = _dumps_stdlib


def dumps(value: Any) -> bytes:
    """Encode compact JSON, UTF-8, without control characters that a terminal would obey."""
    encoded = _dumps(value)
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    text = encoded.decode()
    if not _TERMINAL.search(text):
        return encoded
    return _TERMINAL.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def decode(raw: bytes) -> tuple[str, str | None]:
    """Text of `raw` with U+FFFD for what is not UTF-8; then also the exact bytes in base64."""
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), base64.b64encode(raw).decode()


def decode_all(parts: list[bytes]) -> tuple[list[str], dict[str, str]]:
    """`decode` for a list: the texts, and the base64 by index (as a JSON key)."""
    texts: list[str] = []
    exact: dict[str, str] = {}
    for index, part in enumerate(parts):
        text, encoded = decode(part)
        texts.append(text)
        if encoded is not None:
            exact[str(index)] = encoded
    return texts, exact


def until_nul(raw: bytes) -> bytes:
    """A C string out of a fixed field."""
    return raw.split(b"\0", 1)[0]
