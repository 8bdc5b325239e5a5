# SPDX-License-Identifier: Apache-2.0
"""The redactor that a configuration asks for.

Owns the choice of patterns: the shipped ones that are not switched off, and the user's.
"""

from execaudit.config.redact import Redact
from execaudit.records.redact import Redactor
from execaudit.records.secret_patterns import PATTERNS, Pattern


def make_redactor(redact: Redact, key: bytes | None = None) -> Redactor:
    """Return the redactor for `[redact]`, enabled or not; `key` is the HMAC's, None for none."""
    shipped = [pattern for pattern in PATTERNS if pattern.name not in redact.disable]
    own = [Pattern(pattern.name, pattern.regex) for pattern in redact.pattern]
    return Redactor((*shipped, *own), key)
