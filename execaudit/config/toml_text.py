# SPDX-License-Identifier: Apache-2.0
"""Keys, values and syntax errors of TOML as text for people.

Owns their spelling in messages and in `execaudit check --print`. No text it returns has a character
that a terminal would obey.
"""

import re
from collections.abc import Mapping
from datetime import date, time

from execaudit.config.toml_places import KeyPath, Place, find_places
from execaudit.records.quoting import make_printable

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_LONG_NUMBER = re.compile(r"[0-9_]{4301,}")  # what int() refuses by default
_SHORT = 60

# The beginnings of tomllib's messages, and what it expected there.
_EXPECTED = (
    ("Invalid value", 'a text in quotes, a number, true, false, or a list in "[" and "]"'),
    ("Expected newline", "nothing more in this line"),
    ("Expected '=' after a key", "KEY = VALUE, or a [section]"),
    ("Invalid statement", "KEY = VALUE, a [section] or a # comment"),
    ("Invalid initial character for a key", "a key of letters, digits, - and _, or in quotes"),
    ("Unescaped '\\' in a string", "\\\\, or single quotes, which take \\ as it is"),
    ("Illegal character '\\n'", "the closing quote in the same line"),
    ('Expected "\'"', "the closing quote"),
    ("Unterminated string", "the closing quote"),
    ("Unclosed array", "a comma or the closing ]"),
    ("Unclosed inline table", "a comma or the closing }"),
    ("Expected ']", "the closing bracket of the [section]"),
    ("Found invalid character", "no control characters in texts and comments"),
    ("Illegal character", "no control characters in texts"),
    ("a number has too many digits", "at most 4300"),
)


def show_path(path: KeyPath) -> str:
    """Return a path as TOML writes it, with indices from 0 in brackets: `redact.pattern[2].regex`.

    Keys that need quotes in TOML get them.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + show_key(part)
    return text


def show_key(key: str) -> str:
    """Return one key as TOML writes it."""
    return key if _BARE_KEY.fullmatch(key) else _basic_string(key)


def show_value(value: object) -> str:
    """Return a value as TOML writes it, in one line."""
    if isinstance(value, str):
        return _literal_string(value) or _basic_string(value)
    if isinstance(value, Mapping):
        members = ", ".join(f"{show_key(key)} = {show_value(each)}" for key, each in value.items())
        return f"{{ {members} }}" if members else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(show_value, value)) + "]"
    return _show_scalar(value)


def _show_scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return hex(value)  # Python refuses to write thousands of digits
    return repr(value)


def show_short(value: object) -> str:
    """Return a value as TOML writes it, cut to what fits into a message."""
    text = show_value(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def describe_syntax_error(text: str, error: ValueError) -> tuple[Place, str, str]:
    """Return what an error of tomllib is about: position, key there ("" for none), and the text.

    The text says what is wrong, and what was expected.
    """
    found = _WHERE.search(str(error))
    what = _WHERE.sub("", str(error))
    places = find_places(text)
    if places.repeated and what.startswith(("Cannot", "Duplicate")):
        path, offset = places.repeated[0]
        first = places.place(path).line
        wrong = f"is given a second time, expected once (first in line {first})"
        return places.place_of_offset(offset), show_path(path), wrong
    if not found:  # from int(), which tomllib does not guard
        long = _LONG_NUMBER.search(text)
        place = places.place_of_offset(long.start() if long else 0)
        what = "a number has too many digits" if long else what
    elif found[1]:
        place = Place(int(found[1]), int(found[2]))
    else:
        place = places.place_of_offset(len(text))
    expected = next((text for begin, text in _EXPECTED if what.startswith(begin)), "")
    wrong = f"is not TOML: {make_printable(what)}" + (f", expected {expected}" if expected else "")
    return place, show_path(places.last_path(place.line)), wrong


def _literal_string(text: str) -> str:
    """Return text as '…' where that spares escapes, as in regular expressions; else ""."""
    if ("\\" in text or '"' in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return ""


def _basic_string(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
