# SPDX-License-Identifier: Apache-2.0
"""The section [redact] of the configuration, with its [[redact.pattern]] tables."""

import re
from dataclasses import dataclass

from execaudit.config.values import Flag, ListOf, Regex, TablesOf, Text, key, required_key

_PATTERN_NAME = Text(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"), 'a name: up to 64 letters, digits, "_" and "-"'
)
_HMAC_KEY = Text(
    re.compile(r"/(?:[^/\x00]+/)*[^/\x00]+|(?!\.{1,2}$)[A-Za-z0-9_.-]{1,255}"),
    "the name of a systemd credential or the absolute path of a file",
    "none",
)


@dataclass(frozen=True, slots=True)
class RedactPattern:
    """A secret of your own to redact, besides those that execaudit knows."""

    name: str = required_key(
        _PATTERN_NAME, "Shown in the record instead of the secret: <redacted:NAME>."
    )
    regex: re.Pattern[bytes] = required_key(  # noqa: RUF009 - makes a field
        Regex(),
        "What to look for in each argument and environment value. Of a match, the group named "
        "secret is replaced, or all of it where there is none.",
    )


@dataclass(frozen=True, slots=True)
class Redact:
    """Secrets in arguments and environment, replaced before any sink sees the record."""

    enabled: bool = key(
        Flag(), True, "Whether to redact. Switched off, passwords given as arguments are logged."
    )
    hmac_key: str = key(
        _HMAC_KEY,
        "",
        "Key to add a keyed hash to each redaction, so that equal secrets can be recognized: a "
        "credential (LoadCredential= in the unit) or a file that only root can read.",
    )
    disable: tuple[str, ...] = key(
        ListOf(_PATTERN_NAME, "names of patterns"),
        [],
        "Shipped patterns not to use, by name, where one redacts what is no secret here.",
    )
    pattern: tuple[RedactPattern, ...] = key(
        TablesOf(RedactPattern), [], "Patterns of your own, as [[redact.pattern]] tables."
    )
