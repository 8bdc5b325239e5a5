# SPDX-License-Identifier: Apache-2.0
"""Secrets of one argument, whatever the command: by names in it, URLs, and looks.

Owns which finders are tried on an argument, and what is remembered of arguments seen before. What
`commands` reads the argument before it and the program.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from execaudit.records.redaction.assignments import find_assignments, find_header
from execaudit.records.redaction.code import find_in_code
from execaudit.records.redaction.lines import find_in_lines
from execaudit.records.redaction.literals import may_show_secret
from execaudit.records.redaction.names import is_secret_name, option_name
from execaudit.records.redaction.texts import Pattern
from execaudit.records.redaction.urls import find_in_addresses, find_in_urls
from execaudit.records.redaction.values import is_harmless, looks_random

_KEPT = 4096
_LIMIT = 128  # bytes of the longest argument that is remembered
_PAIRS = frozenset(
    b"auth http-auth proxy-auth basic-auth basicauth auth-basic creds src-creds dest-creds"
    b" credentials proxy-credentials proxy-userpwd userpwd userpass http-user-pass"
    b" auth-user-pass auth-credentials authentication user-pass login-pass"
    b" proxy-cred auth-cred httpauth".split()
)
_COOKIES = frozenset(b"cookie cookies cookie-string http-cookie-string".split())
_COOKIE = re.compile(rb"[\w.-]{1,80}=(?P<secret>[^\s=].*)", re.DOTALL)


class Secret(NamedTuple):
    """A secret in an argument: where it is, and the name of the pattern that found it."""

    start: int
    end: int
    name: str
    reason: str


class Look(NamedTuple):
    """What is known of an argument by itself.

    Attributes:
        secrets: in it.
        announces: it is an option whose value, the next argument, is a secret.
        is_pair: it is an option whose value is USER:SECRET.
        is_header: it is an option whose value is a header.
        is_cookie: it is an option whose value is NAME=SECRET.
        leads: one of these four.

    """

    secrets: tuple[Secret, ...]
    announces: bool = False
    is_pair: bool = False
    is_header: bool = False
    is_cookie: bool = False
    leads: bool = False


_PLAIN = Look(())
_HEADER = Look((), is_header=True, leads=True)
_HEADER_OPTIONS = frozenset(
    b"-H --header --headers --proxy-header --add-header --http-header -header -headers"
    b" -rpc-header -reflect-header".split()
)


class ArgumentFinder:
    """Finds what single arguments show, with the patterns whose names are `enabled`."""

    def __init__(self, patterns: Iterable[Pattern], enabled: Collection[str]) -> None:
        self._patterns = [pattern for pattern in patterns if pattern.needs]
        self._enabled = frozenset(enabled)
        self._looks: dict[bytes, Look] = {}

    def look_at(self, word: bytes) -> Look:
        """Return what is known of an argument, its digits folded."""
        look = self._looks.get(word)
        if look is None:
            if may_show_secret(word.lower() + b"\0"):
                look = self._examine(word)
            else:
                look = _HEADER if word in _HEADER_OPTIONS else _PLAIN
            if len(word) <= _LIMIT:
                if len(self._looks) >= _KEPT:
                    self._looks.clear()
                self._looks[word] = look
        return look

    def find_header(self, word: bytes) -> Iterator[Secret]:
        """Find the secret in an argument that is a header, as behind `-H`."""
        for start, end, name in find_header(word):
            if name in self._enabled:
                yield Secret(start, end, name, "the name before it")

    def find(self, word: bytes) -> Iterator[Secret]:
        """Find secrets in an argument."""
        lower = word.lower()
        if b"=" in word or b":" in word or word[:1] == b"s":  # s|PASSWORD|secret|
            for start, end, name in find_assignments(word):
                if name in self._enabled:
                    yield Secret(start, end, name, "the name before it")
        for pattern in self._patterns:
            for literal in pattern.needs:  # any() takes twice as long
                if literal in lower:
                    break
            else:
                continue
            group = "secret" if "secret" in pattern.regex.groupindex else 0
            for match in pattern.regex.finditer(word):
                start, end = match.span(group)
                if start >= 0 and not is_harmless(
                    word[start : min(end, start + 1024)], b"password"
                ):
                    yield Secret(start, end, pattern.name, "its looks")
        if "url" in self._enabled:
            yield from _find_in_urls(word)
        yield from self.find_in_code(word)

    def find_in_code(self, text: bytes) -> Iterator[Secret]:
        """Find secrets in the calls of a text, where it is code, and in lines that it writes."""
        if "code" in self._enabled:
            for start, end in find_in_code(text):
                yield Secret(start, end, "code", "an argument of a function")
            for start, end in find_in_lines(text):
                yield Secret(start, end, "code", "a line of a file or a device")

    def _examine(self, word: bytes) -> Look:
        secrets = list(self.find(word))
        if "password" not in self._enabled:
            return Look(tuple(secrets))
        name = option_name(word)
        if name:
            is_pair, is_cookie = name.lower() in _PAIRS, name.lower() in _COOKIES
            announces = not is_pair and not is_cookie and is_secret_name(name)
            leads = announces or is_pair or is_cookie
            return Look(tuple(secrets), announces, is_pair, is_cookie=is_cookie, leads=leads)
        if word[:1] == b"-" and b"=" in word:
            option, _, value = word.partition(b"=")
            if option.lstrip(b"-").lower() in _PAIRS:
                secrets = [secret for secret in secrets if secret.start != len(option) + 1]
                secrets += find_in_pair(value, len(option) + 1)
            elif option.lstrip(b"-").lower() in _COOKIES:
                secrets += find_in_cookie(value, len(option) + 1)
            elif option in _HEADER_OPTIONS:
                at = len(option) + 1
                secrets += [
                    secret._replace(start=at + secret.start, end=at + secret.end)
                    for secret in self.find_header(value)
                ]
        return Look(tuple(secrets))


def _find_in_urls(word: bytes) -> Iterator[Secret]:
    if b"@" in word:
        for start, end, name in find_in_addresses(word):
            yield Secret(start, end, name, "an address")
    if b"://" in word:
        for start, end, name in find_in_urls(word):
            yield Secret(start, end, name, "a URL")


def find_in_pair(value: bytes, at: int = 0) -> Iterator[Secret]:
    """Find the secret in USER:SECRET, which begins at `at`."""
    user, colon, secret = value.partition(b":")
    if colon and not secret.startswith(b"//") and not is_harmless(secret, b"password"):
        start = at + len(user) + 1
        yield Secret(start, start + len(secret), "password", "USER:X")
    elif not colon and looks_random(user):
        yield Secret(at, at + len(user), "password", "a token instead of USER:X")


def find_in_cookie(value: bytes, at: int = 0) -> Iterator[Secret]:
    """Find the secret in NAME=SECRET, which begins at `at`; what follows it is secret as well."""
    match = _COOKIE.match(value)
    if match and not is_harmless(match["secret"], b"cookie"):
        yield Secret(at + match.start("secret"), at + match.end(), "header", "NAME=X")
