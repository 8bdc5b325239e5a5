# SPDX-License-Identifier: Apache-2.0
"""What is a secret in arguments, and where.

Owns the shipped patterns. Each names the literals without which it can not match, so that it is
hardly ever tried in vain. How patterns are put to use is the business of `redact`.
"""

import re
from typing import NamedTuple


class Pattern(NamedTuple):
    """What is secret, and where.

    `regex` is searched in one argument; its group "secret" (or else all of the match) is replaced.
    With `program` it applies only to commands whose base name matches that. With `after`, it
    applies only to the argument that follows one which matches `after` in full; that is an option,
    with a dash before.

    One of `needs`, lower case, occurs whatever the case there: in the program's name if there is
    `program`, else in the argument that matches `after` if there is one, else in what `regex`
    finds. Empty: nothing is known.
    """

    name: str
    regex: re.Pattern[bytes]
    program: re.Pattern[bytes] | None = None
    after: re.Pattern[bytes] | None = None
    needs: tuple[bytes, ...] = ()


def _bytes_regex(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode())


# Every repetition below is bounded: arguments are chosen by attackers, and a pattern that tries
# again from each of 64 Ki positions must stop soon at each. A regex that is searched for begins
# with one certain character or two, which are found far quicker than anything else, and looks
# behind itself for what precedes them.
_NAME_LIST = (
    "password", "passwd", "passphrase", "secret", "token", "credential", "credentials", "apikey",
    "api[-_]key", "accesskey", "access[-_]key", "privatekey", "private[-_]key", "(?<![a-z])pass",
    "(?<![a-z])pwd",
)  # fmt: skip
_NAMES = f"(?:{'|'.join(_NAME_LIST)})"
_NAME_NEEDS = ("pass", "pwd", "secret", "token", "credential", "key")
_VALUE = r"(?P<secret>[^\s&\"',;}]{1,65536})"
_QUOTE = "[\"']"
_MYSQL = "(?:mysql|mariadb)[a-z-]*"
_ANYTHING = "(?s:(?P<secret>.+))"


def _behind(sign: str) -> str:
    """What stands behind `sign`, of which a name is to be before it."""
    last = "".join(sorted({name[-1] for name in _NAME_LIST}))
    return f"(?<=[{last}]{sign})(?:{'|'.join(f'(?<={name}{sign})' for name in _NAME_LIST)})"


def _pattern(
    name: str, regex: str, needs: tuple[str, ...], program: str = "", after: str = ""
) -> Pattern:
    return Pattern(
        name,
        _bytes_regex(regex),
        _bytes_regex(program) if program else None,
        _bytes_regex(after) if after else None,
        tuple(literal.encode() for literal in needs),
    )


PATTERNS = (
    # What is a whole argument is a secret to its end, blanks and quotes included.
    _pattern(
        "environment",
        r"^(?:PGPASSWORD|MYSQL_PWD|REDISCLI_AUTH|SSHPASS|[A-Z0-9_]{0,64}(?:PASSWORD|PASSWD|SECRET"
        r"|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]{0,64})=" + _ANYTHING,
        ("pass", "pwd", "_auth=", "secret", "token", "key"),
    ),
    _pattern(
        "password", rf"(?i)^--?(?!-?no-)[a-z0-9_.-]{{0,64}}{_NAMES}=" + _ANYTHING, _NAME_NEEDS
    ),
    # -Dpassword=x, a=b&password=x, //connect:password=x
    _pattern("password", rf"(?i)={_behind('=')}{_QUOTE}?{_VALUE}", _NAME_NEEDS),
    # {"password": "x"}
    _pattern(
        "password",
        rf"(?i){_QUOTE}{_behind(_QUOTE)}\s{{0,8}}:\s{{0,8}}{_QUOTE}{_VALUE}",
        _NAME_NEEDS,
    ),
    _pattern(
        "password",
        _ANYTHING,
        _NAME_NEEDS,
        after=rf"(?i)--?(?!-?no-)[a-z0-9_.-]{{0,64}}{_NAMES}",
    ),
    _pattern("mysql", "^-p" + _ANYTHING, ("mysql", "mariadb"), program=_MYSQL),
    _pattern("sshpass", "^-p" + _ANYTHING, ("sshpass",), program="sshpass"),
    _pattern("sshpass", _ANYTHING, ("sshpass",), program="sshpass", after="-p"),
    _pattern("redis", _ANYTHING, ("redis-cli",), program="redis-cli", after="-a"),
    _pattern("curl", r"^-[a-zA-Z]{0,16}[uU][^:]{0,256}:" + _ANYTHING, ("curl",), program="curl"),
    _pattern(
        "curl",
        r"^[^:]{0,256}:" + _ANYTHING,
        ("curl",),
        program="curl",
        after="-[a-zA-Z]{0,16}[uU]|--(?:proxy-)?user",
    ),
    _pattern("curl", r"^--(?:proxy-)?user=[^:]{0,256}:" + _ANYTHING, ("curl",), program="curl"),
    _pattern("openssl", r"^pass:" + _ANYTHING, ("openssl",), program="openssl"),
    _pattern("url", r"://[^\s/?#:@]{0,256}:(?P<secret>[^\s/?#@]{1,1024})@", ("://",)),
    _pattern(
        "authorization",
        r"(?i)authorization\s{0,8}:\s{0,8}(?:(?:basic|bearer|token|digest|negotiate)\s{1,8})?"
        r"(?P<secret>[^\s\"']{1,65536})",
        ("authorization",),
    ),
    _pattern(
        "header",
        r"(?i)(?:x-[a-z-]{0,64}(?:token|key|secret)|cookie)\s{0,8}:\s{0,8}"
        r"(?P<secret>[^\s\"']{1,65536})",
        ("token", "key", "secret", "cookie"),
    ),
    _pattern("aws", r"A(?:KIA|SIA)(?<![A-Z0-9]....)[A-Z0-9]{16}(?![A-Z0-9])", ("akia", "asia")),
    _pattern(
        "github",
        r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _pattern("gitlab", r"glpat-[A-Za-z0-9_-]{20,255}", ("glpat-",)),
    _pattern("slack", r"xox[abeprs]-[A-Za-z0-9-]{10,255}", ("xox",)),
    _pattern("google", r"AIza[A-Za-z0-9_-]{35}", ("aiza",)),
    _pattern(
        "stripe", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}", ("k_live_", "k_test_")
    ),
    _pattern(
        "jwt",
        r"eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{0,2048}",
        ("eyj",),
    ),
    _pattern(
        "private-key",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:(?P<secret>.+))",
        ("private key-----",),
    ),
)  # fmt: skip
"""The shipped patterns, tried in order; each secret is replaced once."""
