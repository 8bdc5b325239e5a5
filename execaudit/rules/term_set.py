# SPDX-License-Identifier: Apache-2.0
"""Sets of terms as numbers: a bit for each.

To combine what several fields say is one `&` each, whatever the number of rules.
"""

from collections.abc import Iterator

TermSet = int
"""A bit for each term."""


def numbers_in(terms: TermSet) -> Iterator[int]:
    """Yield the numbers of terms in ascending order."""
    while terms:
        lowest = terms & -terms
        yield lowest.bit_length() - 1
        terms ^= lowest
