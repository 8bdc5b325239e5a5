# SPDX-License-Identifier: Apache-2.0
"""Secrets in URLs: the password of `scheme://user:password@host`, and tokens in a user's place.

Owns where they begin and end: a password reaches to the last "@" before the host, whatever it
consists of. The work is linear in the length of the argument.
"""

import re
from collections.abc import Iterator

from execaudit.records.redaction.assignments import Found
from execaudit.records.redaction.values import is_harmless, looks_random

_LIMIT = 4096  # bytes of the longest authority
_URLS = 8192  # of an argument, that are looked at
_END = re.compile(rb"[\s\"'<>|\\^`]|://")
_PATH = re.compile(rb"[/?#]")
_PORT = re.compile(rb"[0-9]*|[A-Z_]+|\$\{?\w+\}?|\{.*")
_NO_HOST = re.compile(rb"(?!localhost$)[^.:]+$")  # in "p@ss/w0rd@host"; rarely a name
_HOST = re.compile(rb"[A-Za-z0-9_][\w.-]*(?::[0-9]+)?(?=[/?#,]|$)")
# Instead of a password where the token takes the place of the user.
_DUMMIES = frozenset((b"", b"x-oauth-basic", b"x-token-auth", b"x", b"api_token"))
_USERS = frozenset(
    b"git oauth2 x-access-token x-token-auth token gitlab-ci-token anonymous".split()
)
_CODE_HOST = re.compile(
    rb"(?i)(?:[\w.-]*\.)?(?:github|gitlab|bitbucket|gitea|codeberg|azure|visualstudio|sourcehut"
    rb"|gitee|huggingface|gerrit|forgejo)\b|(?:git|code|scm)\."
)
_WEBHOOK = re.compile(
    rb"hooks\.slack\.com/(?:services|workflows)/(?P<slack>[^\s\"'?#]+)"
    rb"|(?:discord|discordapp)\.com/api/webhooks/[0-9]+/(?P<discord>[^\s\"'?#/]+)"
    rb"|api\.telegram\.org/(?:file/)?bot(?P<telegram>[^\s\"'?#/]+)"
    rb"|webhook\.office\.com/webhookb2/(?P<office>[^\s\"'?#]+)"
    rb"|hooks\.zapier\.com/hooks/catch/(?P<zapier>[^\s\"'?#]+)"
    rb"|maker\.ifttt\.com/trigger/[^\s\"'?#/]+/(?:json/)?with/key/(?P<ifttt>[^\s\"'?#]+)"
    rb"|open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v[0-9]/hook/(?P<feishu>[^\s\"'?#]+)"
    rb"|(?:infura\.io|alchemy\.com)/v[0-9]/(?P<ledger>[^\s\"'?#]+)"
    # A stream's key, of who may send it
    rb"|live[\w-]*\.twitch\.tv/app/(?P<twitch>[^\s\"'?#|]+)"
    rb"|rtmp\.youtube\.com/live[0-9]/(?P<youtube>[^\s\"'?#|]+)"
    rb"|facebook\.com(?::[0-9]+)?/rtmp/(?P<facebook>[^\s\"'#|]+)"
)


# bob:secret@host:3306, bob:secret@tcp(host)/db
_ADDRESS = re.compile(
    rb"(?:--?[\w.-]{1,64}=)?(?P<user>[\w.+%\\-]{1,64}):"
    rb"(?P<secret>(?!//)[^\s@/]{1,256}(?:@[^\s@/]{1,256}){0,4})"
    rb"@(?:(?P<sure>(?:tcp|unix|udp)\(|\[?[A-Za-z0-9][\w.:-]{0,255}\]?:[0-9]{2,5}(?![\w.]))"
    rb"|[A-Za-z0-9][\w-]{0,62}(?:\.[\w-]{1,63}){1,8}(?:/|$))"
)
_NO_USERS = frozenset(
    b"mailto sip sips xmpp acct user users group domain serviceaccount principal principalset email"
    b" mail from to cc bcc author committer owner ssh git http https npm docker tel im".split()
)


def find_in_addresses(word: bytes) -> Iterator[Found]:
    """Find the password of an argument such as `bob:secret@host:3306`, which has no scheme."""
    match = _ADDRESS.match(word)
    if match is None or match["user"].lower() in _NO_USERS:
        return
    secret = match["secret"]
    if (match["sure"] and not is_harmless(secret, b"password")) or looks_random(secret):
        yield *match.span("secret"), "url"


def find_in_urls(word: bytes) -> Iterator[Found]:
    """Find the secrets in the URLs of an argument."""
    at, urls = word.find(b"://"), 0
    while at >= 0 and urls < _URLS:
        urls += 1
        start = at + 3
        match = _END.search(word, start, start + _LIMIT)
        end = match.start() if match else min(len(word), start + _LIMIT)
        # A quote or a bracket may be part of the password where an "@" follows.
        if match and match[0] in (b"|", b"<", b">", b"^", b"\\", b"`", b"'", b'"'):
            end = _extend(word, start, end)
        found = _find_in_authority(word[at - 5 if at >= 5 else 0 : at], word, start, end)
        if found is not None:
            yield found
        at = word.find(b"://", start)
    for match in _WEBHOOK.finditer(word):
        group = match.lastgroup
        if group is not None:
            yield match.start(group), match.end(group), "url"


def _extend(word: bytes, start: int, end: int) -> int:
    """Return a later end where what was taken for one is in the middle of a password."""
    if b":" not in word[start:end] or b"/" in word[start:end] or b"@" in word[start:end]:
        return end
    more = re.compile(rb"[\s/]").search(word, end, start + _LIMIT)
    stop = more.start() if more else min(len(word), start + _LIMIT)
    return stop if b"@" in word[end:stop] else end


def _find_in_authority(scheme: bytes, word: bytes, start: int, end: int) -> Found | None:
    chunk = word[start:end]
    last = chunk.rfind(b"@")
    if last < 0:
        return None
    path = _PATH.search(chunk)
    at = last
    if path and path.start() < last:
        at = chunk.rfind(b"@", 0, path.start())
        if at < 0 or _NO_HOST.match(chunk, at + 1, path.start()):
            at = max(at, _sign_in_path(chunk, path.start()))
        if at < 0:
            return None
    user, colon, password = chunk[:at].partition(b":")
    if colon and password not in _DUMMIES:
        if is_harmless(password, b"password") and not password.isdigit():
            return None
        return start + len(user) + 1, start + at, "url"
    if scheme[-4:].lower() not in (b"http", b"ttps") or not is_token(user, chunk[at + 1 :]):
        return None
    return start, start + len(user), "url"


def _sign_in_path(chunk: bytes, path: int) -> int:
    """Return where a password ends that has one of "/?#" in it, or -1."""
    user, colon, rest = chunk[:path].partition(b":")
    if not colon or not user.strip(b"[") or _PORT.fullmatch(rest):
        return -1
    at = chunk.find(b"@", path)
    while at >= 0:
        if _HOST.match(chunk, at + 1):
            return at
        at = chunk.find(b"@", at + 1)
    return -1


def is_token(user: bytes, host: bytes) -> bool:
    """Return True if what stands for a user is none: at a code host it is a token."""
    if user.lower() in _USERS or is_harmless(user, b"token"):
        return False
    has_digit = any(0x30 <= code <= 0x39 for code in user)
    if _CODE_HOST.match(host):
        return len(user) >= 20 or (has_digit and len(user) >= 8)
    is_mixed = user != user.lower() and user != user.upper()
    return has_digit and len(user) >= (10 if is_mixed else 32)
