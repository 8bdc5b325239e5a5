# SPDX-License-Identifier: Apache-2.0
"""Which names are names of secrets: `--storepass`, `DB_PASSWORD`, `client-secret`, `accountKey`.

Owns the decision about one name, whatever its case and separators. `assignments` and `commands`
read what stands beside the name.
"""

import re
from functools import lru_cache

NAME_LIMIT = 80
"""Bytes of the longest name that is looked at."""

NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:$@-"
"""What a name consists of."""

_PART = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# The last part of a name, alone or with others glued before it.
_ALONE = frozenset(
    b"password passwd passphrase passcode passwort pass pwd pw psk secret token credential"
    b" credentials cred creds apikey authtoken pwdhash passw pword"
    b" authkey pin puk otp masterauth jwt mnemonic".split()
)
_GLUED = (
    b"password", b"passwd", b"passphrase", b"passcode", b"passwort", b"secret", b"token", b"apikey",
    b"secretkey", b"accesskey", b"privatekey", b"accountkey", b"authkey", b"sharedkey",
    b"masterkey", b"encryptionkey", b"presharedkey", b"licensekey", b"securitykey", b"sessionkey",
    b"subscriptionkey", b"storagekey", b"appkey", b"activationkey", b"installationkey",
)  # fmt: skip
_OWNERS = (
    b"store key user db my admin root sudo become ks ts trust ssl tls cert http https ftp smtp imap"
    b" pop mail ldap bind vnc rpc proxy auth login wifi account sql pg jmx dest src new old ansible"
    b" repl master upload ssh pkey client server rcon sa sys require".split()
)
_BEFORE_PASS = frozenset(_OWNERS)
_BEFORE_PW = frozenset((*_OWNERS, b"mgr", b"dm", b"rootdn", b"u", b"o", b"owner", b"olcroot"))
_BEFORE_KEY = frozenset(
    b"api access secret private account auth master encryption encrypt decryption shared preshared"
    b" psk storage license licence setup unseal recovery consumer hmac webhook instrumentation"
    b" functions function rapidapi mashape ingest"
    b" subscription session security app application sas wep wpa crypto cipher cookie"
    b" activation registration enrollment installation product integration provisioning".split()
)
_BEFORE_CODE = frozenset(b"token mfa otp totp auth authorization verification twofactor".split())
_BEFORE_PHRASE = frozenset(b"seed recovery pass mnemonic".split())
# "--no-password", "--ask-become-pass" take no value; "--max-token", "--eos-token" no secret.
_NO_VALUE = frozenset(
    b"no without ask prompt skip show save remember need require requires use generate gen random"
    b" reset force expire verify check validate enable disable allow clear hide is has empty list"
    b" delete revoke renew unset interactive print read get cache forget change max min num"
    b" len".split()
)
# Of an object that holds the secret: auth.existingSecret=name, imagePullSecret=name.
_NO_SECRET_BEFORE = frozenset((b"existing", b"pull"))
_NO_SECRET = frozenset(
    b"max min num n eos bos pad unk sep cls mask stop end per image next starting continuation page"
    b" pagination start context prompt completion input output total special vocab client-request"
    b" request idempotency ignore word sub".split()
)
_NO_PASS = frozenset(
    b"multi single one two three first second low high band by render depth must sound com tres sur"
    b" under over video analysis pre post opt loop final".split()
)
# Of the last part of an upper-case variable such as DB_PASSWORD_FILE.
_NO_SECRET_LAST = frozenset(
    b"file files path paths dir name names type ttl length len size count max min id ids url uri"
    b" endpoint host port user username expiry expires expiration timeout policy prompt env helper"
    b" algo algorithm format store provider version enabled age mode command cmd scope scopes"
    b" audience issuer service manager backend keyring ring rotation limit require required"
    b" check encoding method interval days hours seconds tokens passes arn ref source field column"
    b" header location cookie label regex pattern".split()
)
_IN_VARIABLE = re.compile(
    rb"PASSWORD|PASSWD|PASSPHRASE|PASSCODE|SECRET|TOKEN(?!I[ZS])|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY"
    rb"|ACCOUNT_?KEY|MASTER_?KEY|ENCRYPTION_?KEY|SECRET_?KEY|(?:^|_)(?:PASS|PWD|PSK|PW)(?:_|$)"
    rb"|(?:^|_)(?:APP|JWT|SESSION|HMAC|AUTH|CIPHER|CRYPT|STRIPE|OPENAI|ANTHROPIC|SENDGRID|MAILGUN"
    rb"|WEBHOOK|SERVICE|STORAGE|LICEN[SC]E|DEPLOY)_KEY(?:_|$)"
    rb"|SSHPASS|_AUTH$|(?:^|_)CRED(?:ENTIAL)?S?(?:_|$)"
)
_VARIABLE = re.compile(rb"[A-Z][A-Z0-9_]*")
_BARE_PATHS = frozenset((b"PWD", b"OLDPWD"))


@lru_cache(maxsize=2048)
def is_secret_name(name: bytes) -> bool:
    """Return True if the value of an option or a member of this name is a secret."""
    parts = [part.lower() for part in _PART.findall(name)]
    while parts and parts[-1].isdigit():  # password1
        parts.pop()
    if not parts:
        return False
    last, before = parts[-1], parts[:-1]
    if parts[0] in _NO_VALUE:
        return False
    if last.endswith(b"token") and _NO_SECRET.intersection((*before, last[:-5])):
        return False
    if last == b"secret" and before and before[-1] in _NO_SECRET_BEFORE:
        return False
    return _is_secret(last, before)


def _is_secret(last: bytes, before: list[bytes]) -> bool:
    """Return True if a name is a secret's by its last part and those before it."""
    if last in _ALONE:
        is_secret = not (last == b"pass" and before and before[-1] in _NO_PASS)
    elif last == b"cookie":
        is_secret = bool(before) and before[-1] in (b"session", b"auth", b"login")
    elif last == b"bearer":
        is_secret = not before or any(part.endswith(b"auth") for part in before)
    elif last == b"key":
        is_secret = bool(before) and (before[-1] in _BEFORE_KEY or before[-1].endswith(b"secret"))
    elif last == b"code":
        is_secret = bool(before) and before[-1] in _BEFORE_CODE
    elif last == b"phrase":
        is_secret = bool(before) and before[-1] in _BEFORE_PHRASE
    elif last.endswith(_GLUED):
        is_secret = not last.startswith((b"no", b"ask", b"max", b"min"))
    elif last.endswith(b"pass"):
        is_secret = last[:-4] in _BEFORE_PASS
    elif last.endswith(b"pwd"):
        is_secret = last[:-3] in _BEFORE_PASS
    else:
        is_secret = last.endswith(b"pw") and last[:-2] in _BEFORE_PW
    return is_secret


@lru_cache(maxsize=2048)
def is_secret_variable(name: bytes) -> bool:
    """Return True if the value of an environment variable of this name is a secret."""
    if not _VARIABLE.fullmatch(name) or name in _BARE_PATHS or not _IN_VARIABLE.search(name):
        return False
    last = name.rstrip(b"0123456789_").rpartition(b"_")[2].lower()
    return last not in _NO_SECRET_LAST and not name.startswith((b"NO_", b"MAX_", b"NUM_", b"MIN_"))


def option_name(word: bytes) -> bytes:
    """Return the name of `--name` or `-name`, or b"" where the word is no such option."""
    if len(word) > NAME_LIMIT or not word.startswith(b"-"):
        return b""
    name = word[2:] if word.startswith(b"--") else word[1:]
    return name if len(name) > 1 and not name.strip(NAME_BYTES) and name[:1].isalpha() else b""
