# SPDX-License-Identifier: Apache-2.0
"""What docs/siem.md shows and packaging/siem ships: its queries, and the names they may use.

Owns finding them in the files. It must not judge them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from execaudit.formats.schema import field_schemas, load_schema

ROOT = Path(__file__).parents[1]
SIEM = ROOT / "packaging/siem"
SHIPPERS = ROOT / "packaging/shippers"
PAGE = ROOT / "docs/siem.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


def queries(language: str) -> list[str]:
    """The page's queries in a language, in their order."""
    return [text for name, text in _FENCE.findall(PAGE.read_text()) if name == language]


def ecs_paths() -> dict[str, dict[str, Any]]:
    """The schema of each field of our ECS documents by its dotted path."""
    schema = load_schema("ecs")

    def resolve(one: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in one:
            target = schema
            for name in one["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            one = target
        return one

    def walk(one: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        one = resolve(one)
        while one.get("type") == "array":
            one = resolve(one["items"])
        if "properties" not in one:
            yield path, one
        for name, member in one.get("properties", {}).items():
            yield from walk(member, f"{path}.{name}" if path else name)

    return dict(walk(schema, ""))


def record_names() -> set[str]:
    """Names of the fields of a record."""
    return {"type", *field_schemas()}


def words(query: str) -> set[str]:
    """Lower-case words of a query, without what stands in quotes, is called or follows `=`."""
    text = _QUOTED.sub(" ", re.sub(r"`[^`]*`", " ", query))
    return set(re.findall(r"(?<![\w.=])[a-z_][a-z_0-9]*\b(?!\()", text))
