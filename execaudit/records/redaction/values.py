# SPDX-License-Identifier: Apache-2.0
"""What is no secret although it stands where one would: numbers, variables, files, placeholders.

Owns the decision about one value.
"""

import re

SHELL_DOLLAR = 1
"""Byte that `shell` writes for a `$` that the shell expands."""

_VALUE_LIMIT = 512  # bytes of the longest value that is looked at; all beyond is a secret
_WORDS = frozenset(
    b"true false yes no on off none null nil undefined auto always never ask prompt stdin default"
    b" required optional disabled enabled enable disable public env file value dark light"
    b" - -- @- .".split()
)
# Atomic where two alternatives match the same text: of a row of such texts, each would be tried in
# both ways.
_VARIABLES = re.compile(
    rb"[\"'({\[]*(?:\$\{?[A-Z_][A-Z0-9_]*\}?"
    rb"|(?>\x01\{[A-Za-z_0-9]+:\?[^}]*\}|\x01\{?[A-Za-z_0-9@*#?!][A-Za-z_0-9]*(?::[?=-])?\}?)"
    rb"|\x01\([^\x01]*\)|`[^`]*`|\$\(cat [^)]*\)"
    rb"|\$\{\{[^}]*\}\}|\{\{[^}]*\}\}|%[A-Za-z_][A-Za-z0-9_]*%|\$env:\w+)+[\"')}\]]*"
)
# password=os.getenv("PW"): code that reads it from elsewhere
_READING = re.compile(
    rb"(?:os\.(?:getenv|environ)|getenv|process\.env|ENV[\[.]|System\.getenv|getpass|secrets\."
    rb"|env\(|args\.|self\.|cfg\.|config[.\[]|settings\.|input\(|request\.|params[.\[]|None\b).*"
    rb"|\.[a-z_]{2,64}(?:\.[a-z_]{1,64}){0,8}"  # jq: {password: .password}
)
_DIRECTORY = re.compile(rb"/[\w./~-]*")  # PWD=/srv
_NUMBER = re.compile(rb"[+-]?[0-9]+(?:[.,][0-9]+)*(?:[eE][+-]?[0-9]+|[kKmMgGsh%]|ms)?")
_FILE = re.compile(
    rb"(?:file|fd|env|stdin|fileb|vault|ssm|secretref|op|gcpsm|awssm|prompt|from-file|session|pcr):.*"
    rb"|arn:aws[a-z-]*:.*|projects/[^/]+/secrets/.*"
    rb"|@?(?:~|\.{1,2})/[\w./@%+~-]*"
    rb"|@?/(?:etc|home|run|var|tmp|opt|usr|root|srv|mnt|dev|proc|data|media|boot|sys|app|secrets?"
    rb"|vault|certs?|keys?|token|config|conf|path|work|workspace|builds?|nix|Users|lib|s?bin)"
    rb"(?:/[\w.@%+~-]*)*"
    rb"|@?[\w./~-]*\.(?:pem|key|txt|json|ya?ml|crt|cer|p12|pfx|jks|conf|cfg|ini|env|gpg|asc|enc|pub"
    rb"|toml|properties|tfvars|lst|keytab|kdbx|age|ppk|der|sql|dmp|csv|log)"
    rb"|@[\w.-]+/[\w./-]*"
)
_PLACEHOLDER = re.compile(
    rb"(?:(?:MY|YOUR|THE|SOME|A|NEW|OLD|DB|API|AUTH|ACCESS|ADMIN|ROOT|HERE|NAME|DIR|DIRECTORY|FILE"
    rb"|PATH|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|KEY|VALUE|STRING|TEXT|USER|USERNAME"
    rb"|ID|ENV|VAR|VARIABLE|REDACTED|MASKED|HIDDEN|NONE|NULL)(?:[_-]|$))+"
    rb"|<[A-Za-z][\w .-]*>|\[[A-Z_ ]+\]|\*{3,}|[xX]{3,}|\.{2,}|\^[A-Z]+\^(?::.*)?|FILE0|COMBO00"
)
# A regular expression in `grep 'password=.*'` and similar commands.
_EXPRESSION = re.compile(
    rb"[(^]?(?:\.[*+]\??|\[[^\]]{1,32}\][*+]?|\\[wWsSdDb][*+]?|\\[0-9]|\\\(|\\\)|\.\{[0-9,]+\}"
    rb"|%[sdq]|[|)$])+[/\"']?[gi]?"
)
_PIN = re.compile(rb"[0-9]{4,10}")
_PINS = (b"pin", b"puk", b"otp")
_METHOD = re.compile(
    rb"(?i)(?:oauth|sha|md|ntlm|krb|aes|rsa|ecdsa|ed|hs|rs|es|scram|tls|ssl|http|v|basic|digest|plain)"
    rb"[a-z]{0,8}(?:[-_][a-z]{1,8}){0,2}[-_v]?[0-9.]{1,5}(?:[-_][a-z0-9]{1,8})*"
)
_RANDOM = re.compile(rb"[A-Za-z0-9_=+~-]{8,256}")
_MIXED = re.compile(
    rb"(?=.*[A-Za-z]0+[A-Za-z])(?=.*0[^0]+0)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9!#$%^&*+]{8,64}"
)
_DEPENDS = (b"token", b"tokens", b"key", b"secret", b"credentials", b"credential", b"creds")


def is_harmless(value: bytes, name: bytes = b"") -> bool:
    """Return True if this value, given for what is called `name`, is no secret."""
    if len(value) > _VALUE_LIMIT:
        return False
    if not value.strip(b"\"'\\"):
        return True
    bare = value.strip(b"\"'")
    if len(bare) == 1 or value.startswith(b"<redacted:") or bare.lower() in _WORDS:
        return True
    lower = name.lower()
    if lower.endswith(_PINS):
        return not _PIN.fullmatch(bare)
    if _NUMBER.fullmatch(bare):
        # A password may be 123456, a token is not 512.
        return len(bare) <= 2 or lower.endswith(_DEPENDS)
    return (lower.endswith(b"pwd") and _DIRECTORY.fullmatch(bare) is not None) or any(
        regex.fullmatch(bare) for regex in (_VARIABLES, _READING, _FILE, _PLACEHOLDER, _EXPRESSION)
    )


def looks_random(value: bytes) -> bool:
    """Return True if a value has digits between letters, as generated tokens have."""
    return (
        bool(_RANDOM.fullmatch(value))
        and any(map(value.__contains__, b"0123456789"))
        and value.lower() != value.upper()
        and not _METHOD.fullmatch(value)
        and not is_harmless(value, b"password")
    )


def looks_mixed(value: bytes) -> bool:
    """Return True if a value, its digits folded, mixes digits among letters, as S3cr3tV4lue."""
    return bool(_MIXED.fullmatch(value)) and not is_harmless(value, b"password")
