# SPDX-License-Identifier: Apache-2.0
"""Values of several configuration files made into one `Config`, with the origin of each.

Owns the check of every single key, and that later files win, key by key. config.coherence finds
values that do not fit together.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from execaudit.config.redact import RedactPattern
from execaudit.config.schema import SECTIONS, Config
from execaudit.config.source import Problem, RuleTable, Source
from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_path, show_short
from execaudit.config.values import Kind, ListOf, TablesOf, kinds, list_words, suggest

WRONG = object()
"""Stands for a value with a mistake, which has been reported."""

_Tables = Source | RuleTable


class Origin(NamedTuple):
    """Where an effective value comes from: a file, and the key's path there."""

    source: Source
    path: KeyPath

    def problem(self, text: str, *below: str | int) -> Problem:
        """Return a problem with this value, or with an element `below` it."""
        return self.source.problem((*self.path, *below), text)


class Merged:
    """The values of all files so far."""

    __slots__ = ("_origins", "_patterns", "_values")

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        self._origins: dict[KeyPath, Origin] = {}
        self._patterns: dict[str, tuple[RedactPattern, Origin]] = {}

    def add(self, source: Source, problems: list[Problem]) -> None:
        """Take the values of a file instead of earlier ones; keys with mistakes replace nothing."""
        for section, content in (source.parse(problems) or {}).items():
            path = (section,)
            if section not in SECTIONS:
                problems.append(source.problem(path, _describe_unknown_section(section)))
            elif not isinstance(content, dict):
                what = "a list" if isinstance(content, list) else show_short(content)
                text = f"is {what}, expected one section that begins with [{section}]"
                problems.append(source.problem(path, text))
            else:
                values = _read_table(SECTIONS[section], source, path, content, problems)
                if section == "redact":
                    self._add_patterns(source, values.pop("pattern", ()), problems)
                self._values[section].update(values)
                for name in values:
                    self._origins[section, name] = Origin(source, (section, name))

    def _add_patterns(
        self, source: Source, patterns: tuple[object, ...], problems: list[Problem]
    ) -> None:
        """Add patterns of another file; a pattern replaces an earlier one of its name."""
        here: dict[str, int] = {}
        for index, pattern in enumerate(patterns):
            path: KeyPath = ("redact", "pattern", index)
            if not isinstance(pattern, RedactPattern):
                continue
            if pattern.name in here:
                first = source.place((*path[:-1], here[pattern.name])).line
                text = f"is {show_short(pattern.name)}, expected a name of its own"
                text += f" (used before, in line {first})"
                problems.append(source.problem((*path, "name"), text))
            here.setdefault(pattern.name, index)
            self._patterns[pattern.name] = (pattern, Origin(source, path))

    def finish(self) -> tuple[Config, Mapping[KeyPath, Origin]]:
        """Return the configuration, and origins by (section, key), of patterns with their index."""
        if self._patterns:
            patterns, origins = zip(*self._patterns.values(), strict=True)
            self._values["redact"]["pattern"] = patterns
            for index, origin in enumerate(origins):
                self._origins["redact", "pattern", index] = origin
        sections = {name: form(**self._values[name]) for name, form in SECTIONS.items()}
        return Config(**sections), self._origins


def _read_table(
    form: type,
    source: _Tables,
    path: KeyPath,
    table: Mapping[str, Any],
    problems: list[Problem],
) -> dict[str, Any]:
    """Return the values of a table without mistakes, and report the others in `problems`."""
    known = kinds(form)
    values = {}
    for name, value in table.items():
        here = (*path, name)
        if name in known:
            values[name] = read_value(known[name], source, here, value, problems)
        else:
            problems.append(source.problem(here, _describe_unknown_key(here, list(known))))
    return {name: value for name, value in values.items() if value is not WRONG}


def read_value(
    kind: Kind, source: _Tables, path: KeyPath, value: object, problems: list[Problem]
) -> Any:
    """Return what a kind makes of a value; WRONG where it reported at least one problem."""
    if isinstance(kind, ListOf) and isinstance(value, list):
        each = [
            read_value(kind.element, source, (*path, index), element, problems)
            for index, element in enumerate(value)
        ]
        return WRONG if WRONG in each else tuple(each)
    try:
        found = kind.read(value)
    except ValueError as error:
        problems.append(source.problem(path, str(error)))
        return WRONG
    if isinstance(kind, TablesOf):
        return tuple(
            _read_form(kind.form, source, (*path, index), table, problems)
            for index, table in enumerate(found)
        )
    return found


def _read_form(
    form: type,
    source: _Tables,
    path: KeyPath,
    table: Mapping[str, Any],
    problems: list[Problem],
) -> object:
    """Return the dataclass of one of several [[tables]], or WRONG."""
    values = _read_table(form, source, path, table, problems)
    for each in fields(form):
        if each.name not in table and each.default is MISSING:
            text = f"is missing, expected {each.metadata['kind'].expected}"
            problems.append(source.problem((*path, each.name), text))
    needed = {each.name for each in fields(form) if each.default is MISSING}
    return form(**values) if needed <= values.keys() else WRONG


def _describe_unknown_section(name: str) -> str:
    if name == "rule":
        return "is for rules, expected in a file in rules.d"
    elsewhere = _sections_with(name)
    if elsewhere:
        return f"is in no section, expected {elsewhere}"
    known = list(SECTIONS)
    hint = suggest(name, known)
    return f"is an unknown section{hint or ', expected ' + list_words(known, 'or')}"


def _describe_unknown_key(path: KeyPath, known: list[str]) -> str:
    name = str(path[-1])
    hint = suggest(name, known)
    elsewhere = _sections_with(name)
    if elsewhere and not hint:
        hint = f"; did you mean {elsewhere}?"
    return f"is an unknown key{hint or ', expected ' + list_words(known, 'or')}"


def _sections_with(name: str) -> str:
    found = [show_path((section, name)) for section in SECTIONS if name in kinds(SECTIONS[section])]
    return list_words([f'"{each}"' for each in found], "or") if found else ""
