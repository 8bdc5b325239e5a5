# SPDX-License-Identifier: Apache-2.0
"""Bytes that others chose, made into JSON text.

Owns UTF-8 repair, the exact bytes in base64, and JSON encoding: by orjson where it is installed,
otherwise by the standard library with the same bytes (a test compares them).
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

FieldDict = dict[str, Any]
"""Members of a record by name."""

SAFE = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
"""ASCII that stands for itself in a JSON string."""

# To translate and compare takes half the time of deleting what is safe and looking at the rest.
_IS_SAFE = bytes(code if code in SAFE + b"\0" else ord("?") for code in range(256))

# Valid in JSON, but a terminal obeys them: DEL, C1 controls, bidirectional overrides.
_ESCAPES = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)
    )
}  # fmt: skip
_HAS_TERMINAL = re.compile(f"[{''.join(map(chr, _ESCAPES))}]").search

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
    """Return compact JSON in UTF-8, without control characters that a terminal would obey."""
    encoded = _dumps(value)
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    text = encoded.decode()
    # One pass for all characters: to copy those that stay is quicker than to call a function.
    return text.translate(_ESCAPES).encode() if _HAS_TERMINAL(text) else encoded


def dumps_any(value: Any) -> bytes:
    """Encode JSON of any origin, with lone surrogates and large numbers, as `dumps` does."""
    try:
        return dumps(value)
    except (TypeError, UnicodeEncodeError):  # of orjson; of UTF-8
        return json.dumps(value, separators=(",", ":")).translate(_ESCAPES).encode()


def decode(raw: bytes) -> tuple[str, str | None]:
    """Return `raw` as text and None; where it is not UTF-8, with U+FFFD and in base64."""
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), base64.b64encode(raw).decode()


def decode_all(parts: list[bytes]) -> tuple[list[str], dict[str, str]]:
    """Return the texts of a list as `decode` does, and their base64 by index (as a JSON key)."""
    texts: list[str] = []
    exact: dict[str, str] = {}
    for index, part in enumerate(parts):
        text, encoded = decode(part)
        texts.append(text)
        if encoded is not None:
            exact[str(index)] = encoded
    return texts, exact


def add_text(fields: FieldDict, name: str, raw: bytes) -> None:
    """Add a text; where it is not UTF-8, its exact bytes too, as `<name>_b64`."""
    fields[name], exact = decode(raw)
    if exact is not None:
        fields[f"{name}_b64"] = exact


def add_texts(fields: FieldDict, name: str, parts: list[bytes]) -> None:
    """Add a list of texts in the same way; exact bytes stand under the index of the element."""
    fields[name], exact = decode_all(parts)
    if exact:
        fields[f"{name}_b64"] = exact


def exact_strings(fields: Mapping[str, Any], name: str, errors: str = "replace") -> list[bytes]:
    """Return the exact bytes of a list of texts; `errors` is for lone surrogates."""
    exact = fields.get(f"{name}_b64", {})
    return [
        base64.b64decode(exact[str(index)]) if str(index) in exact else text.encode(errors=errors)
        for index, text in enumerate(fields.get(name, ()))
    ]


def json_strings(block: bytes) -> bytes | None:
    """Return NUL terminated strings as a JSON array; None where they are not UTF-8."""
    if not block:
        return b"[]"
    if block.translate(_IS_SAFE) == block:
        return b'["' + block[:-1].replace(b"\0", b'","') + b'"]'
    try:
        return dumps(block[:-1].decode().split("\0"))
    except UnicodeDecodeError:
        return None


def until_nul(raw: bytes) -> bytes:
    """Return the C string in a field of fixed length."""
    return raw.split(b"\0", 1)[0]
