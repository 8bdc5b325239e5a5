# SPDX-License-Identifier: Apache-2.0
"""A quick test whether a text may hold any of many literals.

Owns how the literals are tried: by the rarest sign in them, as one byte is found far quicker than
several. False is certain, True a guess.
"""

from collections.abc import Iterable

# From the rarest; before all of them come signs that are no letters, as `find` gives -1 for those.
_LETTERS = b"zqxjkvbpygfwmucldrhsnioate"


class Hints:
    """Literals in lower case."""

    def __init__(self, literals: Iterable[bytes]) -> None:
        distinct = tuple(dict.fromkeys(literals))
        # One that contains another finds nothing which that one does not.
        self.literals = tuple(
            literal
            for literal in distinct
            if not any(other in literal for other in distinct if other != literal)
        )
        groups: dict[bytes, list[bytes]] = {}
        for literal in self.literals:
            sign = bytes((min(literal, key=_LETTERS.find),))
            groups.setdefault(sign, []).append(literal)
        self._groups = list(groups.items())

    def may_hold(self, lower: bytes) -> bool:
        """Return True if one of the literals is in a text, given in lower case."""
        for sign, literals in self._groups:
            if sign in lower:
                for literal in literals:  # any() takes twice as long
                    if literal in lower:
                        return True
        return False
