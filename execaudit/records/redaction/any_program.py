# SPDX-License-Identifier: Apache-2.0
"""Secrets in words that mean the same for most programs: `-u NAME -p X`, `set NAME X`.

Owns these two. What a certain program means by its words, the table has.
"""

import re
from collections.abc import Iterator, Sequence

from execaudit.records.redaction.finding import Finding
from execaudit.records.redaction.names import is_secret_name, is_secret_variable
from execaudit.records.redaction.values import is_harmless, looks_mixed, looks_random

_USER_OPTIONS = frozenset(
    b"-u -U -l --user --username --login -user -username --login-name".split()
)
_NO_LOGIN = frozenset(  # programs that give -u and -p another meaning
    b"cp mv ls ps rsync sort install mkdir touch tar cpio pax unzip patch diff git make find grep"
    b" python perl ruby node php pytest screen tmux strace ltrace perf lsof ss netstat iptables"
    b" top htop pgrep pkill kill id w who last useradd chage date uniq umount fuser cargo ninja"
    b" nix-shell conda docker podman systemctl journalctl".split()
)
_PASSWORD_OPTIONS = frozenset((b"-p", b"-P"))
_NO_PASSWORD = re.compile(rb"[-0-9.:,/]+|/.*|-.*|[\w.-]+:[0-9]+|[\w./-]+/[\w./:-]*")
_SETTING = re.compile(
    rb"(?:(?:config|configure|env|var|secrets?)[:-])?set(?:-(?:env|config|secret))?"
)
_SETTING_NAME = re.compile(rb"(?!-)[\w./:-]{1,80}")
_SETTING_WITHIN = 12


def find_settings(words: Sequence[bytes], begin: int) -> Iterator[Finding]:
    """Find the secret in `config set NAME X` and `set password USER X`, whatever the program."""
    for index in range(begin, min(len(words) - 2, begin + _SETTING_WITHIN)):
        if b"set" not in words[index] or not _SETTING.fullmatch(words[index]):
            continue
        name, value = words[index + 1], words[index + 2]
        if value[:1] == b"-" or not _SETTING_NAME.fullmatch(name):
            continue
        at = index + 2
        if name in (b"password", b"passwd") and at + 1 < len(words) and words[at + 1][:1] != b"-":
            at, value = at + 1, words[at + 1]
        is_secret = is_secret_name(name) or is_secret_variable(name)
        if is_secret and not is_harmless(value, name):
            reason = f"behind {option_text(words[index])} {option_text(name)}"
            yield Finding(at, 0, len(value), "password", reason)


def find_login(words: Sequence[bytes], begin: int, program: bytes) -> Iterator[Finding]:
    """Find the password in `-u NAME -p X`, whatever the program.

    Where other words stand between the two, or no user is named, X must look like a password.
    """
    if program in _NO_LOGIN:
        return
    has_user = not _USER_OPTIONS.isdisjoint(words[begin:])
    for index in range(begin, len(words) - 1):
        option, value = words[index], words[index + 1]
        if option not in _PASSWORD_OPTIONS or _NO_PASSWORD.fullmatch(value):
            continue
        before = words[index - 2] if index - 2 >= begin else b""
        if before in _USER_OPTIONS and words[index - 1][:1] != b"-":
            is_secret, reason = not is_harmless(value), f"{option_text(before)} USER "
        else:
            is_secret, reason = (looks_random if has_user else looks_mixed)(value), ""
        if is_secret:
            reason += f"{option_text(option)} X"
            yield Finding(index + 1, 0, len(value), "login", reason)


def option_text(option: bytes) -> str:
    """Return an option as people read it."""
    return option.decode(errors="replace")
