# SPDX-License-Identifier: Apache-2.0
"""The shipped patterns for secrets, by the names that `redact.disable` takes.

Owns the list of them. What each one finds, the modules of `redaction` say.
"""

from typing import NamedTuple

from execaudit.records.redaction.programs import PROGRAMS
from execaudit.records.redaction.texts import TEXTS, Pattern
from execaudit.records.redaction.usage import Program

__all__ = ["NAMED", "PATTERNS", "Named", "Pattern", "Program", "ShippedPattern"]


class Named(NamedTuple):
    """A pattern that is more than an expression or an entry of the table."""

    name: str
    meaning: str


NAMED = (
    Named("environment", "the value of a variable, NAME=value, whose name says secret"),
    Named("password", "the value of an option, a parameter or a member whose name is a secret's"),
    Named("url", "the password in a URL, or the token instead of the user"),
    Named("authorization", "the header Authorization"),
    Named("header", "other headers with a secret: Cookie, X-Api-Key, PRIVATE-TOKEN"),
    Named("code", "an argument of a function that takes a secret: connect(host, user, secret)"),
    Named("login", "what follows -p right after a user's name: -u NAME -p secret"),
    Named("input", "what a command line pipes into an option such as --password-stdin"),
)

ShippedPattern = Pattern | Named | Program

PATTERNS: tuple[ShippedPattern, ...] = (*NAMED, *TEXTS, *PROGRAMS)
"""The shipped patterns. Several may have one name, which then switches all of them off."""
