# SPDX-License-Identifier: Apache-2.0
"""One file of the configuration or of the rules: its tables, and where its mistakes are.

Owns the way from a file's bytes to tables and [[rule]] tables, and from a key to the problem that
names its line, in the form that editors and CI systems know: `file:line:column: key: what is wrong,
what was expected`. It does not look into rules: the rules package compiles them.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from execaudit.config.schema import SECTIONS
from execaudit.config.toml_places import KeyPath, Place, Places, find_places
from execaudit.config.toml_text import describe_syntax_error, show_path, show_short
from execaudit.errors import ExecauditError, NoPermission, NotConfigured
from execaudit.records.quoting import make_printable

_MOST_LEVELS = 64
_MOST_CHARS = 1000


class Problem(NamedTuple):
    """One mistake.

    Attributes:
        file: path as it was opened.
        line: from 1; 0 for the file as a whole (its owner, say).
        column: from 1, in characters; 0 like `line`.
        key: the key from the top, such as `file.mode` or `rule[3].uid`; "" for none.
        text: what is wrong, and what was expected.
        is_denied: True if a permission is missing.

    """

    file: str
    line: int
    column: int
    key: str
    text: str
    is_denied: bool = False

    def __str__(self) -> str:
        """Return the line of text that users see."""
        where = f":{self.line}:{self.column}" if self.line else ""
        key = f"{self.key}: " if self.key else ""
        said = make_printable(key + self.text)
        if len(said) > _MOST_CHARS:  # a key or a value is a page long
            said = f"{said[: _MOST_CHARS // 2]} … {said[-_MOST_CHARS // 2 :]}"
        return f"{make_printable(self.file)}{where}: {said}"


def mistakes_error(problems: Iterable[Problem], heading: str = "") -> ExecauditError:
    """Return the error for problems, a line each: NoPermission if a permission is missing."""
    unique = list(dict.fromkeys(problems))
    lines = "\n".join([*([heading] if heading else []), *map(str, unique)])
    is_denied = any(each.is_denied for each in unique)
    return NoPermission(lines) if is_denied else NotConfigured(lines)


class Source:
    """A file.

    Attributes:
        file: its path.
        name: relative to the folder it was found in: `execaudit.toml`, `conf.d/10-x.toml`.
        data: its bytes.
        text: the same, decoded.

    """

    __slots__ = ("_places", "data", "file", "name", "text")

    def __init__(self, file: str, name: str, data: bytes) -> None:
        self.file = file
        self.name = name
        self.data = data
        self.text = data.decode()
        self._places: Places | None = None

    def place(self, path: KeyPath) -> Place:
        """Return line and column of a key, or of the nearest key above it."""
        if self._places is None:  # only mistakes and listings need it
            self._places = find_places(self.text)
        return self._places.place(path)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Return a problem with a key in this file."""
        return Problem(self.file, *self.place(path), show_path(path), text)

    def parse(self, problems: list[Problem]) -> dict[str, Any] | None:
        """Return the tables; None where it is not TOML, with the reason added to `problems`."""
        try:
            tables = tomllib.loads(self.text)
        except ValueError as error:
            place, key, text = describe_syntax_error(self.text, error)
            problems.append(Problem(self.file, *place, key, text))
        except RecursionError:
            problems.append(self._refuse_depth(()))
        else:
            deep = [name for name, value in tables.items() if _is_too_deep(value)]
            problems += [self._refuse_depth((name,)) for name in deep]
            return None if deep else tables
        return None

    def _refuse_depth(self, path: KeyPath) -> Problem:
        return self.problem(path, "is nested too deeply, expected a few levels")


def _is_too_deep(value: object) -> bool:
    """Return True for tables and lists that those who walk through them cannot recurse into.

    tomllib itself refuses deep lists and inline tables, but not `a.a.a.a = 0`.
    """
    level = [value]
    for _ in range(_MOST_LEVELS):
        tables = [each for each in level if isinstance(each, dict)]
        lists = [*(each for each in level if isinstance(each, list)), *map(dict.values, tables)]
        level = [below for each in lists for below in each]
    return bool(level)


@dataclass(frozen=True, slots=True)
class RuleTable:
    """One [[rule]].

    Attributes:
        source: the file it is in.
        index: its number in this file, from 0.
        values: its keys and values, as tomllib gives them.

    """

    source: Source
    index: int
    values: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Return the path of the file."""
        return self.source.file

    @property
    def name(self) -> str:
        """Return its name; "" where it has none, or one that is no text."""
        name = self.values.get("name")
        return name if isinstance(name, str) else ""

    @property
    def line(self) -> int:
        """Return the line of its [[rule]] header."""
        return self.source.place(("rule", self.index)).line

    def place(self, path: KeyPath) -> tuple[str, int, int]:
        """Return file, line and column of a key, by its path from the rule down; () is the rule."""
        return self.source.file, *self.source.place(("rule", self.index, *path))

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Return a problem with a key in this rule: ("uid", 1) is its second uid."""
        return self.source.problem(("rule", self.index, *path), text)


DISABLE = "disable"
"""Key of a rules file: names of rules, of any file, that are switched off."""


def rule_tables(
    source: Source, problems: list[Problem], disabled: set[str] | None = None
) -> list[RuleTable]:
    """Return the rules of a file in order.

    What is no rule goes to `problems`, names of rules that the file switches off go to `disabled`.
    """
    found: list[RuleTable] = []
    for name, value in (source.parse(problems) or {}).items():
        if name == DISABLE:
            if isinstance(value, list) and all(isinstance(each, str) for each in value):
                (disabled if disabled is not None else set()).update(value)
            else:
                text = f"is {show_short(value)}, expected a list of names of rules"
                problems.append(source.problem((name,), text))
        elif name != "rule":
            problems.append(source.problem((name,), _describe_unknown(name)))
        elif not isinstance(value, list):
            text = f"is {show_short(value)}, expected tables that begin with [[rule]]"
            problems.append(source.problem((name,), text))
        else:
            for index, table in enumerate(value):
                if isinstance(table, dict):
                    found.append(RuleTable(source, index, table))
                else:
                    text = f"is {show_short(table)}, expected a table"
                    problems.append(source.problem((name, index), text))
    return found


def read_rules(text: str, file: str = "rules.toml") -> tuple[list[RuleTable], list[Problem]]:
    """Return the rules of a text, and its problems, which name `file`."""
    problems: list[Problem] = []
    return rule_tables(Source(file, file, text.encode()), problems), problems


def _describe_unknown(name: str) -> str:
    if name in SECTIONS:
        return "is a section of the configuration, expected in execaudit.toml or in conf.d"
    return "is unknown in a rules file, expected [[rule]] and below it the keys of a rule"
