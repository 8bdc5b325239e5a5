# SPDX-License-Identifier: Apache-2.0
"""Secrets in code that an argument holds: `python -c`, `php -r`, `expect -c`, SQL.

Owns the functions that take a secret and its place among their arguments, and what `expect` sends
to a prompt. `assignments` finds members and keyword arguments by their names. The work is linear in
the length of the text: each "(" is looked at once, and calls have a bounded length.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from execaudit.records.redaction.names import is_secret_name, is_secret_variable
from execaudit.records.redaction.values import is_harmless

# By the index of the argument with the secret: functions, their names in lower case.
_FIRST = (
    "password old_password set_password setpassword make_password hash_password password_hash"
    " hashpw generate_password_hash check_password password_verify check_password_hash crypt"
    " encrypt_password fernet bcrypt"
)
_SECOND = (
    "login auth basicauth httpbasicauth httpdigestauth httpntlmauth basic_auth digest_auth"
    " authorization_basic digestauth networkcredential pscredential userauth authenticate"
    " setbasicauth plain_auth"
    " usernamepasswordcredentials passwordauthentication plainauthprovider passwordauthenticator"
    " setcredentials basicawscredentials simple_bind_s simple_bind bind_s oci_connect"
    " changeuserpassword auth_password pgp_sym_encrypt pgp_sym_decrypt aes_encrypt aes_decrypt"
)
_THIRD = (
    "connect connection ftp ftp_tls pdo mysqli mysqli_connect mysql_connect odbc_connect"
    " getconnection ftp_login imap_open ldap_bind create_superuser create_user"
    " newinstance"
)
# The first argument is a name, the second its value.
_NAMED = (
    "define setenv putenv set put setdefault setproperty setattribute setvariable header add_header"
    " addheader setrequestheader append add"
)
_INDEX = {
    name.encode(): index
    for index, names in enumerate((_FIRST, _SECOND, _THIRD))
    for name in names.split()
}
_NAMING = frozenset(_NAMED.encode().split())
_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_NAME_LIMIT = 32
_ARGUMENTS = 5
_CALLS = 4096  # of a text, that are looked at
_ARGUMENT = re.compile(
    rb"\s{0,8}(?:[bnurNBUR]{0,2}(?P<slash>\\{0,2})(?P<quote>[\"'])"
    rb"(?P<text>[^\"'\\]{0,512}+(?:(?!(?P=slash)(?P=quote))(?s:\\.|[^\\])[^\"'\\]{0,512}+){0,16})"
    rb"(?P=slash)(?P=quote)|(?P<other>[^,()'\"]{1,128}))\s{0,8}(?P<sign>[,)])"
)
_DATABASE = re.compile(rb".*[/@:].*", re.DOTALL)
# expect "Password:"; send -- "secret\r"
_SENT = re.compile(
    rb"(?i)(?:ass(?:word|wd|phrase|code)|retype|again)[^\n]{0,32}?[\"}\]:;*\s]\s{0,8}(?:\{\s{0,8}|[\w$]{1,16}\.)?"
    rb"(?:exp_)?send(?:line)?"
    rb"(?:\s{1,4}(?:--?\s{1,4})?|\(b?)\\{0,2}[\"'{](?P<secret>[^\"'\\}]{1,1024})"
)


# {"name": "DB_PASSWORD", "value": "secret"}, ParameterKey=DbPassword,ParameterValue=secret
_PAIRED = re.compile(
    rb"(?i)(?:parameter)?(?:name|key)\\{0,2}[\"']?\s{0,8}[=:]\s{0,8}\\{0,2}[\"']?(?P<name>[\w.-]{2,80})"
    rb"\\{0,2}[\"']?[\s,]{1,8}\\{0,2}[\"']?(?:parameter)?value\\{0,2}[\"']?\s{0,8}[=:]\s{0,8}\\{0,2}"
    rb"(?P<quote>[\"'])?(?P<secret>(?(quote)[^\"'\\]|[^\s,;}\"']){1,1024})"
)


class _Argument(NamedTuple):
    """An argument of a call, and where its text is in the code."""

    text: bytes
    start: int
    is_quoted: bool


def find_in_code(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the secrets are that functions take by their position."""
    at, calls = text.find(b"("), 0
    while at >= 0 and calls < _CALLS:
        begin = max(0, at - _NAME_LIMIT)
        before = text[begin:at].rstrip(b" ")
        name = before[len(before.rstrip(_NAME_BYTES)) :].lower()
        if not name and before[-1:] == b"=" and before[:-1].rstrip(b" ")[-4:].lower() == b"auth":
            name = b"auth"  # auth=('user', 'secret')
        elif name == b"new" and before[-16:].lower() == b"credential]::new":
            name = b"networkcredential"
        elif name == b"open" and before[-8:].lower() == b"ftp.open":
            name = b"ftp"
        if name in _INDEX or name in _NAMING:
            calls += 1
            found = _secret_of_call(name, _read_arguments(text, at + 1))
            if found is not None and not is_harmless(found.text, b"password"):
                yield found.start, found.start + len(found.text)
        at = text.find(b"(", at + 1)
    if b"alue" in text:
        yield from _find_in_pairs(text)
    if b"send" in text:
        for match in _SENT.finditer(text):
            if not is_harmless(match["secret"], b"password"):
                yield match.span("secret")


def _find_in_pairs(text: bytes) -> Iterator[tuple[int, int]]:
    """Find the value of a pair whose name is a member: {"name": "DB_PASSWORD", "value": "x"}."""
    for match in _PAIRED.finditer(text):
        name, value = match["name"], match["secret"]
        is_secret = is_secret_name(name) or is_secret_variable(name)
        if is_secret and not is_harmless(value, name):
            yield match.span("secret")


def _read_arguments(text: bytes, at: int) -> list[_Argument]:
    """Return the first arguments of a call whose parenthesis ends at `at`."""
    arguments: list[_Argument] = []
    while len(arguments) < _ARGUMENTS:
        match = _ARGUMENT.match(text, at)
        if match is None:
            break
        group = "text" if match["quote"] else "other"
        arguments.append(_Argument(match[group], match.start(group), group == "text"))
        at = match.end()
        if match["sign"] == b")":
            break
    return arguments


def _secret_of_call(name: bytes, arguments: list[_Argument]) -> _Argument | None:
    """Return the argument of a call that is a secret by its place."""
    if name in _NAMING:
        is_pair = len(arguments) > 1 and arguments[0].is_quoted and arguments[1].is_quoted
        if not is_pair:
            return None
        variable = arguments[0].text
        return arguments[1] if is_secret_name(variable) or is_secret_variable(variable) else None
    index = _INDEX[name]
    if name in (b"connect", b"connection"):
        index = _index_in_connect(arguments)
    elif (
        name in (b"login", b"bind_s", b"auth_password")
        and len(arguments) > 2
        and not arguments[0].is_quoted
    ):
        index = 2  # a handle comes first
    if index < len(arguments) and arguments[index].is_quoted:
        return arguments[index]
    return None


def _index_in_connect(arguments: list[_Argument]) -> int:
    """Return which one is the secret: (host, user, X), (host, port, user, X), (user, X, db)."""
    if len(arguments) > 1 and arguments[1].text.strip().isdigit():
        return 3
    if len(arguments) == 3 and _DATABASE.fullmatch(arguments[2].text):
        return 1 if not _DATABASE.fullmatch(arguments[0].text) else 2
    return 2
