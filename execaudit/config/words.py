# SPDX-License-Identifier: Apache-2.0
"""Words that configuration and rules share: labels, severities, names.

Owns which characters they may have. What they mean is said where they are used.
"""

import re

from execaudit.config.values import Choice, ListOf, Text

SEVERITIES = ("debug", "info", "notice", "warning", "err", "crit", "alert", "emerg")
"""syslog's, least first."""

SEVERITY = Choice(SEVERITIES, empty="any")
SPACE_ACTION = Choice(("warn", "rotate-oldest", "drop-new"))

LABEL = Text(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"),
    'a label: up to 64 letters, digits, "_", ".", ":" and "-"',
)
LABELS = ListOf(LABEL, "labels")
PATTERN_NAME = Text(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"), 'a name: up to 64 letters, digits, "_" and "-"'
)
ENV_NAME = Text(
    re.compile(r"(?![0-9])[^=\s*?\x00-\x1f\x7f]+"),
    "the name of an environment variable such as LD_PRELOAD (no patterns)",
)
GROUP = Text(re.compile(r"[^\s:,\x00-\x1f\x7f]{1,256}"), "the name of a group", "the service's own")
IDENTIFIER = Text(re.compile(r"[!-~]{1,128}"), "1 to 128 printable ASCII characters, no blanks")
HMAC_KEY = Text(
    re.compile(r"/(?:[^/\x00]+/)*[^/\x00]+|(?!\.{1,2}$)[A-Za-z0-9_.-]{1,255}"),
    "the name of a systemd credential or the absolute path of a file",
    "none",
)
