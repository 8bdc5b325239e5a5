# SPDX-License-Identifier: Apache-2.0
"""Secrets behind their names: `name=value`, `"name": "value"`, `Header: value`.

Owns where such a value ends. Which names are secret, `names` decides. The work is linear in the
length of the argument: each "=" and ":" is looked at once, and names have a bounded length.
"""

import re
from collections.abc import Iterator

from execaudit.records.redaction.names import (
    NAME_BYTES,
    NAME_LIMIT,
    is_secret_name,
    is_secret_variable,
)
from execaudit.records.redaction.values import is_harmless, looks_random

Found = tuple[int, int, str]
"""(start, end, name of the pattern) of a secret in an argument."""

# The last letter of each name of a secret, perhaps a digit, a quote and a blank behind it.
_SIGN = re.compile(rb"(?<=[a-zA-Z0-9\"'\\ \t])[=:]|(?<=[\]}])=")
_LAST_LETTERS = frozenset(b"cdeiklnrtyshwgvpCSDEIKLNRTYHWGVP0123456789")
_QUOTES = b"\"'"
# What ends a value, by the sign before its name. A run of blanks or brackets is tried where it
# begins only: to try it from each of its bytes takes time with the square of its length.
_NEXT_PAIR = rb"(?=[A-Za-z_$][\w.$\[\]-]{0,64}\s{0,2}=)"
_ENDS = {
    ord("&"): re.compile(rb"&" + _NEXT_PAIR + rb"|[\s\"'#`]"),
    ord(";"): re.compile(rb";|[\"'`]$"),
    ord(","): re.compile(
        rb",(?=[A-Za-z_][\w.-]{0,64}(?:[=,]|$))"
        rb"|(?<![\])}])[\])}]+$|[\s\"'`)}\]](?=[,;&]|$)"
    ),
    ord("("): re.compile(rb"[,)]"),
    ord("["): re.compile(rb"[,\]]"),
    ord("{"): re.compile(rb"[,}]"),
    ord(" "): re.compile(rb"[\s\"'`]|;$"),
    ord("'"): re.compile(rb"'"),
    ord('"'): re.compile(rb'"'),
    ord("`"): re.compile(rb"`"),
}
_ENDS[ord("?")] = _ENDS[ord("&")]
_ENDS[ord("\n")] = _ENDS[ord("\t")] = _ENDS[ord(" ")]
# Of a pair that is a whole argument, or follows `--option=`.
_END_OF_LAST = re.compile(rb"[&;,]" + _NEXT_PAIR + rb"|;\s*$|(?<!\s)\s+" + _NEXT_PAIR)
_END_OF_MEMBER = re.compile(rb"[,}\n\r]")
_LINE_END = re.compile(rb"[\r\n]|\\[rn]")
_HEADER_OPTION = re.compile(rb"-H|--(?:proxy-)?headers?[= ]?|--add-header[= ]?|-{1,2}header[= ]")
_SCHEME = re.compile(
    rb"(?i)(?:basic|bearer|token|digest|negotiate|apikey|key|ntlm|geniekey|splunk|bot|hmac|oauth"
    rb"|privatetoken|sso-key|aws4-hmac-sha[0-9]{3})[ \t]+(?=\S)"
)
_HEADERS = {
    b"authorization": "authorization",
    b"proxy-authorization": "authorization",
    b"cookie": "header",
    b"set-cookie": "header",
    b"x-auth": "header",
    b"x-key": "header",
    b"x-honeycomb-team": "header",
}
# X-JFrog-Art-Api, X-Appwrite-Key, X-Tableau-Auth behind -H
_HEADER_NAME = re.compile(rb"(?i)x-[\w-]{0,60}-(?:api|key|auth|session|sid|signature)")
_MOST = 8192  # secrets in an argument; what follows is secret too
_USER_PARAMETERS = (b"?u=", b"?user=", b"?username=", b"&u=", b"&user=", b"&username=")
_SUBSTITUTION = re.compile(rb"s([/|,#!@~%])")


def find_assignments(word: bytes) -> Iterator[Found]:
    """Find the values of secret names in an argument."""
    substitution = _SUBSTITUTION.match(word)
    if substitution and word.count(substitution[1]) >= 3:
        yield from _find_in_substitution(word, substitution[1])
    else:
        yield from _scan(word)


def find_header(word: bytes) -> Iterator[Found]:
    """Find the value of a secret name that begins an argument behind `-H`."""
    at = word.find(b":", 0, NAME_LIMIT + 1)
    if at > 0 and not word[:at].strip(NAME_BYTES):
        found = _find_member(word, 0, word[:at], at, at + 1, is_header=True)
        if found is not None:
            yield found


def _scan(word: bytes) -> Iterator[Found]:
    done = found_so_far = 0
    for match in _SIGN.finditer(word):
        at = match.start()
        if at < done:
            continue
        pair = _name_before(word, at)
        if pair is None:
            continue
        start, end_of_name = pair
        name = word[start:end_of_name]
        if word[at] == ord("="):
            found = _find_value(word, start, name, end_of_name, at + 1)
        else:
            last = name.rfind(b":") + 1  # a:name:
            found = _find_member(word, start + last, name[last:], end_of_name, at + 1)
        if found is not None:
            found_so_far += 1
            if found_so_far == _MOST:
                yield found[0], len(word), found[2]
                return
            yield found
            done = found[1]


def _name_before(word: bytes, at: int) -> tuple[int, int] | None:
    """Return where the name ends and begins that stands before the sign at `at`."""
    end = at
    if word[end - 1] not in _LAST_LETTERS:
        begin = max(0, at - 16)
        end = begin + len(word[begin:at].rstrip(b" \t").rstrip(b"\"'\\]}").rstrip(b" "))
        if not end or word[end - 1] not in _LAST_LETTERS:
            return None
    begin = max(0, end - NAME_LIMIT)
    start = begin + len(word[begin:end].rstrip(NAME_BYTES))
    return (start, end) if start < end else None


def _find_value(word: bytes, start: int, name: bytes, end_of_name: int, at: int) -> Found | None:
    """Find the value behind `name=`."""
    bare = name.lstrip(b"-/").rpartition(b":")[2]
    if start == 0 and name[:2] == b"-o":  # mount -opassword=value,user=name
        start, bare = 2, name[2:]
    elif start == 0 and name[:2] == b"-D":  # java -Dapi.key=value
        bare = name[2:]
    if bare.lower().endswith(b".auth"):  # cloud.auth=user:secret
        return _find_second(word, at)
    is_variable = is_secret_variable(bare)
    if (
        not is_variable
        and not is_secret_name(bare)
        and not _is_signature(bare, word, start)
        and not _is_account_key(bare)
    ):
        return None
    pattern = "environment" if is_variable else "password"
    if word[at : at + 1] in (b"=", b"~"):  # a comparison
        return None
    at += word[at : at + 1] == b">"  # 'name' => 'value'
    blanks = len(word[at : at + 8]) - len(word[at : at + 8].lstrip(b" \t"))
    spaced = word[end_of_name : end_of_name + 1] == b" "
    if blanks:
        if not spaced and word[at + blanks : at + blanks + 1] not in (b'"', b"'"):
            return None
        at += blanks
    is_option = start == 0 and name[:1] in (b"-", b"/") and not name.startswith(b"-D")
    if is_option or (start == 0 and is_variable and b"_" in bare and name[:1] != b"$"):
        end = len(word)
    else:
        at, end = _limits(word, start, at)
    return _checked(word, at, end, bare, pattern)


def _find_second(word: bytes, at: int) -> Found | None:
    """Find the secret in USER:SECRET, to the end of the argument."""
    colon = word.find(b":", at, at + NAME_LIMIT)
    if colon < 0 or word.startswith(b"//", colon + 1):
        return None
    return _checked(word, colon + 1, len(word), b"password", "password")


def _limits(word: bytes, start: int, at: int) -> tuple[int, int]:
    """Return where the value at `at` begins and ends whose name begins at `start`."""
    quote = _quote_at(word, at)
    if quote:
        at += len(quote)
        return at, _closing(word, at, quote)
    if word[at : at + 1] == b"{" and (end := word.find(b"}", at)) > 0:
        return at + 1, end
    before = word[start - 1] if start else 0
    if before == ord("o") and start == 2:
        before = ord(",")
    regex = _ENDS.get(before, _END_OF_LAST)
    if before == ord("`") or (before in _QUOTES and start > 1 and word[start - 2] == ord("\\")):
        regex = re.compile(rb"\\?[\"'`]")
    match = regex.search(word, at)
    end = match.start() if match else len(word)
    # In 'x "password=abc"' the name's own quote ends it, but pairs may follow before that.
    if before in _QUOTES:
        other = _END_OF_LAST.search(word, at, end)
        end = other.start() if other else end
    return at, end


def _quote_at(word: bytes, at: int) -> bytes:
    """Return the quote at `at` with the backslashes before it, or b""."""
    piece = word[at : at + 8]
    quote = len(piece) - len(piece.lstrip(b"\\"))
    return piece[: quote + 1] if piece[quote : quote + 1] in (b'"', b"'") else b""


def _closing(word: bytes, at: int, quote: bytes) -> int:
    """Return where the text in quotes ends that begins at `at`: no further escaped quote does."""
    while True:
        end = word.find(quote, at)
        if end < 0:
            return len(word)
        slashes = end - len(word[at:end].rstrip(b"\\")) - at
        if len(quote) > 1 or slashes % 2 == 0:
            return end
        at = end + 1


def _find_member(
    word: bytes, start: int, name: bytes, end_of_name: int, at: int, *, is_header: bool = False
) -> Found | None:
    """Find the value behind `name:`, `"name":` or `Name: `."""
    bare = name.lstrip(b"-/$")
    if start == 0 and name[:2] == b"-H" and name[2:3].isupper():  # curl -HCookie:value
        start, bare, is_header = 2, name[2:], True
    header = _HEADERS.get(bare.lower())
    is_header = _is_header_at(word, start, is_header)
    if header is None and is_header and _HEADER_NAME.fullmatch(bare):
        header = "header"
    found = None
    if header is not None:
        if is_header or (start == 0 and bare[:1].isupper()):
            found = _checked(word, *_header_limits(word, at), bare, header)
    elif is_secret_name(bare) or is_secret_variable(bare):
        before = word[max(0, start - 16) : start].rstrip(b" \t")[-1:]
        if end_of_name < at - 1 or before in (b"{", b",", b"(", b"[", b"\n"):  # JSON, YAML
            limits = _member_limits(word, at, before)
            found = _checked(word, *limits, bare, "password") if limits else None
        elif (start == 1 and word[:1] == b"/" and word[at : at + 1] != b"/") or (
            start == 0 and name[:1] == b"-"
        ):  # /password:value
            found = _checked(word, at, len(word), bare, "password")
        elif (
            name == b"pass"
            and word[at : at + 1] not in (b"", b" ", b":")
            and word[start - 1 : start] in (b"", b"=")
        ):  # -passin pass:value
            found = _checked(word, at, len(word), bare, "password")
        elif start == 0 and b"_" in bare and is_secret_variable(bare) and b" " not in word:
            found = _checked(word, at, len(word), bare, "environment")  # --var API_KEY:value
        elif start == 0 and word[at : at + 1] == b" " and looks_random(word[at:].strip()):  # YAML
            found = at + 1, len(word), "password"
        elif is_header or (start == 0 and _is_header_name(bare)):
            found = _checked(word, *_header_limits(word, at), bare, "header")
    return found


def _member_limits(word: bytes, at: int, before: bytes) -> tuple[int, int] | None:
    """Return where the value of a member is, behind its colon; `before` stands before the name."""
    begin = at + len(word[at : at + 16]) - len(word[at : at + 16].lstrip(b" \t"))
    quote = _quote_at(word, begin)
    if quote:
        begin += len(quote)
        return begin, _closing(word, begin, quote)
    if before in (b"{", b",", b"\n") and begin > at and word[begin : begin + 1] not in b"{[":
        match = _END_OF_MEMBER.search(word, begin)
        return begin, match.start() if match else len(word)
    return None


def _is_header_at(word: bytes, start: int, is_header: bool) -> bool:
    if start == 0:
        return is_header
    return bool(_HEADER_OPTION.fullmatch(word[:start])) if start <= NAME_LIMIT else False


def _is_header_name(name: bytes) -> bool:
    """Return True for `X-Api-Key` and `PRIVATE-TOKEN`, not for `my-token`, which may be a file."""
    return name[:2] in (b"x-", b"X-") or (b"-" in name and name != name.lower())


def _header_limits(word: bytes, at: int) -> tuple[int, int]:
    """Return the value of a header, to the end of its line, without the scheme before it."""
    at += len(word[at : at + 16]) - len(word[at : at + 16].lstrip(b" \t"))
    scheme = _SCHEME.match(word, at)
    if scheme:
        at = scheme.end()
    match = _LINE_END.search(word, at)
    return at, match.start() if match else len(word)


def _checked(word: bytes, start: int, end: int, name: bytes, pattern: str) -> Found | None:
    if start >= end or is_harmless(word[start : min(end, start + 1024)], name):
        return None
    return start, end, pattern


def _is_account_key(name: bytes) -> bool:
    """Return True for fs.azure.account.key.ACCOUNT.blob.core.windows.net of Hadoop."""
    return b".account.key." in name


def _is_signature(name: bytes, word: bytes, start: int) -> bool:
    """Return True for the signature in the query of a signed URL, which opens what it names.

    And for the password in a query such as ?u=user&p=secret.
    """
    if name == b"p" and word[start - 1 : start] == b"&":
        before = word[max(0, start - NAME_LIMIT) : start - 1]
        return before[max(before.rfind(b"?"), before.rfind(b"&")) :].startswith(_USER_PARAMETERS)
    return word[start - 1 : start] in (b"?", b"&") and name.lower() in (
        b"sig", b"signature", b"x-amz-signature", b"x-goog-signature", b"code_verifier",
    )  # fmt: skip


def _find_in_substitution(word: bytes, sign: bytes) -> Iterator[Found]:
    """Find secrets in what `s/old/new/` puts in; what it looks for is none."""
    pieces = word.split(sign)
    old, new = pieces[1], sign.join(pieces[2:-1])
    start = len(old) + 3
    for begin, end, pattern in _scan(new.removesuffix(sign)):
        if not new[begin:end].startswith((b"\\", b"&")):
            yield start + begin, start + end, pattern
    name = old.strip(b"_@{}%<>$ ^")
    if name != old and new and is_secret_variable(name) and not is_harmless(new, name):
        yield start, start + len(new), "password"
