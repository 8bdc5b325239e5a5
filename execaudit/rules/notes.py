# SPDX-License-Identifier: Apache-2.0
"""Notes on what is no mistake: rules that match nothing, patterns for secrets that may take long.

Owns the notes of `execaudit check`, `rules` and `reload`. It refuses nothing and decides nothing.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from execaudit.config.configuration import Loaded
from execaudit.config.source import Problem, RuleTable
from execaudit.rules.condition_tree import SignedCondition, Term, conditions_of
from execaudit.rules.conditions import Condition
from execaudit.rules.field_values import FIELDS
from execaudit.rules.paths import AS_PROGRAMS, real_path, resolve_leading
from execaudit.rules.patterns import Pattern
from execaudit.rules.regex_cost import worst_degree
from execaudit.rules.regex_tree import CostlyRegexError, RegexError, join, parse_regex
from execaudit.rules.rule import Rule
from execaudit.rules.rule_set import RuleSet, compile_rules

_MOST_ENTRIES = 10_000  # of one directory
_UNSEEN_PLACES = ("/tmp/", "/var/tmp/", "/home/", "/root/", "/run/")  # noqa: S108 - not used
_LITERAL = re.compile(r"\^(/[\w/.+-]*)/")


def find_notes(
    loaded: Loaded,
    rules: RuleSet | None = None,
    *,
    failures_work: bool = True,
    is_of_host: bool = True,
) -> list[Problem]:
    """Return notes on slow patterns, then on conditions and rules that cannot match, in order.

    `rules` are the compiled rules of `loaded`. `failures_work`: a hook for failed execs works here.
    `is_of_host`: the configuration is this host's, whose files can be looked at.
    """
    capture = loaded.config.capture
    if rules is None:
        rules, _ = compile_rules(loaded.rules, regex_bytes=loaded.config.limits.regex_bytes)
    if rules is None:
        return []
    sees = {
        "failure": failures_work and capture.failures != "none",
        "exit": capture.exits,
        "first": loaded.config.baseline.enabled,
    }
    notes = list(_about_patterns(loaded))
    for index, (table, rule) in enumerate(zip(loaded.rules, rules.rules, strict=True)):
        for condition in conditions_of(rule.tree) if is_of_host else ():
            notes += [table.problem(condition.path, f"note: {text}")
                      for text in _about_condition(condition)]  # fmt: skip
        notes += _about_rule(table, rule, rules.rules[:index], sees)
    return list(dict.fromkeys(notes))


def _about_patterns(loaded: Loaded) -> Iterator[Problem]:
    for index, pattern in enumerate(loaded.config.redact.pattern):
        path = ("redact", "pattern", index, "regex")
        try:
            degree = worst_degree(join(parse_regex(pattern.regex)), pattern.regex.pattern)
        except CostlyRegexError as error:
            yield loaded.problem(
                path, f"note: it {error}; an argument made for it can hold up the daemon for hours"
            )
        except (RegexError, RecursionError):  # nothing is known of its cost
            continue
        else:
            if degree > 1:
                yield loaded.problem(
                    path,
                    "note: its time grows with the square of the length of an argument: 64 KB made"
                    " for it take seconds",
                )


# -- conditions ---------------------------------------------------------------------------------


def _about_condition(condition: Condition) -> Iterator[str]:
    if condition.field not in AS_PROGRAMS:
        return
    # Where a path has a form without links, that one alone: records have it.
    patterns = [
        each
        for each in condition.elements
        if isinstance(each, Pattern)
        and (each.kind == "regex" or not resolve_leading(condition.field, each.text, real_path))
    ]
    for pattern in patterns:
        yield from _about_link(pattern)
    looked_for = [_exists(pattern) for pattern in patterns]
    if patterns and not any(found is not False for found in looked_for):
        names = " or ".join(dict.fromkeys(pattern.text for pattern in patterns))
        yield f"there is no {names} here: it matches nothing until there is"


def _about_link(pattern: Pattern) -> Iterator[str]:
    """Yield what records have instead of the links that a pattern names."""
    if pattern.kind == "exact":
        real = real_path(pattern.text)
        if real != pattern.text and Path(real).exists() and Path(pattern.text).is_symlink():
            yield f"{pattern.text} is a link, records have {real}"
    elif pattern.kind == "regex":
        found = _LITERAL.match(pattern.text)
        if found and Path(found[1]).is_symlink():
            yield f"{found[1]} is a link, records have {real_path(found[1])}/…"
    elif pattern.kind == "glob":
        entries = _entries(pattern)
        if entries and all(each.is_symlink() for each in entries):
            first = str(entries[0])
            yield (
                f"what {pattern.text} matches here are links: for {first} records have"
                f" {real_path(first)}"
            )


def _exists(pattern: Pattern) -> bool | None:
    """Return True if there is such a file; None where nobody knows, or where it comes and goes."""
    if pattern.kind not in ("exact", "glob"):
        return None
    if pattern.text.startswith((*_UNSEEN_PLACES, "/memfd:")):
        return None
    if pattern.kind == "glob":
        entries = _entries(pattern)
        return None if entries is None else bool(entries)
    return os.access(pattern.text, os.F_OK) or _is_hidden(Path(pattern.text).parent)


def _is_hidden(folder: Path) -> bool:
    """Return True if we cannot list a directory, or the nearest one above it that exists."""
    known = next((each for each in (folder, *folder.parents) if os.access(each, os.F_OK)), None)
    return known is None or not os.access(known, os.R_OK | os.X_OK)


def _entries(pattern: Pattern) -> list[Path] | None:
    """Return the files that a pattern for one directory matches; None where we cannot list them."""
    folder, _, name = pattern.text.rpartition("/")
    if not folder or "**" in name or any(char in folder for char in "*?["):
        return None
    try:
        names = os.listdir(os.fsencode(folder))  # noqa: PTH208 - names, not paths
    except PermissionError:
        return None
    except OSError:
        return [] if not _is_hidden(Path(folder)) else None
    if len(names) > _MOST_ENTRIES:
        return None
    prefix = os.fsencode(folder) + b"/"
    matching = [name for name in sorted(names) if pattern.matches(prefix + name)]
    return [Path(folder, os.fsdecode(name)) for name in matching]


# -- rules --------------------------------------------------------------------------------------


def _about_rule(
    table: RuleTable, rule: Rule, earlier: tuple[Rule, ...], sees: dict[str, bool]
) -> Iterator[Problem]:
    if not any(map(_is_possible, rule.terms)):
        yield table.problem((), "note: its conditions exclude one another: it matches nothing")
    elif not sees["failure"] and all(map(_wants_failures, rule.terms)):
        yield table.problem((), "note: failed execs are not seen: it matches nothing")
    elif not sees["first"] and all(map(_wants_first, rule.terms)):
        yield table.problem(
            (), "note: what ran before is not remembered ([baseline] enabled): it matches nothing"
        )
    elif not sees["exit"] and all(_has(term, "type", b"exit") for term in rule.terms):
        yield table.problem(
            (), "note: ends of processes are not recorded ([capture] exits): it matches nothing"
        )
    for first in earlier:
        if first.action != "label" and rule.terms and all(
            any(_covers(general, term, sees) for general in first.terms) for term in rule.terms
        ):  # fmt: skip
            file, line, _ = first.place
            yield table.problem(
                (), f"note: {first.action} in {file}:{line} comes before, and matches all of it"
            )
            return


def _is_possible(term: Term) -> bool:
    asked = {(each.condition.shown, each.wanted) for each in term}
    return not any((shown, not wanted) in asked for shown, wanted in asked)


def _has(term: Term, field: str, value: bytes) -> bool:
    """Return True if a term asks for nothing but this value of a field."""
    return any(
        each.wanted
        and each.condition.field == field
        and each.condition.exacts == frozenset((value,))
        for each in term
    )


def _wants_failures(term: Term) -> bool:
    asks_errno = any(each.wanted and each.condition.field == "errno" for each in term)
    return asks_errno or _has(term, "result", b"failure")


def _wants_first(term: Term) -> bool:
    return any(each.wanted and each.condition.field == "first_seen" for each in term)


def _covers(general: Term, special: Term, sees: dict[str, bool]) -> bool:
    """Return True if all events that `special` lets through, `general` lets through, too."""
    return all(
        any(_implies(each, wanted) for each in special) or _always_holds(wanted, special, sees)
        for wanted in general
    )


def _always_holds(wanted: SignedCondition, special: Term, sees: dict[str, bool]) -> bool:
    """Return True for `type = "exec"` where rules see nothing but execs."""
    if not _has((wanted,), "type", b"exec") or _has(special, "type", b"exit"):
        return False
    return not sees["exit"] or any(FIELDS[each.condition.field].is_of_event for each in special)


def _implies(special: SignedCondition, general: SignedCondition) -> bool:
    one, other = special.condition, general.condition
    if one.field != other.field or special.wanted is not general.wanted:
        return False
    if one.shown == other.shown:
        return True
    test: Callable[[object], bool | None] = other.test
    return special.wanted and bool(one.exacts) and all(test(value) for value in one.exacts or ())
