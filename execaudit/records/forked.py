# SPDX-License-Identifier: Apache-2.0
"""Which program runs in a process that never called exec: a worker of a web server, a subshell.

Owns how to recognize such a process: it has the short name of the process that forked it, and the
same number of execs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

_Found = TypeVar("_Found")


def find_program(
    ancestors: Sequence[Mapping[str, Any]], at: int, find: Callable[[str], _Found | None]
) -> tuple[int, _Found | None]:
    """Return the index of the ancestor whose exec began what the one at `at` runs, and its value.

    `find` gives a value for an id. The ancestor is the nearest that `find` knows, up through forks;
    `at` and None where it knows none.
    """
    index = at
    while (found := find(ancestors[index]["id"])) is None:
        if index + 1 == len(ancestors) or not _may_be_forked(*ancestors[index : index + 2]):
            return at, None
        index += 1
    return index, found


def _may_be_forked(one: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Return True if process `one` may be a fork of `above` that has not called exec since."""
    count, count_above = (each["id"].rpartition("-")[2] for each in (one, above))
    return bool(count == count_above and one.get("comm", "") == above.get("comm"))
