# SPDX-License-Identifier: Apache-2.0
r"""Text from traced programs made fit for a terminal line: escaped, quoted, measured, cut.

Owns what a character looks like on screen, and where one word ends and the next begins. It knows no
record and no column. No control character, bidirectional override or invisible character gets
through, whatever the text is.

Words are written as a POSIX.1-2024 shell reads them: bare, in '...', or in $'...' where something
has to be escaped. A line can be pasted into a shell and gives the same arguments. With `always`,
every word is in "..." with the same escapes. Escapes: \n \r \t, \xNN for other ASCII control
characters and for bytes that were not UTF-8 (U+DC80 to U+DCFF here, as os.fsdecode gives them),
\uNNNN and \UNNNNNNNN for every other character that is not shown as itself.
"""

import re
import unicodedata

# What no shell gives a meaning to, anywhere in a word. A word of these alone is shown as it is.
_BARE = re.compile(r"[\w@%+=:,./^-]+", re.ASCII)
_BARE_UNICODE = re.compile(r"[\w@%+=:,./^-]+")
# Harmless as whole words, and so frequent (test, find -exec) that quotes would be noise.
_BARE_WORDS = frozenset({"[", "]", "{}"})
# What would make a name in a column look like two columns, or like a mark of ours.
_UNCLEAR_CELL = re.compile(r"""[\s'"\\]|^[*?<…]|^-?$""")
# Default_Ignorable_Code_Point and blank characters that str.isprintable() takes for printable
# (Unicode DerivedCoreProperties.txt), and the replacement character, which is never data.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffd"
    "\U000e0100-\U000e01ef]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(char: str) -> str:
    """Return the escape sequence of one character."""
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_combining(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def _needs_escape(text: str, ascii_only: bool) -> bool:
    """Return True if any character of the text is not shown as itself."""
    if text.isascii():
        return not text.isprintable()
    return (
        ascii_only
        or not text.isprintable()
        or _INVISIBLE.search(text) is not None
        or _is_combining(text[0])
    )


def _pieces(text: str, close: str, ascii_only: bool) -> list[str]:
    """Return what each character looks like between quotes that allow escapes."""
    pieces = []
    escaped = True  # a combining mark must not sit on the quote, nor on an escape sequence
    for char in text:
        if char in (close, "\\"):
            pieces.append("\\" + char)
            escaped = True
            continue
        escaped = (
            not char.isprintable()
            or (not char.isascii() and (ascii_only or _INVISIBLE.match(char) is not None))
            or (escaped and _is_combining(char))
        )
        pieces.append(_escape(char) if escaped else char)
    return pieces


def _quotes(text: str, always: bool, ascii_only: bool) -> str:
    """Return the opening quote that the text needs: none, single, $' or, if always, double."""
    if always:
        return '"'
    if _BARE.fullmatch(text) or text in _BARE_WORDS:
        return ""
    if "'" in text or (text and _needs_escape(text, ascii_only)):
        return "$'"
    return "" if _BARE_UNICODE.fullmatch(text) else "'"


def quote(text: str, *, always: bool = False, ascii_only: bool = False) -> str:
    """Return the text as one word of a line; with `always` in double quotes, needed or not.

    `ascii_only` is for terminals that do not take UTF-8, where the bytes of a harmless letter can
    be a C1 control character.
    """
    opening = _quotes(text, always, ascii_only)
    if opening in ("", "'"):
        return opening + text + opening
    close = opening[-1]
    return opening + "".join(_pieces(text, close, ascii_only)) + close


def quote_head(text: str, room: int, *, always: bool = False, ascii_only: bool = False) -> str:
    """Return the longest beginning of the text that fits as a word into `room` columns, or ''.

    A mark may stand directly behind it.
    """
    opening = _quotes(text, always, ascii_only)
    if text in _BARE_WORDS and not opening:
        opening = "'"  # bare only where a blank follows: a shell takes "[…" for a pattern
    close = opening[-1:]
    pieces = _pieces(text, close, ascii_only) if opening in ('"', "$'") else list(text)
    room -= len(opening) + len(close)
    used = fitting = 0
    for index, piece in enumerate(pieces):
        used += width(piece)
        if used > room:
            break
        fitting = index + 1
    return opening + "".join(pieces[:fitting]) + close if fitting else ""


def make_printable(text: str) -> str:
    """Return text for a message: without quotes, its unprintable characters escaped."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def quote_cell(text: str, *, ascii_only: bool = False) -> str:
    """Return the text for a column of its own: quoted only where it would be misread."""
    if text.isascii() and text.isprintable() and not _UNCLEAR_CELL.search(text):
        return text
    if "'" in text or (text and _needs_escape(text, ascii_only)):
        return "$'" + "".join(_pieces(text, "'", ascii_only)) + "'"
    return f"'{text}'" if _UNCLEAR_CELL.search(text) else text


def width(text: str) -> int:
    """Return the columns a terminal takes for text that went through this module."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def _char_width(char: str) -> int:
    # Vowels and final consonants of Hangul join the syllable before them (as wcwidth(3) has it).
    if unicodedata.category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
