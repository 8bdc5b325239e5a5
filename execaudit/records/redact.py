# SPDX-License-Identifier: Apache-2.0
"""Secrets out of arguments and environment values, before any sink sees them.

Owns the patterns and the replacement. It works on raw bytes, so that what rides along in base64 is
clean too. A secret becomes `<redacted:NAME>`; with a key, `<redacted:NAME:HMAC>` with the first 12
hex digits of HMAC-SHA-256, so that equal secrets can be told without being known.
"""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple


class Pattern(NamedTuple):
    """What is secret, and where.

    `regex` is searched in one argument; its group "secret" (or else all of the match) is replaced.
    With `program` it applies only to commands whose base name matches that. With `after`, it
    applies only to the argument that follows one which matches `after` in full.
    """

    name: str
    regex: re.Pattern[bytes]
    program: re.Pattern[bytes] | None = None
    after: re.Pattern[bytes] | None = None


def _bytes_regex(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode())


# Every repetition below is bounded: arguments are chosen by attackers, and a pattern that tries
# again from each of 64 Ki positions must stop soon at each.
_NAMES = (
    "(?:password|passwd|passphrase|secret|token|credentials?|api[-_]?key|access[-_]?key"
    "|private[-_]?key|(?<![a-z])(?:pass|pwd))"
)
_VALUE = r"(?P<secret>[^\s&\"',;}]{1,65536})"
_MYSQL = "(?:mysql|mariadb)[a-z-]*"
_ANYTHING = "(?s:(?P<secret>.+))"


def _pattern(name: str, regex: str, program: str = "", after: str = "") -> Pattern:
    return Pattern(
        name,
        _bytes_regex(regex),
        _bytes_regex(program) if program else None,
        _bytes_regex(after) if after else None,
    )


PATTERNS = (
    # What is a whole argument is a secret to its end, blanks and quotes included.
    _pattern(
        "environment",
        r"^(?:PGPASSWORD|MYSQL_PWD|REDISCLI_AUTH|SSHPASS|[A-Z0-9_]{0,64}(?:PASSWORD|PASSWD|SECRET"
        r"|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]{0,64})=" + _ANYTHING,
    ),
    _pattern("password", rf"(?i)^--?(?!-?no-)[a-z0-9_.-]{{0,64}}{_NAMES}=" + _ANYTHING),
    # -Dpassword=x, a=b&password=x, //connect:password=x
    _pattern("password", rf"(?i){_NAMES}=(?:[\"'])?{_VALUE}"),
    # {"password": "x"}
    _pattern("password", rf"(?i){_NAMES}[\"']\s{{0,8}}:\s{{0,8}}[\"']{_VALUE}"),
    _pattern("password", _ANYTHING, after=rf"(?i)--?(?!-?no-)[a-z0-9_.-]{{0,64}}{_NAMES}"),
    _pattern("mysql", "^-p" + _ANYTHING, program=_MYSQL),
    _pattern("sshpass", "^-p" + _ANYTHING, program="sshpass"),
    _pattern("sshpass", _ANYTHING, program="sshpass", after="-p"),
    _pattern("redis", _ANYTHING, program="redis-cli", after="-a"),
    _pattern("curl", r"^-[a-zA-Z]{0,16}[uU][^:]{0,256}:" + _ANYTHING, program="curl"),
    _pattern(
        "curl",
        r"^[^:]{0,256}:" + _ANYTHING,
        program="curl",
        after="-[a-zA-Z]{0,16}[uU]|--(?:proxy-)?user",
    ),
    _pattern("curl", r"^--(?:proxy-)?user=[^:]{0,256}:" + _ANYTHING, program="curl"),
    _pattern("openssl", r"^pass:" + _ANYTHING, program="openssl"),
    _pattern("url", r"(?<=://)[^\s/?#:@]{0,256}:(?P<secret>[^\s/?#@]{1,1024})@"),
    _pattern(
        "authorization",
        r"(?i)authorization\s{0,8}:\s{0,8}(?:(?:basic|bearer|token|digest|negotiate)\s{1,8})?"
        r"(?P<secret>[^\s\"']{1,65536})",
    ),
    _pattern(
        "header",
        r"(?i)(?:x-[a-z-]{0,64}(?:token|key|secret)|cookie)\s{0,8}:\s{0,8}"
        r"(?P<secret>[^\s\"']{1,65536})",
    ),
    _pattern("aws", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    _pattern("github", r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    _pattern("gitlab", r"glpat-[A-Za-z0-9_-]{20,255}"),
    _pattern("slack", r"xox[abeprs]-[A-Za-z0-9-]{10,255}"),
    _pattern("google", r"AIza[A-Za-z0-9_-]{35}"),
    _pattern("stripe", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}"),
    _pattern("jwt", r"eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{0,2048}"),
    _pattern("private-key", r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:(?P<secret>.+))"),
)
"""The shipped patterns, tried in order; each secret is replaced once."""

# A block of arguments without any of these holds nothing that a shipped pattern would replace:
# words of the patterns, and names of the programs that have patterns of their own. Lower case.
_HINTS = (
    b"pass", b"pwd", b"secret", b"token", b"key", b"credential", b"://", b"authorization",
    b"cookie", b"akia", b"asia", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_",
    b"glpat-", b"xox", b"aiza", b"k_live_", b"k_test_", b"eyj", b"_auth=", b"mysql", b"mariadb",
    b"redis-cli", b"curl",
)  # fmt: skip
_HINT = re.compile(b"|".join(map(re.escape, _HINTS)))
_FOLD = bytes(ord("0") if chr(c).isdigit() and c < 128 else c for c in bytes(range(256)).lower())
# Arguments that are command lines: `sh -c TEXT`, `su -c TEXT`, `ssh HOST TEXT`.
_BEFORE_SCRIPT = re.compile(rb"-[a-zA-Z]{0,16}c|--(?:session-)?command")
_SCRIPT_PROGRAMS = frozenset((b"ssh", b"watch", b"eval", b"parallel"))
_BLANK = re.compile(rb"\s")
# As a shell would split it, near enough. The branches begin with different bytes, so that there is
# one way only to read a text.
_SHELL_WORD = re.compile(rb"(?:[^\s\"'|&;()<>`]|\"[^\"]*\"?|'[^']*'?)+")
_SCRIPT_WORDS = 4096
_BLOCKS_KEPT = 4096
_BLOCK_LIMIT = 1024
_HMAC_DIGITS = 12


class Redacted(NamedTuple):
    """Arguments with their secrets replaced, and the indexes of those that had any."""

    values: list[bytes]
    touched: list[int]


class Redactor:
    """Replaces what the patterns find; `key` is for correlation and may be None.

    `patterns` are the shipped ones, fewer, or more.
    """

    def __init__(self, patterns: Iterable[Pattern] = PATTERNS, key: bytes | None = None) -> None:
        self._patterns = tuple(patterns)
        self._key = key
        # A pattern of the user's own may match without a hint: then every block is searched.
        self._is_hinted = all(pattern in PATTERNS for pattern in self._patterns)
        # Commands that differ in numbers only are one entry: no hint has a digit.
        self._suspected: dict[bytes, bool] = {}

    def suspects(self, block: bytes) -> bool:
        """Whether a NUL separated block may hold a secret. False is certain, True a guess."""
        if not self._is_hinted:
            return True
        folded = block.translate(_FOLD)
        known = self._suspected.get(folded)
        if known is None:
            if len(self._suspected) >= _BLOCKS_KEPT:
                self._suspected.clear()
            known = self._suspected[folded[:_BLOCK_LIMIT]] = _HINT.search(folded) is not None
        return known

    def redact(self, words: list[bytes], gaps: Iterable[int] = ()) -> Redacted:
        """Replace secrets in the words of a command.

        `gaps` are indexes of words behind whose text bytes are missing: where a secret reaches the
        end of such a word, the piece after the gap is taken for the rest of it.
        """
        out = list(words)
        programs = {_base_name(word) for word in words}
        active = self._active(programs)
        has_scripts = not _SCRIPT_PROGRAMS.isdisjoint(programs)
        cut = set(gaps)
        carried = ""
        for index, word in enumerate(words):
            before = words[index - 1] if index else b""
            if carried:
                out[index], reaches_end = self._token(carried, word), carried
            else:
                if (has_scripts or _BEFORE_SCRIPT.fullmatch(before)) and _BLANK.search(word):
                    out[index] = self._redact_script(word)
                out[index], reaches_end = self._redact_word(out[index], before, active)
            carried = reaches_end if index in cut else ""
        touched = [index for index, word in enumerate(words) if out[index] != word]
        return Redacted(out, touched)

    def _active(self, programs: set[bytes]) -> list[Pattern]:
        """The patterns that apply to a command in which these names occur."""
        return [
            p
            for p in self._patterns
            if p.program is None or any(p.program.fullmatch(name) for name in programs)
        ]

    def _redact_script(self, text: bytes) -> bytes:
        """A command line inside an argument, its words looked at like those of a command."""
        found = list(itertools.islice(_SHELL_WORD.finditer(text), _SCRIPT_WORDS))
        active = self._active({_base_name(match[0]) for match in found})
        pieces: list[bytes] = []
        before, at = b"", 0
        for match in found:
            word = match[0]
            clean, _ = self._redact_word(word, before, active)
            if clean != word and _BLANK.search(word):
                # Patterns end at a blank; that of a quoted word is part of the secret.
                end = clean.index(b">", clean.index(b"<redacted:")) + 1
                clean = clean[:end] + (word[-1:] if word[-1:] in (b"'", b'"') else b"")
            pieces += (text[at : match.start()], clean)
            before, at = word, match.end()
        return b"".join((*pieces, text[at:]))

    def _redact_word(self, word: bytes, before: bytes, active: list[Pattern]) -> tuple[bytes, str]:
        """The word without secrets, and the name of the pattern whose secret reached its end."""
        tokens: list[bytes] = []
        reaches_end = ""

        def replace(match: re.Match[bytes]) -> bytes:
            nonlocal reaches_end
            group = "secret" if "secret" in match.re.groupindex else 0
            secret = match[group]
            # A NUL marks what is replaced already.
            if not secret or b"\0" in secret or secret.startswith(b"<redacted:"):
                return match[0]
            begin, end = match.span(group)
            if end == len(match.string):
                reaches_end = pattern.name
            tokens.append(self._token(pattern.name, secret))
            mark = b"\0%d\0" % (len(tokens) - 1)
            return match.string[match.start() : begin] + mark + match.string[end : match.end()]

        text = word
        for pattern in active:
            if pattern.after is None or pattern.after.fullmatch(before):
                text = pattern.regex.sub(replace, text)
        if tokens:
            text = _MARK.sub(lambda match: tokens[int(match[1])], text)
        return text, reaches_end

    def _token(self, name: str, secret: bytes) -> bytes:
        if self._key is None:
            return f"<redacted:{name}>".encode()
        import hmac  # noqa: PLC0415 - with it comes OpenSSL, several MiB

        digest = hmac.digest(self._key, secret, "sha256").hex()[:_HMAC_DIGITS]
        return f"<redacted:{name}:{digest}>".encode()


_MARK = re.compile(rb"\0(\d+)\0")


def _base_name(word: bytes) -> bytes:
    return word.rsplit(b"/", 1)[-1]
