# SPDX-License-Identifier: Apache-2.0
"""Rules on this host: names of users and groups, real paths of programs.

Owns the look-ups that `rule_set` leaves to others. It decides nothing.
"""

import grp
import os
import pwd
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from execaudit.config.problem import Problem
from execaudit.rules.rule import RuleTable
from execaudit.rules.rule_set import RuleSet, compile_rules
from execaudit.rules.text_conditions import Lookups

if TYPE_CHECKING:  # a search takes names only, and no configuration
    from execaudit.config.configuration import Loaded


def compile_here(
    tables: Iterable[RuleTable], regex_bytes: int
) -> tuple[RuleSet | None, list[Problem]]:
    """Compile rules with the users and groups of this host."""
    return compile_rules(tables, lookups_here(), regex_bytes)


def lookups_here() -> Lookups:
    """Return what finds the users and groups of this host."""
    return Lookups(user=_find_user, group=_find_group)


def find_problems(loaded: "Loaded") -> tuple[Problem, ...]:
    """Return every problem of the configuration and of the rules, each once."""
    _, in_rules = compile_here(loaded.rules, loaded.config.limits.regex_bytes)
    return tuple(dict.fromkeys((*loaded.problems, *in_rules)))


def _find_user(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):  # ValueError: a NUL in the name
        return None


def _find_group(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


def linked_programs(rules: RuleSet) -> Iterator[tuple[int, str, str]]:
    """Programs that rules name by a path which records do not have: rule, path, the real one.

    On most systems /bin is a symbolic link to /usr/bin, and records carry the resolved path.
    """
    for index, rule in enumerate(rules.rules):
        for term in rule.terms:
            for condition, _ in term:
                if condition.field not in ("exe", "parent.exe", "ancestor.exe"):
                    continue
                for pattern in condition.elements:
                    if pattern.kind == "exact":
                        real = os.path.realpath(pattern.text)
                        if real != pattern.text and os.path.exists(real):  # noqa: PTH110
                            yield index, pattern.text, real
