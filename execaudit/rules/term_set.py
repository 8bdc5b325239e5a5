# SPDX-License-Identifier: Apache-2.0
"""Sets of terms as numbers: a bit for each.

One `&` combines what two fields let through, whatever the number of rules.
"""

from collections.abc import Iterator

TermSet = int
"""A bit for each term."""


def numbers_in(terms: TermSet) -> Iterator[int]:
    """Yield the numbers of terms in ascending order."""
    digits = bin(terms)[:1:-1]  # arithmetic on large numbers takes longer
    number = digits.find("1")
    while number >= 0:
        yield number
        number = digits.find("1", number + 1)
