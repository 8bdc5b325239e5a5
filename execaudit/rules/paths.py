# SPDX-License-Identifier: Apache-2.0
"""Paths in rules as records have them: with the directories that links lead to.

Owns that step: on most systems /bin is a link to /usr/bin, and `exe = "/bin/*"` means what lies
there. The last name of a path stays as it is: the program that `awk` is a link to may change any
day, and `notes` says so.
"""

import os
from collections.abc import Callable, Iterable

from execaudit.rules.patterns import Pattern, parse_pattern
from execaudit.rules.wildcards import has_wildcards

AS_PROGRAMS = ("exe", "parent.exe", "ancestor.exe")
"""Fields whose paths are fully resolved in records."""

_AS_DIRECTORIES = ("cwd", "root")
_AS_CALLED = ("filename", "script", "interp")
_RESOLVED = (*AS_PROGRAMS, *_AS_DIRECTORIES, *_AS_CALLED)


def resolve_leading(field: str, text: str, resolve: Callable[[str], str]) -> str | None:
    """Return a path or pattern with its leading directories resolved; None if nothing changes.

    `resolve` gives the real path of a directory.
    """
    if field not in _RESOLVED or not text.startswith("/"):
        return None
    names = text.split("/")
    last = next((at for at, name in enumerate(names) if has_wildcards(name)), None)
    if last is None:
        last = len(names) if field in _AS_DIRECTORIES else len(names) - 1
    leading = "/".join(names[:last])
    real = resolve(leading) if leading else leading
    if real == leading or (last < len(names) and has_wildcards(real)):
        return None
    return "/".join([real.rstrip("/"), *names[last:]])


def resolved_patterns(
    field: str, elements: Iterable[object], resolve: Callable[[str], str]
) -> list[Pattern]:
    """Return the patterns among `elements` with their directories as records have them."""
    found: list[Pattern] = []
    for each in elements:
        if isinstance(each, Pattern) and each.kind != "regex":
            path = resolve_leading(field, each.text, resolve)
            if path is not None:
                found.append(parse_pattern({each.kind: path}, is_path=True))
    return found


def real_path(path: str) -> str:
    """Return the real path; the path itself where it cannot be followed."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path
