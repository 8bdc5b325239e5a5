# SPDX-License-Identifier: Apache-2.0
"""Patterns with wildcards (`*`, `**`, `?`, `[a-z]`) as regular expressions over bytes.

Owns their grammar and a translation that cannot backtrack into long run times: every part between
two wildcards is taken where it is first found, for good, which is right for wildcards. It matches
nothing itself.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

_STAR = "*"  # within one component of a path
_ANY = "**"  # anything
_FOLDERS = "**/"  # any number of whole components, none included

# One character: of ASCII, of UTF-8, or a byte that is neither.
_BEYOND_ASCII = (
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]"
)


class Wildcards(NamedTuple):
    """A translated pattern.

    Attributes:
        match: returns something true where the whole text matches.
        literal: the longest text that every match contains.
        begins_open: the pattern begins with `**`.
        ends_open: it ends with `**`.

    """

    match: Callable[[bytes], Any]
    literal: bytes
    begins_open: bool
    ends_open: bool


class WildcardError(ValueError):
    """A pattern that means nothing; the message says what is wrong with it."""


def has_wildcards(text: str) -> bool:
    """Return True if a text is a pattern. A `[` that nothing closes stands for itself."""
    if "*" in text or "?" in text:
        return True
    return any(_class_end(text, at) for at, char in enumerate(text) if char == "[")


def translate_wildcards(text: str, *, is_path: bool) -> Wildcards:
    """Translate a pattern. In a path `*`, `?` and `[…]` never match a `/`; `**` does.

    Raises WildcardError.
    """
    tokens = _tokens(text, is_path)
    return Wildcards(
        _simple_match(tokens) or re.compile(_regex(tokens, is_path)).match,
        _longest_literal(tokens),
        begins_open=tokens[:1] == [_ANY],
        ends_open=tokens[-1:] == [_ANY],
    )


def _simple_match(tokens: list[bytes | str]) -> Callable[[bytes], bool] | None:
    """Match the usual forms without a regular expression to compile; None for others."""
    wild = [index for index, token in enumerate(tokens) if isinstance(token, str)]
    if not wild or len(wild) > 2 or not all(map(_is_plain, tokens)):
        return None
    first, last = wild[0], wild[-1]
    if len(wild) == 2:
        within = _plain(tokens[1:-1])
        if (tokens[0], tokens[-1], last) == (_ANY, _ANY, len(tokens) - 1):
            return lambda text: within in text
        return None
    before, after, least = _plain(tokens[:first]), _plain(tokens[first + 1 :]), len(tokens) - 1
    if tokens[first] == _ANY:
        return lambda text: (
            len(text) >= least and text.startswith(before) and text.endswith(after)
        )
    if tokens[first] == _STAR:
        begin, end = len(before), len(after)
        return lambda text: (
            len(text) >= least
            and text.startswith(before)
            and text.endswith(after)
            and text.find(b"/", begin, len(text) - end) < 0
        )
    return None


def _is_plain(token: bytes | str) -> bool:
    return isinstance(token, str) or not token.startswith((b"[", b"("))


def _plain(tokens: list[bytes | str]) -> bytes:
    """Return the text that single characters, as regex source, stand for."""
    return b"".join(
        token[1:] if token.startswith(b"\\") else token
        for token in tokens
        if isinstance(token, bytes)
    )


def _regex(tokens: list[bytes | str], is_path: bool) -> bytes:
    """Return a regular expression for the whole text."""
    chunks: list[list[bytes | str]] = [[]]
    wilds: list[str] = []
    for token in tokens:
        if token in (_ANY, _FOLDERS):
            wilds.append(str(token))
            chunks.append([])
        else:
            chunks[-1].append(token)
    anything = rb"[^/]*?" if is_path else b".*?"
    regex = b"(?s)" + _chunk(chunks[0], anything, is_last=not wilds)
    for index, wild in enumerate(wilds, 1):
        is_last = index == len(wilds)
        if is_last and not chunks[index] and wild == _ANY:
            break
        between = b".*?" if wild == _ANY else b"(?:.*?/)??"
        regex += b"(?>" + between + _chunk(chunks[index], anything, is_last=is_last) + b")"
    return regex


def _tokens(text: str, is_path: bool) -> list[bytes | str]:
    """Return the pattern's characters as regex source, and its `*`, `**` and `**/` as they are."""
    tokens: list[bytes | str] = []
    at = 0
    while at < len(text):
        char = text[at]
        end = at + 1
        if char == "*":
            end = at + len(text[at:]) - len(text[at:].lstrip("*"))
            wild = _ANY if end - at > 1 or not is_path else _STAR
            if is_path and wild == _ANY and _is_whole_component(text, at, end):
                wild = _FOLDERS
                end += 1
            tokens.append(wild)
        elif char == "?":
            tokens.append(_one_of(set(range(128)), True, is_path))
        elif char == "[" and (close := _class_end(text, at)):
            tokens.append(_class(text[at + 1 : close], is_path))
            end = close + 1
        else:
            tokens += [re.escape(bytes([code])) for code in char.encode()]
        at = end
    return tokens


def _is_whole_component(text: str, at: int, end: int) -> bool:
    return text[end : end + 1] == "/" and (at == 0 or text[at - 1] == "/")


def _class_end(text: str, at: int) -> int:
    """Return the index of the `]` that closes the class at `at`; 0 if none does."""
    first = at + 1
    if text[first : first + 1] in ("!", "^"):
        first += 1
    return max(0, text.find("]", first + 1))


def _class(content: str, is_path: bool) -> bytes:
    is_negated = content[0] in "!^"
    content = content[is_negated:]
    if not content.isascii():
        raise WildcardError(f"[{content}] has a character beyond ASCII: give a list of patterns")
    codes: set[int] = set()
    at = 0
    while at < len(content):
        first = last = ord(content[at])
        if content[at + 1 : at + 2] == "-" and at + 2 < len(content):
            last = ord(content[at + 2])
            at += 2
            if last < first:
                raise WildcardError(f"[{content}] has a range that ends before it begins")
        codes.update(range(first, last + 1))
        at += 1
    if is_negated:
        return _one_of(set(range(128)) - codes, True, is_path)
    return _one_of(codes, False, is_path)


def _one_of(codes: set[int], beyond_ascii: bool, is_path: bool) -> bytes:
    """Return regex source for one of these ASCII codes or, if `beyond_ascii`, of any others."""
    if is_path:
        codes = codes - {ord("/")}
    ascii_part = b"[" + b"".join(rb"\x%02x" % code for code in sorted(codes)) + b"]"
    if not codes:
        ascii_part = b"(?!)"
    return b"(?>" + ascii_part + b"|" + _BEYOND_ASCII + b")" if beyond_ascii else ascii_part


def _chunk(tokens: list[bytes | str], anything: bytes, *, is_last: bool) -> bytes:
    """Return a regular expression for what lies between two `**`: single characters and `*`."""
    parts: list[bytes] = [b""]
    for token in tokens:
        if isinstance(token, str):
            parts.append(b"")
        else:
            parts[-1] += token
    end = rb"\Z" if is_last else b""
    regex = parts[0] + (end if len(parts) == 1 else b"")
    for index, part in enumerate(parts[1:], 2):
        regex += b"(?>" + anything + part + (end if index == len(parts) else b"") + b")"
    return regex


def _longest_literal(tokens: list[bytes | str]) -> bytes:
    runs: list[list[bytes | str]] = [[]]
    for token in tokens:
        if isinstance(token, bytes) and _is_plain(token):
            runs[-1].append(token)
        else:
            runs.append([])
    return max(map(_plain, runs), key=len)
