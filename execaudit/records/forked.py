# SPDX-License-Identifier: Apache-2.0
"""Whose program a process runs that never called exec: a worker of a web server, a subshell.

Owns how such a process is known by its ancestors: it has the short name of the one that forked it,
and its number of execs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

_Found = TypeVar("_Found")


def find_program(
    ancestors: Sequence[Mapping[str, Any]], at: int, find: Callable[[str], _Found | None]
) -> tuple[int, _Found | None]:
    """Return which ancestor's exec began what the one at `at` runs, and what `find` says of its id.

    It is the nearest that `find` knows; `at` itself, and None, where it knows none.
    """
    index = at
    while (found := find(ancestors[index]["id"])) is None:
        if index + 1 == len(ancestors) or not _may_be_forked(*ancestors[index : index + 2]):
            return at, None
        index += 1
    return index, found


def _may_be_forked(one: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Return True if a process can be a fork of the one above that called exec no more."""
    count, count_above = (each["id"].rpartition("-")[2] for each in (one, above))
    return bool(count == count_above and one.get("comm", "") == above.get("comm"))
