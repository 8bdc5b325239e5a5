# SPDX-License-Identifier: Apache-2.0
"""Secrets out of arguments and environment values, before any sink sees them.

Owns the replacement, and what is remembered of words so that hardly any pattern is tried twice. It
works on raw bytes, so that what rides along in base64 is clean too. A secret becomes
`<redacted:NAME>`; with a key, `<redacted:NAME:HMAC>` with the first 12 hex digits of HMAC-SHA-256,
so that equal secrets can be told without being known.
"""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from execaudit.records.secret_patterns import PATTERNS, Pattern

# Arguments that are command lines: `sh -c TEXT`, `su -c TEXT`, `ssh HOST TEXT`.
_BEFORE_SCRIPT = re.compile(rb"-[a-zA-Z]{0,16}c|--(?:session-)?command")
_SCRIPT_PROGRAMS = frozenset((b"ssh", b"watch", b"eval", b"parallel"))
_BLANK = re.compile(rb"\s")
# As a shell would split it, near enough. The branches begin with different bytes, so that there is
# one way only to read a text.
_SHELL_WORD = re.compile(rb"(?:[^\s\"'|&;()<>`]|\"[^\"]*\"?|'[^']*'?)+")
_SCRIPT_WORDS = 4096
# No shipped pattern tells one digit from another: what differs in digits alone is one entry.
_FOLD = bytes(ord("0") if chr(c).isdigit() and c < 128 else c for c in range(256))
_BLOCKS_KEPT = 2 << 20  # in bytes
_BLOCK_LIMIT = 4096
_ENTRY_BYTES = 96  # about what one takes besides
_WORDS_KEPT = 4096
_WORD_LIMIT = 128
_MASKS_KEPT = 1024
_HMAC_DIGITS = 12
# From the rarest; before all of them come signs that are no letters, as `find` gives -1 for those.
_LETTERS = b"zqxjkvbpygfwmucldrhsnioate"
_MARK = re.compile(rb"\0(\d+)\0")


class Redacted(NamedTuple):
    """Arguments with their secrets replaced, and the indexes of those that had any."""

    values: list[bytes]
    touched: list[int]


class _Word(NamedTuple):
    """What a word is to the patterns, each of which is a bit by its place in the order.

    Attributes:
        programs: those that apply to a command in which the word occurs.
        announced: those that apply to the next word alone.
        matched: those that find something in the word itself.
        possible: those that might, if others had not replaced what they have replaced before.
        opens_script: whether the next word is a command line.
        is_runner: whether all words are, if they have blanks.

    """

    programs: int
    announced: int
    matched: int
    possible: int
    opens_script: bool
    is_runner: bool


_Chosen = tuple[int, str, re.Pattern[bytes], str | int]
"""A pattern for use: (bit, name, regex, group)."""


class Redactor:
    """Replaces what the patterns find; `key` is for correlation and may be None.

    `patterns` are the shipped ones, fewer, or more.
    """

    def __init__(self, patterns: Iterable[Pattern] = PATTERNS, key: bytes | None = None) -> None:
        self._patterns = tuple(patterns)
        self._key = key
        self._literals = _by_sign(itertools.chain(*(p.needs for p in self._patterns)))
        # A pattern of the user's own may find something in whatever it is, and tell digits apart.
        self._is_hinted = all(pattern.needs for pattern in self._patterns)
        is_shipped = all(pattern in PATTERNS for pattern in self._patterns)
        self._fold = _FOLD if is_shipped else bytes(range(256))
        self._always = sum(1 << i for i, p in enumerate(self._patterns) if p.program is None)
        self._clean: set[bytes] = set()
        self._clean_bytes = 0
        self._words: dict[bytes, _Word] = {}
        self._chosen: dict[int, list[_Chosen]] = {}

    def redact_block(self, block: bytes) -> tuple[bytes, list[int]] | None:
        """Replace secrets in NUL terminated words; None where there are none.

        Gives the block, and the indexes of the words that had any.
        """
        is_kept = len(block) <= _BLOCK_LIMIT
        folded = block.translate(self._fold) if is_kept else b""
        if folded in self._clean:
            return None
        if self._may_match(block):
            values, touched = self.redact(block[:-1].split(b"\0"))
            if touched:
                return b"\0".join(values) + b"\0", touched
        if is_kept:
            if self._clean_bytes > _BLOCKS_KEPT:
                self._clean.clear()
                self._clean_bytes = 0
            self._clean.add(folded)
            self._clean_bytes += len(folded) + _ENTRY_BYTES
        return None

    def redact(self, words: list[bytes], gaps: Iterable[int] = ()) -> Redacted:
        """Replace secrets in the words of a command.

        `gaps` are indexes of words behind whose text bytes are missing: where a secret reaches the
        end of such a word, the piece after the gap is taken for the rest of it.
        """
        out = list(words)
        touched: list[int] = []
        looks = [self._look_at(word) for word in words]
        active, has_scripts = self._active(looks)
        cut = set(gaps)
        carried = ""
        announced = 0
        opens_script = has_scripts
        for index, look in enumerate(looks):
            _, announces, matched, possible, opens_next, _ = look
            wanted = active & (matched | announced)
            if wanted or carried or opens_script:
                word, reaches_end = words[index], ""
                if carried:
                    word, reaches_end = self._token(carried, word), carried
                elif opens_script:
                    word = self._redact_script(word)
                    if word != words[index]:
                        _, _, matched, possible, _, _ = self._look_at(word)
                        wanted = active & (matched | announced)
                if wanted and not carried:
                    word, reaches_end = self._redact_word(word, wanted, active & possible)
                if word != words[index]:
                    out[index] = word
                    touched.append(index)
                carried = reaches_end if index in cut else ""
            announced = announces
            opens_script = has_scripts or opens_next
        return Redacted(out, touched)

    # -- what words are ----------------------------------------------------------------------

    def _may_match(self, text: bytes) -> bool:
        """Whether some pattern may find something in a text. False is certain, True a guess."""
        if not self._is_hinted:
            return True
        lower = text.lower()
        for sign, literals in self._literals:
            if sign in lower:
                for literal in literals:  # any() takes twice as long
                    if literal in lower:
                        return True
        return False

    def _look_at(self, word: bytes) -> _Word:
        folded = word.translate(self._fold)
        look = self._words.get(folded)
        if look is None:
            look = self._examine(word)
            if len(word) <= _WORD_LIMIT:
                if len(self._words) >= _WORDS_KEPT:
                    self._words.clear()
                self._words[folded] = look
        return look

    def _examine(self, word: bytes) -> _Word:
        name = word.rsplit(b"/", 1)[-1]
        may_match = self._may_match(word)
        lower = word.lower()
        programs = announced = matched = possible = 0
        for index, pattern in enumerate(self._patterns):
            bit = 1 << index
            if pattern.program is not None:
                if may_match and pattern.program.fullmatch(name):
                    programs |= bit
            elif not may_match:
                continue
            if pattern.after is not None:
                if word.startswith(b"-") and pattern.after.fullmatch(word):
                    announced |= bit
            elif _is_possible(pattern, lower):
                possible |= bit
                if pattern.regex.search(word):
                    matched |= bit
        return _Word(
            programs,
            announced,
            matched,
            possible,
            _BEFORE_SCRIPT.fullmatch(word) is not None,
            name in _SCRIPT_PROGRAMS,
        )

    def _active(self, looks: list[_Word]) -> tuple[int, bool]:
        """The patterns that apply to a command of these words; whether they are command lines."""
        active = self._always
        has_scripts = False
        for programs, _, _, _, _, is_runner in looks:
            active |= programs
            has_scripts = has_scripts or is_runner
        return active, has_scripts

    # -- replacing ---------------------------------------------------------------------------

    def _redact_script(self, text: bytes) -> bytes:
        """A command line inside an argument, its words looked at like those of a command."""
        if not _BLANK.search(text) or not self._may_match(text):
            return text
        found = list(itertools.islice(_SHELL_WORD.finditer(text), _SCRIPT_WORDS))
        looks = [self._look_at(match[0]) for match in found]
        active, _ = self._active(looks)
        pieces: list[bytes] = []
        announced, at = 0, 0
        for match, look in zip(found, looks, strict=True):
            wanted = active & (look.matched | announced)
            if wanted:
                word = match[0]
                clean, _ = self._redact_word(word, wanted, active & look.possible)
                if clean != word and _BLANK.search(word):
                    # Patterns end at a blank; that of a quoted word is part of the secret.
                    end = clean.index(b">", clean.index(b"<redacted:")) + 1
                    clean = clean[:end] + (word[-1:] if word[-1:] in (b"'", b'"') else b"")
                pieces += (text[at : match.start()], clean)
                at = match.end()
            announced = look.announced
        return b"".join((*pieces, text[at:]))

    def _redact_word(self, word: bytes, wanted: int, possible: int) -> tuple[bytes, str]:
        """The word without secrets, and the name of the pattern whose secret reached its end.

        The patterns `wanted` may find something in the word as it is, those `possible` in what is
        left of it when something was replaced.
        """
        tokens: list[bytes] = []
        reaches_end = ""

        def replace(match: re.Match[bytes]) -> bytes:
            nonlocal reaches_end
            secret = match[group]
            # A NUL marks what is replaced already.
            if not secret or b"\0" in secret or secret.startswith(b"<redacted:"):
                return match[0]
            begin, end = match.span(group)
            if end == len(match.string):
                reaches_end = name
            tokens.append(self._token(name, secret))
            mark = b"\0%d\0" % (len(tokens) - 1)
            return match.string[match.start() : begin] + mark + match.string[end : match.end()]

        text = word
        for pattern in self._choose(wanted | possible):
            bit, name, regex, group = pattern
            if tokens or wanted & bit:
                text = regex.sub(replace, text)
        if len(tokens) == 1:
            text = text.replace(b"\x000\0", tokens[0])
        elif tokens:
            text = _MARK.sub(lambda match: tokens[int(match[1])], text)
        return text, reaches_end

    def _choose(self, mask: int) -> list[_Chosen]:
        """The patterns of a mask."""
        chosen = self._chosen.get(mask)
        if chosen is None:
            if len(self._chosen) >= _MASKS_KEPT:
                self._chosen.clear()
            chosen = [
                (1 << index, p.name, p.regex, "secret" if "secret" in p.regex.groupindex else 0)
                for index, p in enumerate(self._patterns)
                if mask & 1 << index
            ]
            self._chosen[mask] = chosen
        return chosen

    def _token(self, name: str, secret: bytes) -> bytes:
        if self._key is None:
            return f"<redacted:{name}>".encode()
        import hmac  # noqa: PLC0415 - with it comes OpenSSL, several MiB

        digest = hmac.digest(self._key, secret, "sha256").hex()[:_HMAC_DIGITS]
        return f"<redacted:{name}:{digest}>".encode()


def _by_sign(literals: Iterable[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """Literals by the rarest sign in them: one byte is found far quicker than several.

    Those that contain another literal find nothing which that one does not.
    """
    distinct = tuple(dict.fromkeys(literals))
    groups: dict[bytes, list[bytes]] = {}
    for literal in distinct:
        if any(other in literal for other in distinct if other != literal):
            continue
        sign = min(literal, key=_LETTERS.find)
        groups.setdefault(bytes((sign,)), []).append(literal)
    return list(groups.items())


def _is_possible(pattern: Pattern, lower: bytes) -> bool:
    """Whether the pattern may find something in a word, given in lower case."""
    if pattern.program is not None or not pattern.needs:
        return True
    return any(literal in lower for literal in pattern.needs)
