# SPDX-License-Identifier: Apache-2.0
"""Text and JSON of bytes that others chose."""

import base64
import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records import text

CHECKOUT = Path(__file__).resolve().parents[2]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
HARMFUL = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + (
    "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def orjson_and_stdlib() -> list[Any]:
    orjson = pytest.importorskip("orjson", reason="the other encoder is not installed")
    return [orjson.dumps, text._dumps_stdlib]


@given(VALUES)
def test_both_encoders_give_the_same_bytes(value: Any) -> None:
    orjson_dumps, stdlib_dumps = orjson_and_stdlib()

    assert orjson_dumps(value) == stdlib_dumps(value)


def test_both_encoders_give_the_same_bytes_for_every_character() -> None:
    orjson_dumps, stdlib_dumps = orjson_and_stdlib()
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]

    assert orjson_dumps(everything) == stdlib_dumps(everything)


def dumps_plainly(value: Any) -> bytes:
    """Encode as `text.dumps` does, one character at a time."""
    encoded = text._dumps(value).decode()
    return "".join(f"\\u{ord(c):04x}" if c in HARMFUL else c for c in encoded).encode()


def test_every_character_is_escaped_if_it_is_harmful() -> None:
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]

    assert text.dumps(everything) == dumps_plainly(everything)


def test_encoder_is_the_standard_one_where_orjson_is_missing() -> None:
    # As on Debian 12; the import fails as it would there.
    program = (
        "import sys; sys.modules['orjson'] = None\n"
        "from execaudit.records import text\n"
        "assert text._dumps is text._dumps_stdlib\n"
        "sys.stdout.buffer.write(text.dumps({'a': ['\\x7f\\x9b', '\\u202e', 'é', 1 << 63]}))"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, cwd=CHECKOUT
    )

    assert result.stdout == text.dumps({"a": ["\x7f\x9b", "\u202e", "é", 1 << 63]})


@given(VALUES | ANY_TEXT | st.text(st.sampled_from(HARMFUL + 'a"\\é')))
def test_encoded_value_reads_back_and_has_no_character_that_a_terminal_obeys(value: Any) -> None:
    encoded = text.dumps(value)

    assert json.loads(encoded) == value
    assert not set(encoded.decode()) & set(HARMFUL)


def test_every_control_character_of_unicode_is_escaped() -> None:
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp"):
            assert chr(code) not in text.dumps(chr(code)).decode()


@given(st.binary() | ANY_TEXT.map(str.encode))
def test_decoded_bytes_are_text_and_keep_what_is_not_utf8(raw: bytes) -> None:
    value, exact = text.decode(raw)

    value.encode()
    if exact is None:
        assert value.encode() == raw
    else:
        assert base64.b64decode(exact) == raw
        assert "\ufffd" in value


@pytest.mark.parametrize(
    "raw",
    [b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"],
    ids=["surrogate", "overlong NUL", "beyond Unicode", "cut", "continuation"],
)
def test_bytes_that_only_look_like_utf8_are_not_taken_for_it(raw: bytes) -> None:
    value, exact = text.decode(raw)

    assert set(value) == {"\ufffd"}
    assert exact == base64.b64encode(raw).decode()


def test_list_keeps_the_index_of_each_element_that_is_not_utf8() -> None:
    assert text.decode_all([b"a", b"\xff", b"", b"\xfe"]) == (
        ["a", "\ufffd", "", "\ufffd"],
        {"1": "/w==", "3": "/g=="},
    )


@pytest.mark.parametrize(
    ("raw", "expected"), [(b"sh\0\0", b"sh"), (b"sh\0x", b"sh"), (b"", b""), (b"full", b"full")]
)
def test_string_of_a_fixed_field_ends_at_its_nul(raw: bytes, expected: bytes) -> None:
    assert text.until_nul(raw) == expected


@pytest.mark.parametrize(
    ("block", "encoded"),
    [(b"", b"[]"), (b"\0", b'[""]'), (b"a b\0\0c\0", b'["a b","","c"]'),
     (b'"\0\\\n\0', b'["\\"","\\\\\\n"]'), ("é\u202e\0".encode(), '["é\\u202e"]'.encode()),
     (b"a\0\xff\0", None)],
)  # fmt: skip
def test_strings_of_a_block_are_an_array_unless_they_are_not_utf8(
    block: bytes, encoded: bytes | None
) -> None:
    assert text.json_strings(block) == encoded


def test_safe_bytes_stand_for_themselves_in_json() -> None:
    assert text.dumps(text.SAFE.decode()) == b'"' + text.SAFE + b'"'
