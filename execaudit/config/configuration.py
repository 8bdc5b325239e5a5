# SPDX-License-Identifier: Apache-2.0
"""The configuration as the program uses it: `load` reads all files and returns every mistake.

Owns the sequence: find the files (config.files), check and merge them (config.merge), compare
values with each other (config.coherence), hash all. Rules stay tables: the rules package reads
them. Nothing here raises for what is on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from execaudit.config.coherence import find_contradictions
from execaudit.config.digest import sha256
from execaudit.config.files import Paths, read_sources
from execaudit.config.merge import Merged, Origin
from execaudit.config.schema import Config
from execaudit.config.source import Problem, RuleTable, Source, read_rules, rule_tables
from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_path

__all__ = ["Config", "Loaded", "Origin", "Paths", "Problem", "RuleTable", "load", "read_rules"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration that was read.

    Attributes:
        config: the effective values. A key with a mistake has the value it has without that file.
        rules: all rules that are not disabled, in order.
        problems: by file in order of reading, then by line. With any, the rest must not be used.
        config_hash: SHA-256, in hexadecimal, over all files that count, in order: of each its
            name (conf.d/10-x.toml), a NUL, its length in decimal, a NUL, its bytes.
        sources: these files, in that order.
        rules_from: index of the first rules file among them.
        origins: file and key of each value, by (section, key), of patterns by ("redact", "pattern",
            index). Defaults have none.
        disabled: names of rules that files switch off, sorted.

    """

    config: Config
    rules: tuple[RuleTable, ...]
    problems: tuple[Problem, ...]
    config_hash: str
    sources: tuple[Source, ...]
    rules_from: int
    origins: Mapping[KeyPath, Origin]
    disabled: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Return the paths of the files that count, in order."""
        return tuple(source.file for source in self.sources)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Return a problem with an effective value, for checks that come later."""
        return _problem(self.origins, path, text)


def load(paths: Paths) -> Loaded:
    """Read, merge and check everything."""
    return load_sources(*read_sources(paths))


def load_sources(
    sources: list[Source], rule_sources: list[Source], problems: list[Problem]
) -> Loaded:
    """Merge and check files that were read; `problems` are about files as a whole."""
    merged = Merged()
    for source in sources:
        merged.add(source, problems)
    config, origins = merged.finish()
    rules: list[RuleTable] = []
    before = len(problems)
    disabled: set[str] = set()
    for source in rule_sources:
        rules += rule_tables(source, problems, disabled)
    rules = [rule for rule in rules if not rule.name or rule.name not in disabled]
    labels = _given_labels(rules) if len(problems) == before else None
    for path, text in find_contradictions(config, origins.keys(), labels):
        problems.append(_problem(origins, path, text))
    everything = [*sources, *rule_sources]
    return Loaded(
        config,
        tuple(rules),
        _in_order(problems),
        _hash(everything),
        tuple(everything),
        len(sources),
        origins,
        tuple(sorted(disabled)),
    )


def _problem(origins: Mapping[KeyPath, Origin], path: KeyPath, text: str) -> Problem:
    for length in range(len(path), 0, -1):
        origin = origins.get(path[:length])
        if origin:
            return origin.problem(text, *path[length:])
    return Problem("default", 0, 0, show_path(path), text)


def _given_labels(rules: list[RuleTable]) -> set[str]:
    """Return all labels that rules give, whatever else is wrong with the rules."""
    lists = [rule.values.get("labels") for rule in rules]
    labels = [each for found in lists if isinstance(found, list) for each in found]
    return {label for label in labels if isinstance(label, str)}


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    ranks: dict[str, int] = {}
    for problem in problems:
        ranks.setdefault(problem.file, len(ranks))
    unique = dict.fromkeys(problems)  # a directory above several others is judged for each
    return tuple(sorted(unique, key=lambda each: (ranks[each.file], each.line, each.column)))


def _hash(sources: list[Source]) -> str:
    digest = sha256()
    for source in sources:
        digest.update(f"{source.name}\0{len(source.data)}\0".encode())
        digest.update(source.data)
    return str(digest.hexdigest())
