# SPDX-License-Identifier: Apache-2.0
r"""Words of a command as one text, and back: for texts in records.

Owns quoting at a bounded cost, the cut to a number of bytes, and the way back to the exact bytes.
Words look as `quoting` makes them: bare, in '...', or in $'...' with escapes. Bytes that are not
UTF-8 are \xNN: nothing of the words is lost.
"""

import re
import sys

_BARE = re.compile(r"[\w@%+=:,./^-]+", re.ASCII).fullmatch
_BARE_OR_NUL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./^-\0"
_IS_BARE = bytes(code if code in _BARE_OR_NUL else ord("?") for code in range(256))
_BARE_WORDS = frozenset({"[", "]", "{}"})
_ESCAPES = str.maketrans(
    {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}
    | {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord("'"): "\\'", ord("\\"): "\\\\"}
)
_WORD = re.compile(r"\$'((?:[^'\\]|\\.)*)'?|'([^']*)'?|([^ ]+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_NAMED = {"n": b"\n", "r": b"\r", "t": b"\t"}
_MOST_OF_LETTER = 3  # bytes of a UTF-8 character that is cut
_TRIES = 4  # to find how much of a word has room once it is quoted


def quote_word(word: str) -> str:
    """Return a word as `quoting.quote` does, faster: nearly all words are ASCII."""
    if not word.isascii():
        # It loads tables of Unicode, which most hosts never need.
        from execaudit.records.quoting import quote  # noqa: PLC0415

        return quote(word)
    if "'" in word or not word.isprintable():
        return "$'" + word.translate(_ESCAPES) + "'"
    return word if _BARE(word) or word in _BARE_WORDS else f"'{word}'"


def is_bare_block(block: bytes) -> bool:
    """Return True if NUL terminated words need no quotes: there are any, and none is empty."""
    is_bare = block.translate(_IS_BARE) == block
    return is_bare and len(block) > 1 and bool(block[0]) and b"\0\0" not in block


def join_quoted(words: list[bytes]) -> str:
    """Return words as one text."""
    return " ".join([quote_word(word.decode("utf-8", "surrogateescape")) for word in words])


def quote_head(words: list[bytes], room: int) -> tuple[str, bool]:
    """Return words as one text of at most `room` bytes in UTF-8, and True where something is cut.

    A cut word has its closing quote, too.
    """
    quoted: list[str] = []
    for word in words:
        text = quote_word(word[: room + 1].decode("utf-8", "surrogateescape"))
        size = len(text.encode())
        if size > room:
            head = _quote_begin(word, room)
            return " ".join([*quoted, head] if head else quoted), True
        quoted.append(text)
        room -= size + 1
    return " ".join(quoted), False


def _quote_begin(word: bytes, room: int) -> str:
    """Return as much of the beginning of a word, quoted, as has room; "" where nothing has."""
    length = room
    for _ in range(_TRIES):
        if length <= 0:
            break
        head = word[:length].decode("utf-8", "surrogateescape")
        for _ in range(_MOST_OF_LETTER):  # a cut character looks like bytes that are not UTF-8
            head = head[:-1] if "\udc80" <= head[-1:] <= "\udcff" else head
        text = quote_word(head) if head else ""
        size = len(text.encode())
        if size <= room:
            return text
        length = min(length - (size - room + 3) // 4, length * room // size - 4)
    return ""


def split_words(text: str) -> list[bytes]:
    """Return the exact bytes of the words in a text of this module; never raises."""
    words: list[bytes] = []
    for escaped, single, bare in _WORD.findall(text):
        words.append(_unescape(escaped) if escaped else (single or bare).encode(errors="replace"))
    return words


def _unescape(text: str) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for match in _ESCAPED.finditer(text):
        pieces.append(text[at : match.start()].encode(errors="replace"))
        at = match.end()
        byte, short, long, named = match.groups()
        if byte:
            pieces.append(bytes.fromhex(byte))
        elif named:
            pieces.append(_NAMED.get(named) or named.encode(errors="replace"))
        else:
            code = int(short or long, 16)
            # Others may have written the text: not every number is a character.
            char = chr(code) if code <= sys.maxunicode else "\ufffd"
            pieces.append(char.encode(errors="replace"))
    return b"".join([*pieces, text[at:].encode(errors="replace")])
