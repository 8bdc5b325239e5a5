# SPDX-License-Identifier: Apache-2.0
"""Secrets in lines of files and of network devices, as `echo` and `ssh` have them: `.pgpass`, IOS.

Owns the forms of such lines, each with the literals without which it is not there. What a command
line pipes into a program, the table of programs has. All repetitions are bounded.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from execaudit.records.redaction.values import is_harmless

_MOST = 4096  # lines of one form in a text
_FORMS = (
    # echo "host:5432:db:user:secret" > ~/.pgpass
    (
        (b"pgpass",),
        (
            rb"(?<![\w.-])(?:[\w.-]{1,255}|\*):(?:[0-9]{1,5}|\*):(?:[\w.-]{1,64}|\*)"
            rb":(?:[\w.-]{1,64}|\*):(?P<secret>[^\s\"']{1,1024})"
        ),
    ),
    # echo "[smtp.example]:587 user:secret" > sasl_passwd
    (
        (b"sasl_passwd",),
        (
            rb"\s[^\s:\"']{1,128}:(?P<secret>[^\s\"']{1,256})[\"']?\s{0,8}>{1,2}\s{0,8}"
            rb"[\w./-]{0,128}sasl_passwd"
        ),
    ),
    # echo "user * secret *" >> /etc/ppp/chap-secrets
    (
        (b"ap-secrets",),
        (
            rb"\s[\"'\\]{0,2}(?P<secret>[^\s\"'\\]{2,256})[\"'\\]{0,2}\s{1,8}[*0-9.]{1,16}[\"']?"
            rb"\s{0,8}>{1,2}\s{0,8}[\w./-]{0,128}[cp]h?ap-secrets"
        ),
    ),
    # echo ': PSK "secret"' >> /etc/ipsec.secrets
    (
        (b"PSK", b".secrets"),
        (rb":\s{0,8}(?:PSK|EAP|XAUTH|NTLM)\s{1,8}\\{0,2}[\"'](?P<secret>[^\"'\\]{1,256})"),
    ),
    # 'secret' | ConvertTo-SecureString
    (
        (b"ecureString", b"ecurestring"),
        (rb"(?i)[\"'](?P<secret>[^\"']{1,256})[\"']\s{0,4}\|\s{0,4}convertto-securestring"),
    ),
    # neighbor 192.0.2.1 password secret, of IOS, Junos, FRR
    (
        (b"assword ", b"ecret ", b"-key ", b"key-string "),
        (
            rb"(?i)\b(?:neighbor \S{1,64} password"
            rb"|user(?:name)? \S{1,64} (?:privilege [0-9]{1,2} )?(?:password|secret)"
            rb"|enable (?:password|secret)|message-digest-key [0-9]{1,3} md[0-9]"
            rb"|authentication-key(?: [0-9]{1,3} md[0-9])?"
            rb"|(?:pre-shared-key|key-string)(?: ascii-text)?)"
            rb" (?:[0-9] )?\\?\"?(?P<secret>[^\s\"';,\\]{2,256})"
        ),
    ),
)


@cache
def _compile(form: bytes) -> re.Pattern[bytes]:
    """Return a form when it is first met: most daemons meet none."""
    return re.compile(form)


def find_in_lines(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the secrets are that such lines have."""
    for literals, form in _FORMS:
        if any(map(text.__contains__, literals)):
            for match in islice(_compile(form).finditer(text), _MOST):
                if not is_harmless(match["secret"], b"password"):
                    yield match.span("secret")
