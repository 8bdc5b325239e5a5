# SPDX-License-Identifier: Apache-2.0
"""Secrets out of arguments and environment values, before any sink sees them.

Owns the replacement, and the memory of commands without a secret. It works on raw bytes, so that
exact bytes in base64 are clean too. A secret becomes `<redacted:NAME>`; with a key,
`<redacted:NAME:HMAC>` with the first 12 hex digits of HMAC-SHA-256, by which equal secrets are
recognized. `redaction` knows what is a secret.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from execaudit.records.redaction.arguments import ArgumentFinder
from execaudit.records.redaction.commands import CommandFinder
from execaudit.records.redaction.finding import FOLD, Finding, join_overlapping
from execaudit.records.redaction.screening import Screen
from execaudit.records.secret_patterns import PATTERNS, Named, Pattern, Program, ShippedPattern

_BLOCKS_KEPT = 2 << 20  # in bytes
_BLOCK_LIMIT = 16 << 10  # to look at one of 10 KiB again takes ten times as long
_ENTRY_BYTES = 96  # about what one takes besides
_HMAC_DIGITS = 12
_NO_FOLD = bytes(range(256))


class Redacted(NamedTuple):
    """Arguments with their secrets replaced, and the indexes of those that had any."""

    values: list[bytes]
    touched: list[int]


class Redactor:
    """Replaces what the patterns find.

    `patterns` are the shipped ones, fewer, or more. `key` is the HMAC's; None: no HMAC.
    """

    def __init__(
        self, patterns: Iterable[ShippedPattern] = PATTERNS, key: bytes | None = None
    ) -> None:
        chosen = tuple(patterns)
        self._key = key
        texts = [pattern for pattern in chosen if isinstance(pattern, Pattern)]
        # The user's own may find something anywhere, and tell digits apart.
        self._own = [pattern for pattern in texts if not pattern.needs]
        self._fold = _NO_FOLD if self._own else FOLD
        enabled = {pattern.name for pattern in chosen if isinstance(pattern, Named)}
        programs = [pattern for pattern in chosen if isinstance(pattern, Program)]
        arguments = ArgumentFinder(texts, enabled)
        self._commands = CommandFinder(programs, arguments, enabled)
        self._may_hold = Screen(programs).may_hold
        self._clean: set[bytes] = set()
        self._clean_bytes = 0

    def redact_block(self, block: bytes) -> tuple[bytes, list[int]] | None:
        """Replace secrets in NUL terminated words.

        Return the block and the indexes of the words that had secrets; None where no word had any.
        """
        is_kept = len(block) <= _BLOCK_LIMIT
        folded = block.translate(self._fold)
        if is_kept and folded in self._clean:
            return None
        if self._own or self._may_hold(folded):
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

        `gaps` are indexes of words whose end is missing: where a secret reaches the end of such a
        word, the word after it is taken for the rest of the secret.
        """
        found = self.explain(words, gaps)
        if not found:
            return Redacted(list(words), [])
        out = list(words)
        pieces: list[bytes] = []
        at = 0
        for number, secret in enumerate(found):
            word = words[secret.argument]
            pieces += (
                word[at : secret.start],
                self._token(secret.name, word[secret.start : secret.end]),
            )
            at = secret.end
            if number + 1 == len(found) or found[number + 1].argument != secret.argument:
                out[secret.argument] = b"".join((*pieces, word[at:]))
                pieces, at = [], 0
        return Redacted(out, list(dict.fromkeys(secret.argument for secret in found)))

    def explain(self, words: list[bytes], gaps: Iterable[int] = ()) -> list[Finding]:
        """Return the secrets in the words of a command, in order, with what found each."""
        found = self._commands.find([word.translate(FOLD) for word in words])
        for pattern in self._own:
            found += _find_own(pattern, words)
        found = join_overlapping(found) if found else []
        return list(_continue(found, words, set(gaps))) if gaps else found

    def _token(self, name: str, secret: bytes) -> bytes:
        if self._key is None:
            return f"<redacted:{name}>".encode()
        import hmac  # noqa: PLC0415 - with it comes OpenSSL, several MiB

        digest = hmac.digest(self._key, secret, "sha256").hex()[:_HMAC_DIGITS]
        return f"<redacted:{name}:{digest}>".encode()


def _find_own(pattern: Pattern, words: list[bytes]) -> Iterator[Finding]:
    """Yield what one of the user's own patterns finds."""
    group = "secret" if "secret" in pattern.regex.groupindex else 0
    for index, word in enumerate(words):
        for match in pattern.regex.finditer(word):
            start, end = match.span(group)
            if end > start and not word.startswith(b"<redacted:", start):
                yield Finding(index, start, end, pattern.name, "a pattern of the configuration")


def _continue(found: list[Finding], words: list[bytes], gaps: set[int]) -> Iterator[Finding]:
    """Yield the findings, and words that continue a secret behind a gap."""
    by_index: dict[int, list[Finding]] = {}
    for secret in found:
        by_index.setdefault(secret.argument, []).append(secret)
    carried: Finding | None = None
    for index, word in enumerate(words):
        if carried is not None:
            secrets = [carried._replace(argument=index, start=0, end=len(word))] if word else []
        else:
            secrets = by_index.get(index, [])
        yield from secrets
        reaches_end = bool(secrets) and secrets[-1].end == len(word)
        carried = secrets[-1] if reaches_end and index in gaps else None
