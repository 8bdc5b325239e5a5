# SPDX-License-Identifier: Apache-2.0
"""Rules on this host, with its names of users and groups.

Owns the look-ups that `rule_set` leaves to others. It decides nothing.
"""

import grp
import pwd
from collections.abc import Iterable

from execaudit.config.configuration import Loaded
from execaudit.config.source import Problem, RuleTable
from execaudit.rules.conditions import Lookups
from execaudit.rules.rule_set import RuleSet, compile_rules


def compile_here(
    tables: Iterable[RuleTable], regex_bytes: int
) -> tuple[RuleSet | None, list[Problem]]:
    """Compile rules with the users and groups of this host."""
    return compile_rules(tables, Lookups(user=_find_user, group=_find_group), regex_bytes)


def find_problems(loaded: Loaded) -> tuple[Problem, ...]:
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
