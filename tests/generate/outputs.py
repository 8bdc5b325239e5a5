# SPDX-License-Identifier: Apache-2.0
"""All files that are made from the code's tables, in whole or between marks.

These tables are the vocabulary and the keys of the configuration. Owns the list of files, and the
marks: lines that say `generated: NAME` and `end of generated`, as
comments of their language. What stands between is replaced, everything else left.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.configuration_texts import REFERENCE, SAMPLE, put_into, render_sample
from tests.generate import messages, schemas, siem, tables

ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = ROOT / "execaudit/schemas"
_SIEM = ROOT / "packaging/siem"


_PART = re.compile(
    r"(?P<begin>^.*\bgenerated: (?P<name>\w+).*\n)(?s:.*?)(?P<end>^.*\bend of generated)",
    re.MULTILINE,
)


def _fill(path: Path, parts: Mapping[str, str]) -> str:
    """Return the text of a file with what stands between its marks made again."""
    used = set()
    around = "\n" if path.suffix == ".md" else ""

    def replace(match: re.Match[str]) -> str:
        used.add(match["name"])
        return f"{match['begin']}{around}{parts[match['name']]}\n{around}{match['end']}"

    text = _PART.sub(replace, path.read_text())
    unused = parts.keys() - used
    if unused:
        raise ValueError(f"{path} has no mark for {', '.join(sorted(unused))}")
    return text


def _guides(kinds: Mapping[str, Collection[str]]) -> dict[Path, Callable[[], str]]:
    """Return how guides with the tables of these sections and types are made."""
    made = tables.record_tables()
    return {
        ROOT / name: partial(_fill, ROOT / name, {each: made[each] for each in each_kinds})
        for name, each_kinds in kinds.items()
    }


def outputs() -> dict[Path, Callable[[], str]]:
    """Return how the text of each file is made."""
    return {
        _SCHEMAS / "execaudit.json": schemas.record_schema,
        _SCHEMAS / "ecs.json": lambda: schemas.fill_own(_SCHEMAS / "ecs.json", "execaudit"),
        _SCHEMAS / "ocsf.json": lambda: schemas.fill_own(_SCHEMAS / "ocsf.json", "unmapped"),
        **_guides({"docs/record.md": tables.EVENTS, "docs/service-records.md": tables.SERVICE}),
        ROOT / "docs/conditions.md": lambda: _fill(
            ROOT / "docs/conditions.md", tables.rule_tables()
        ),
        ROOT / "docs/messages.md": lambda: _fill(
            ROOT / "docs/messages.md", messages.message_tables()
        ),
        _SIEM / "elastic/execaudit-template.json": siem.elastic_template,
        _SIEM / "opensearch/execaudit-template.json": siem.opensearch_template,
        _SIEM / "clickhouse/execaudit.sql": lambda: _fill(
            _SIEM / "clickhouse/execaudit.sql", {"columns": siem.clickhouse_columns()}
        ),
        _SIEM / "splunk/props.conf": lambda: _fill(
            _SIEM / "splunk/props.conf", {"aliases": siem.splunk_aliases()}
        ),
        SAMPLE: render_sample,
        REFERENCE: lambda: put_into(REFERENCE.read_text()),
    }


def stale() -> Iterator[tuple[Path, str]]:
    """Yield the files that are not as they would be made now, with the text they should have.

    Each is made when it is asked for: write it before going on, as later ones are made from it.
    """
    for path, make in outputs().items():
        text = make()
        if text != path.read_text():
            yield path, text
